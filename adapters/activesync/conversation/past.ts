/**
 * What a device holds by a key that is none of the two living ones: an earlier key of its own, one that was issued in
 * what a restored log lost, or one that was issued to the device's former self.
 */
import type { Folder } from '../../../domain/folder/state.ts';
import type { DeviceKey, Instant, ItemId, Position } from '../../../domain/shared/ids.ts';
import type { KeyParts } from '../../../domain/sync/decide.ts';
import { type ResetCause, type SyncOptions, unsureHash } from '../../../domain/sync/events.ts';
import { parseKey } from '../../../domain/sync/key.ts';
import { contentUnknown, perhapsHeld, vague } from '../../../domain/sync/resets.ts';
import type { ConversationState, Held } from '../../../domain/sync/state.ts';
import { itemsOf, type Session } from '../session.ts';
import { itemFilter } from './filter.ts';
import type { ConversationId } from './store.ts';
import type { ExchangeDeps } from './terms.ts';

export interface Past {
  /** Why a new epoch begins with it. */
  readonly cause: ResetCause;
  readonly held: ReadonlyMap<ItemId, Held>;
  readonly supported: readonly number[] | null;
  readonly options?: SyncOptions;
  readonly key: KeyParts;
  /** When that device began with nothing; absent where it is not known. */
  readonly began?: Instant;
  /** Whom the key was issued to. */
  readonly author: DeviceKey;
  /** The device may hold what a restored log does not know. */
  readonly isLost?: boolean;
  /** Whom the device was before; absent for one that goes on with what is its own. */
  readonly former?: DeviceKey;
}

/** @param id the conversation that the key is of. Null for a key that was never issued in it. */
export async function pastOf(
  deps: ExchangeDeps,
  id: ConversationId,
  folder: Folder,
  state: ConversationState | null,
  key: KeyParts,
): Promise<Past | null> {
  const { device: author } = id;
  const then = state && key.epoch <= state.epoch ? await deps.conversations.heldAt(id, key) : null;
  if (then) {
    const { supported, options, began } = then.state;
    const isRenewed = key.epoch < (state?.renewedFrom ?? 0);
    const held = isRenewed ? contentUnknown(then.held) : withoutStale(then.held, then.state);
    return { cause: 'earlierKey', held, supported, options, key, author, ...(began ? { began } : {}) };
  }
  const restoredFrom = state ? state.restoredFrom : await deps.conversations.restoredFrom(id.tenant);
  if (restoredFrom === undefined || key.epoch >= restoredFrom) return null;
  const base = await deps.conversations.heldAt(id, { epoch: restoredFrom, counter: 1 });
  const { supported = null, options } = base?.state ?? {};
  const held = await withUnsure(deps, id, folder, contentUnknown(base?.held ?? new Map()), options);
  return { cause: 'restored', held, supported, options, key, author, isLost: true };
}

/** A device of another id that this one was before: it comes with a key that was issued to that one. */
export async function pastOfFormer(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  folder: Folder,
  syncKey: string,
): Promise<Past | null> {
  for (const device of (await deps.kin?.formerSelves(session)) ?? []) {
    const theirs = { ...id, device };
    const key = parseKey(syncKey, deps.keyChecks.of(theirs));
    if (!key) continue;
    const { state } = await deps.conversations.load(theirs);
    const past = await pastOf(deps, theirs, folder, state, key);
    const isLost = past?.isLost === true || state?.holdsLost === true;
    if (past) return { ...past, cause: 'attached', isLost, former: device };
  }
  return null;
}

/**
 * A device that began anew, and yet speaks of items: it kept what it was told under another id. Those it speaks of it
 * holds; of the others nobody knows which it kept.
 * @param holdsNothing what its key stands for.
 */
export async function pastByClaims(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  holdsNothing: Past,
  claimed: ReadonlySet<ItemId>,
): Promise<Past | null> {
  for (const device of (await deps.kin?.formerSelves(session)) ?? []) {
    const theirs = { ...id, device };
    const conversation = await deps.conversations.load(theirs);
    if (!conversation.state) continue;
    const held = perhapsHeld(conversation.state, await deps.conversations.allHeld(theirs, conversation));
    if (![...claimed].every((item) => held.has(item))) continue;
    for (const [item, one] of held) if (!claimed.has(item)) held.set(item, { ...one, hash: unsureHash });
    const isLost = conversation.state.holdsLost === true;
    return { ...holdsNothing, cause: 'attached', held, isLost, former: device };
  }
  return null;
}

/** What must be sent anew is held as something that no rendering is, so that the difference finds it. */
function withoutStale(held: ReadonlyMap<ItemId, Held>, { stale }: ConversationState): Map<ItemId, Held> {
  const known = new Map(held);
  for (const item of stale) {
    const before = known.get(item);
    if (before) known.set(item, vague(before));
  }
  return known;
}

/** Of what left the folder only the latest can have been told to a device by what is lost. */
const removedMax = 1_000;
const pageSize = 512;

/** What the folder holds beside, or held lately, may have been told in what is lost, or not: nobody knows. */
async function withUnsure(
  deps: ExchangeDeps,
  { tenant }: ConversationId,
  folder: Folder,
  held: Map<ItemId, Held>,
  options: SyncOptions | undefined,
): Promise<Map<ItemId, Held>> {
  const filter = itemFilter(folder.kind, options?.filterType ?? 0, Date.parse(deps.now()));
  const removed: [ItemId, Held][] = [];
  for (let position = 0 as Position; ; ) {
    const rows = await deps.view.changedSince(tenant, itemsOf(folder), position, pageSize);
    for (const row of rows) {
      if (held.has(row.item)) continue;
      const unsure: Held = { version: row.version, hash: unsureHash };
      if (row.deleted) removed.push([row.item, unsure]);
      else if (filter.passes(row)) held.set(row.item, unsure);
    }
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) break;
    position = last.position;
  }
  for (const [item, unsure] of removed.slice(-removedMax)) held.set(item, unsure);
  return held;
}
