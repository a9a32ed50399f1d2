/** What it means for a device that what it brought is another item: see claims.ts and copies.ts. */
import type { ItemState } from '../../../domain/item/state.ts';
import type { ItemId } from '../../../domain/shared/ids.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRequest, ItemResult } from '../../items/item-commands.ts';
import { syncStatus } from '../status.ts';
import type { Claim } from './claims.ts';
import type { ClientCommand, CommandsInput, CommandsResult } from './commands.ts';
import { sameContent } from './renderer.ts';

/**
 * The device has what it sent under the ServerId it is told. Where it holds the item already it would hold two of one
 * ServerId, so its copy has an id of its own, and goes.
 */
export function settleClaim(
  input: CommandsInput,
  command: ClientCommand,
  { item }: ItemRequest,
  { alias, fields }: Claim,
  { decision, state }: ItemResult,
  held: Map<ItemId, Held>,
  out: CommandsResult,
): void {
  if (command.do !== 'add') return;
  const { clientId } = command;
  if (decision.kind === 'unreadable') {
    out.responses.push({ do: 'add', status: decision.status, clientId });
    return;
  }
  // Erased since it took in what the phone brought, which goes from the phone too.
  const isErased = decision.kind === 'refused' || !state;
  const known = held.get(item);
  const isCopy = known !== undefined || isErased;
  const sent = rendering(input, isErased ? null : { ...state, fields });
  const copy = isCopy ? alias : item;
  const now: Held = isCopy ? { version: 0, hash: '' } : sent;
  const later = (one: ItemId): void => {
    out.ops.push([one, 'stale', 0, '']);
    out.later.add(one);
  };
  out.responses.push({ do: 'add', status: syncStatus.success, clientId, item: copy });
  out.ops.push([copy, 'add', now.version, now.hash]);
  held.set(copy, now);
  if (isCopy) later(alias);
  if (isErased) return;
  if (!sameContent((known ?? sent).hash, rendering(input, state).hash)) later(item);
}

/** The copy goes by itself; the item has become something else than the device holds of it. */
export function settleCopy(
  copy: ItemId,
  { item }: ItemRequest,
  { decision, state }: ItemResult,
  held: ReadonlyMap<ItemId, Held>,
  out: CommandsResult,
): void {
  if (decision.kind !== 'accepted') {
    const status = decision.kind === 'unreadable' ? decision.status : syncStatus.objectNotFound;
    out.responses.push({ do: 'change', status, item: copy });
  } else if (held.has(item) && !state?.removed) {
    out.ops.push([item, 'stale', 0, '']);
    out.later.add(item);
  }
}

/** What a device holds that has the item as it is. */
export function rendering(input: CommandsInput, state: ItemState | null): { version: number; hash: string } {
  if (!state) return { version: -1, hash: '' };
  // What cannot be rendered is held under no hash; the next look at it finds and reports that.
  try {
    return { version: state.version, hash: input.renderer.render(state.fields).hash };
  } catch {
    return { version: state.version, hash: '' };
  }
}
