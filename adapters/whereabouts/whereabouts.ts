/** Gathers what must be known to say why an item is, or is not, on a device. Reads only. */
import type { Account } from '../../domain/account/state.ts';
import type { DeviceState } from '../../domain/device/state.ts';
import { type Erased, erasureStream, subjectOf } from '../../domain/erasure/events.ts';
import type { Folder } from '../../domain/folder/state.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import type { MergeEventData } from '../../domain/matching/events.ts';
import type { DeviceKey, Instant, ItemId, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { anyConfig, type ConversationState, type Held } from '../../domain/sync/state.ts';
import { type Explanation, explain } from '../../domain/whereabouts/explain.ts';
import type {
  ConversationFacts,
  Deed,
  DeviceFacts,
  ItemFacts,
  WhereaboutsFacts,
} from '../../domain/whereabouts/facts.ts';
import { linkStream } from '../../domain/writeback/events.ts';
import type { ItemRow } from '../../projections/item-view/read.ts';
import type { SyncView } from '../../projections/sync/read.ts';
import { configOf } from '../activesync/conversation/changes.ts';
import { itemFilter } from '../activesync/conversation/filter.ts';
import { Renderer, sameContent } from '../activesync/conversation/renderer.ts';
import type { SyncDeps } from '../activesync/deps.ts';
import { itemsOf, RequestSession } from '../activesync/session.ts';
import { parseVersion } from '../activesync/version.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';
import type { ExchangeReader } from '../exchange-record/port.ts';
import { ActorNames } from '../history/actors.ts';
import { lastRefusal } from './refusals.ts';

export interface WhereaboutsOptions {
  readonly store: Pick<EventStore, 'load' | 'loadMany'>;
  readonly syncView: Pick<SyncView, 'conversation' | 'held'>;
  readonly deps: Pick<SyncDeps, 'view' | 'open' | 'classOf' | 'folders' | 'now'>;
  readonly record: Pick<ExchangeReader, 'list' | 'body' | 'withheldFor' | 'quiet'>;
  readonly keysAbove?: (tenant: TenantId, subject: SubjectId) => Promise<readonly SubjectId[]>;
}

/** Whose device, and in which state it is. */
export interface DeviceOf {
  readonly tenant: TenantId;
  readonly account: Account;
  readonly key: DeviceKey;
  readonly deviceId: string;
  readonly state: DeviceState;
}

export interface Whereabouts extends Explanation {
  readonly facts: WhereaboutsFacts;
}

const kinds: readonly ItemKind[] = ['contact', 'appointment', 'task', 'note'];

export class WhereaboutsFinder {
  readonly #options: WhereaboutsOptions;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  async of(item: ItemId, of: DeviceOf): Promise<Whereabouts> {
    const facts = await this.#facts(item, of);
    return { ...explain(facts), facts };
  }

  async #facts(item: ItemId, of: DeviceOf): Promise<WhereaboutsFacts> {
    const { tenant, account, key } = of;
    const { facts, state } = await this.#item(tenant, item);
    const device = await this.#device(of);
    const unknown = { item: facts, device, folder: null, conversation: null, withheld: null, refusal: null };
    if (!state) return unknown;
    const tree = await this.#options.deps.folders.of(tenant, account.id);
    const folder = [...tree.values()].find((one) => itemsOf(one) === state.collection);
    if (!folder) return unknown;
    const [row] = await this.#options.deps.view.byItems(tenant, state.collection, [item]);
    const shown = { name: folder.displayName, access: folder.access, isForeign: folder.owner !== undefined };
    const talk = await this.#talk(of, folder, state, item, row);
    const { collection } = folder;
    const refusal = talk && (await lastRefusal(this.#options.record, { tenant, device: key, collection }, item));
    return {
      item: { ...facts, endsAt: row?.ends_at ? (row.ends_at.toISOString() as Instant) : null },
      ...{ device, folder: shown, refusal },
      conversation: talk?.conversation ?? null,
      withheld: talk?.withheld ?? null,
    };
  }

  async #item(tenant: TenantId, item: ItemId): Promise<{ facts: ItemFacts; state: ItemState | null }> {
    const nothing = { item, kind: null, mergedInto: null, version: -1, last: null, erased: null };
    const unsaid = { refusedByOffice: null, endsAt: null };
    const link = linkStream(item);
    const pages = await this.#options.store.loadMany(tenant, [...kinds.map((one) => itemStream(one, item)), link]);
    const kind = kinds.find((one) => pages.has(itemStream(one, item)));
    if (!kind) return { facts: { ...nothing, ...unsaid, standing: 'unknown' }, state: null };
    const events = pages.get(itemStream(kind, item))?.events ?? [];
    const names = new ActorNames(this.#options.store);
    const readable = events.filter(({ type }) => type !== 'Forgotten');
    const last = readable.findLast(({ type }) => !/ConflictKept$|^ConflictDecided$/.test(type));
    const said = { ...nothing, ...unsaid, kind, last: last ? await deedOf(names, tenant, last) : null };
    if (events.length > 0 && readable.length === 0) {
      return { facts: { ...said, standing: 'erased', erased: await this.#erasure(tenant, item, names) }, state: null };
    }
    const forwarded = readable.findLast(({ type }) => type === 'ItemForwarded' || /Added$/.test(type));
    if (forwarded?.type === 'ItemForwarded') {
      const mergedInto = (forwarded.data as MergeEventData['ItemForwarded']).to;
      return { facts: { ...said, standing: 'merged', mergedInto }, state: null };
    }
    const state = fold(readable);
    if (!state) return { facts: { ...said, standing: 'unknown' }, state: null };
    const refused = pages.get(link)?.events.findLast(({ type }) => /^WriteBack(Refused|Confirmed)$/.test(type));
    const refusedByOffice = refused?.type === 'WriteBackRefused' ? (refused.data as { reason: string }).reason : null;
    const standing = state.removed ? 'removed' : 'live';
    return { facts: { ...said, standing, version: state.version, refusedByOffice }, state };
  }

  async #erasure(tenant: TenantId, item: ItemId, names: ActorNames): Promise<Deed | null> {
    const { store, keysAbove } = this.#options;
    const above = (await keysAbove?.(tenant, itemSubject(item))) ?? [itemSubject(item)];
    const { events } = await store.load(tenant, erasureStream);
    const first = events.find(
      ({ type, data }) => type === 'SubjectErased' && above.includes(subjectOf(data as Erased)),
    );
    return first ? await deedOf(names, tenant, first) : null;
  }

  async #device({ tenant, key, deviceId, state }: DeviceOf): Promise<DeviceFacts> {
    const { record } = this.#options;
    const [last] = await record.list({ tenant, device: key, newestFirst: true, limit: 1 });
    const quiet = (await record.quiet(tenant, key)).map(({ lastAt }) => lastAt);
    const lastSeenAt = [...quiet, ...(last ? [last.at] : [])].sort().at(-1) ?? null;
    return { deviceId, standing: standingOf(state), lastSeenAt: lastSeenAt as Instant | null };
  }

  /** Null when the device never asked for the folder. */
  async #talk(of: DeviceOf, folder: Folder, state: ItemState, item: ItemId, row: ItemRow | undefined) {
    const { tenant, key } = of;
    const { syncView, deps, record } = this.#options;
    const found = await syncView.conversation(tenant, key, folder.collection);
    if (!found) return null;
    const talk = found.state;
    const held = (await syncView.held(tenant, key, folder.collection, [item])).get(item);
    const renderer = this.#renderer(of, folder, talk);
    const filter = itemFilter(folder.kind, talk.options.filterType, Date.parse(deps.now()));
    const cursor = talk.offer?.cursor ?? talk.cursor;
    const isSameConfig = cursor.config === anyConfig || cursor.config === configOf({ filter, renderer });
    const isRead = row !== undefined && isSameConfig && cursor.position >= row.position;
    const { hash, trouble } = await this.#rendered(tenant, renderer, row);
    const told = talk.offer?.ops.findLast(([one, op]) => one === item && op !== 'stale');
    const isForeign = folder.owner !== undefined;
    const conversation: ConversationFacts = {
      key: `${talk.epoch}.${talk.issued}`,
      held: held ? { version: held.version, isCurrent: isCurrent(held, state, hash) } : null,
      offered: told && told[1] !== 'stale' ? { op: told[1], version: told[2] } : null,
      isStale:
        talk.stale.includes(item) || talk.offer?.ops.some(([one, op]) => one === item && op === 'stale') === true,
      heldBack: heldBackOf(talk, item),
      isRead,
      filter: filter.name === 'all' ? null : filterText(folder.kind, talk.options.filterType),
      passesFilter: state.removed || row === undefined || filter.passes(row),
      isTimesOnly: isForeign && isPrivate(state),
    };
    const [noted] = await record.withheldFor(tenant, key, item);
    const before = noted && !held && isRead ? `${noted.reason ?? 'it could not then'}, last on ${noted.lastAt}` : null;
    return { conversation, withheld: trouble ?? before };
  }

  #renderer({ tenant, account, key, deviceId, state }: DeviceOf, folder: Folder, talk: ConversationState): Renderer {
    const version = state.kind === 'device' ? parseVersion(state.client.protocolVersion) : undefined;
    const session = new RequestSession({ tenant, account }, key, deviceId, version ?? 141, undefined);
    const { classOf } = this.#options.deps;
    return new Renderer(classOf(folder.kind), session, talk.options, folder.owner !== undefined);
  }

  /** As the device would be given it now. */
  async #rendered(tenant: TenantId, renderer: Renderer, row: ItemRow | undefined) {
    if (!row || row.deleted) return { hash: null, trouble: null };
    const fields = (await this.#options.deps.open(tenant, [row])).get(row.item);
    if (!fields) return { hash: null, trouble: null };
    try {
      return { hash: renderer.render(fields).hash, trouble: null };
    } catch (error) {
      return { hash: null, trouble: error instanceof Error ? error.message : String(error) };
    }
  }
}

async function deedOf(names: ActorNames, tenant: TenantId, { meta, position }: RecordedEvent): Promise<Deed> {
  return { at: meta.at, who: (await names.of(tenant, meta.actor, position)).text };
}

function standingOf(state: DeviceState): DeviceFacts['standing'] {
  if (state.kind !== 'device') return 'unknown';
  if (state.wipe.kind !== 'none') return state.wipe.kind === 'done' ? 'wiped' : 'wipeRequested';
  return state.blocked ? 'blocked' : 'welcome';
}

function isCurrent(held: Held, state: ItemState, hash: string | null): boolean {
  return held.version === state.version || (hash !== null && sameContent(held.hash, hash));
}

function heldBackOf({ heldBack }: ConversationState, item: ItemId): ConversationFacts['heldBack'] {
  if (heldBack?.deleted.includes(item)) return 'deleted';
  return heldBack?.blanked.includes(item) ? 'blanked' : null;
}

function isPrivate({ fields }: ItemState): boolean {
  const { sensitivity } = fields as { sensitivity?: string };
  return sensitivity === 'private' || sensitivity === 'confidential';
}

/** MS-ASCMD 2.2.3.68.2 FilterType. */
const spans: Readonly<Record<number, string>> = {
  4: 'two weeks',
  5: 'month',
  6: 'three months',
  7: 'six months',
};

function filterText(kind: Folder['kind'], filterType: number): string {
  return kind === 'task' ? 'open tasks' : `appointments of the last ${spans[filterType] ?? 'days'} and later`;
}
