/**
 * Adds that come with a key of the device's former self: sent again by the same phone after a lost answer, or new ones
 * of a second phone that was made from a backup of the first and counts its ClientIds from where that stood.
 */
import { equal } from '../../../domain/conflict/paths.ts';
import { fold } from '../../../domain/item/state.ts';
import { pastEvents } from '../../items/item-commands.ts';
import type { ClientCommand, CommandsDeps, CommandsInput, Planned } from './commands.ts';

/**
 * Those of the Adds that were carried out before, under the DeviceId they are planned for and with the same content. A new
 * one must not pass for an older one's edit.
 */
export async function sentBefore(
  deps: Pick<CommandsDeps, 'items'>,
  { id }: CommandsInput,
  planned: readonly Planned[],
): Promise<ReadonlySet<ClientCommand>> {
  const found = new Set<ClientCommand>();
  for (const { command, request } of planned) {
    const made = request?.command;
    if (command.do !== 'add' || !request || typeof made !== 'object' || made.do !== 'add') continue;
    const history = await deps.items.history(id.tenant, request.kind, request.item);
    const first = fold(pastEvents(history.slice(0, 1)));
    if (first && equal(first.fields, made.fields)) found.add(command);
  }
  return found;
}
