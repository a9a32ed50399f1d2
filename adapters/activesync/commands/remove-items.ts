import type { Folder } from '../../../domain/folder/state.ts';
import type { Cause } from '../../../domain/shared/event.ts';
import type { CommandId } from '../../../domain/shared/ids.ts';
import type { ActiveSyncDeps } from '../deps.ts';
import { actorOf, conversationOf, itemsOf, ownerOf, type Session } from '../session.ts';

const itemsPerAppend = 200;

/**
 * Removes all items of a folder, each by an event of its own, so that every device is told and nothing is past recall.
 * @param by the command that asks for it: the same one again removes nothing twice.
 */
export async function removeItems(
  deps: Pick<ActiveSyncDeps, 'items' | 'view' | 'settled' | 'commandId' | 'now' | 'massDeletes'>,
  session: Session,
  folder: Folder,
  by: CommandId,
  cause: Cause,
): Promise<void> {
  await deps.settled(session.tenant);
  const rows = await deps.view.outline(session.tenant, itemsOf(folder));
  const requests = rows.map((row) => ({
    item: row.item,
    kind: row.kind,
    commandId: deps.commandId(['remove', by, row.item]),
    actor: actorOf(session),
    at: deps.now(),
    cause,
    owner: ownerOf(folder, session),
    command: { do: 'remove', base: null, rule: 'clientWins' } as const,
  }));
  for (let at = 0; at < requests.length; at += itemsPerAppend) {
    await deps.items.execute(session.tenant, requests.slice(at, at + itemsPerAppend));
  }
  if (rows.length === 0) return;
  const losses = { removed: rows.length, blanked: 0 };
  deps.massDeletes?.recent.add(conversationOf(session, folder.collection), losses, Date.parse(deps.now()));
}
