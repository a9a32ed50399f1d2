/**
 * After a restore devices hold items that the log does not know any more. What such a device says of one is all that is
 * left of it, so the item is made anew of that, under the very id that the device knows it by.
 */
import type { PastEvent } from '../../../domain/item/decide.ts';
import type { Fields, ItemKind } from '../../../domain/item/fields.ts';
import type { AccountId, CollectionId, ItemId } from '../../../domain/shared/ids.ts';
import type { ItemRow } from '../../../projections/item-view/read.ts';
import type { ItemRequest } from '../../items/item-commands.ts';
import type { ItemClass, ParseContext } from '../classes/port.ts';
import { syncStatus } from '../status.ts';
import type { Element } from '../wbxml/element.ts';
import type { CommandsDeps, CommandsInput } from './commands.ts';

/** Ids as we make them (see `adapters/ids.ts`): nothing else was ever told to a device. */
const itemId = /^[a-z2-7]{26}$/;

/**
 * Which items of the request's Changes may be made anew: those that nobody has, in a conversation whose device may hold
 * what is lost. Costs nothing in any other.
 */
export async function adoptable(
  deps: Pick<CommandsDeps, 'view'>,
  { id, conversation, folder, commands }: CommandsInput,
  rows: ReadonlyMap<ItemId, ItemRow>,
): Promise<ReadonlySet<ItemId>> {
  if (!conversation.state?.holdsLost || folder.access !== 'write') return new Set();
  const unknown = commands.flatMap((command) =>
    command.do === 'change' && !command.instanceId && !rows.has(command.item) && itemId.test(command.item)
      ? [command.item]
      : [],
  );
  const elsewhere = await deps.view.locate(id.tenant, unknown);
  return new Set(unknown.filter((item) => !elsewhere.has(item)));
}

/** The command that makes the item anew; refused when it is known after all, or the Change says too little. */
export function adoption(
  itemClass: ItemClass,
  context: ParseContext,
  data: Element | undefined,
  place: { readonly kind: ItemKind; readonly owner: AccountId; readonly collection: CollectionId },
): ItemRequest['command'] {
  return (history: readonly PastEvent[]) => {
    const refuse = (reason: string) => ({ kind: 'unreadable', status: syncStatus.objectNotFound, reason }) as const;
    if (history.length > 0 || !data) return refuse('the item is another one');
    const parsed = itemClass.parse(data, context);
    if (parsed.kind === 'refused') return { kind: 'unreadable', status: parsed.status, reason: parsed.reason };
    const said = Object.entries(parsed.patch.set).filter(([, value]) => value !== undefined);
    const fields = Object.fromEntries(said) as Fields;
    if (!names[place.kind].some((name) => name in fields)) return refuse('the Change says too little of the item');
    return { do: 'add', ...place, fields };
  };
}

/** What tells an item from others: without any of these it would be a row that nobody recognises. */
const names: Readonly<Record<ItemKind, readonly string[]>> = {
  contact: ['fileAs', 'givenName', 'familyName', 'company', 'email1', 'mobilePhone'],
  appointment: ['start'],
  task: ['subject', 'body'],
  note: ['subject', 'body'],
};
