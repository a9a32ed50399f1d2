/**
 * A device may write into its own copy of an item (see claims.ts) before it is told to delete that copy. What it
 * changed in the copy is a change of the item.
 */
import { applyPatch } from '../../../domain/item/decide.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import type { MergeEventData } from '../../../domain/matching/events.ts';
import type { ItemId } from '../../../domain/shared/ids.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { ItemRow } from '../../../projections/item-view/read.ts';
import { itemIdFrom } from '../../ids.ts';
import type { ItemRequest, Refusal } from '../../items/item-commands.ts';
import type { Parsed } from '../classes/port.ts';
import { forwardedTo, laterEdit } from './claims.ts';
import type { CommandsDeps, CommandsInput } from './commands.ts';

/** What a device's copy is a copy of. */
export interface Copy {
  readonly to: ItemId;
  /** What the device had in it when it brought it, and the revision of the item that took it in. */
  readonly claim: Fields;
  readonly revision: number;
}

/** The copies among the items that the request changes: held by the device, and nowhere else. Rare, and else free. */
export async function copiesOf(
  deps: Pick<CommandsDeps, 'items'>,
  { id, folder, commands }: CommandsInput,
  held: ReadonlyMap<ItemId, Held>,
  rows: ReadonlyMap<ItemId, ItemRow>,
): Promise<ReadonlyMap<ItemId, Copy>> {
  const copies = new Map<ItemId, Copy>();
  const unknown = commands.flatMap((command) =>
    command.do === 'change' && held.has(command.item) && !rows.has(command.item) ? [command.item] : [],
  );
  if (unknown.length === 0) return copies;
  const histories = await deps.items.histories(id.tenant, folder.kind, unknown);
  for (const item of unknown) {
    const to = forwardedTo(histories.get(item) ?? []);
    if (!to) continue;
    const history = await deps.items.history(id.tenant, folder.kind, to);
    const merge = history.find(({ type, meta }) => type === 'ItemsMerged' && itemIdFrom(meta.commandId) === item);
    if (!merge) continue;
    const { claim } = merge.data as MergeEventData['ItemsMerged'];
    copies.set(item, { to, claim, revision: merge.revision });
  }
  return copies;
}

/** The change of the item that the change of its copy means. `parse` reads what the device sent, by what it knew. */
export function changeOfCopy(copy: Copy, parse: (known: Fields) => Parsed<Fields>): ItemRequest['command'] {
  const parsed = parse(copy.claim);
  if (parsed.kind === 'refused') {
    const refusal: Refusal = { kind: 'unreadable', status: parsed.status, reason: parsed.reason };
    return () => refusal;
  }
  return laterEdit(applyPatch(copy.claim, parsed.patch), copy.revision);
}
