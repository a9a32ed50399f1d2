/**
 * FolderDelete and EmptyFolderContents take all items of a folder at once. Where these are too many
 * (domain/sync/held-back.ts) none is taken: they become a batch of the device, and a person decides.
 */
import type { Folder } from '../../../domain/folder/state.ts';
import type { DomainEvent, EventMeta } from '../../../domain/shared/event.ts';
import { syncStream } from '../../../domain/shared/streams.ts';
import { foldBatch } from '../../../domain/sync/batch.ts';
import { type HeldCommand, type SyncEventData, syncEvent } from '../../../domain/sync/events.ts';
import { mayLose } from '../../../domain/sync/held-back.ts';
import type { ItemRow } from '../../../projections/item-view/read.ts';
import { batchIdFrom } from '../../ids.ts';
import { ItemContended } from '../../items/item-commands.ts';
import type { ActiveSyncDeps } from '../deps.ts';
import { actorOf, conversationOf, itemsOf, type Session } from '../session.ts';
import type { Conversation, ConversationId } from './store.ts';
import { nextEpoch } from './take-up.ts';

export type HoldFolderDeps = Pick<
  ActiveSyncDeps,
  'view' | 'settled' | 'commandId' | 'nonce' | 'now' | 'massDeletes' | 'conversations' | 'events'
>;

type AskedBy = Exclude<SyncEventData['CommandsHeld']['by'], 'Sync'>;
type Row = Omit<ItemRow, 'content'>;

const attemptsMax = 4;
/** Commands that one event carries; more go into further events of the same batch. */
const commandsPerEvent = 4_000;

/**
 * Holds all items of these folders back when they are more than the device may delete; false when they are not, and
 * then nothing is noted.
 * @throws ItemContended when the device's conversation changed faster than this could be noted.
 */
export async function holdFolders(
  deps: HoldFolderDeps,
  session: Session,
  folders: readonly Folder[],
  by: AskedBy,
): Promise<boolean> {
  const { massDeletes } = deps;
  if (!massDeletes || session.mayDeleteAll) return false;
  await deps.settled(session.tenant);
  const contents = new Map<Folder, readonly Row[]>();
  for (const folder of folders) contents.set(folder, await deps.view.outline(session.tenant, itemsOf(folder)));
  const nowMs = Date.parse(deps.now());
  const withinMs = massDeletes.limits.withinMinutes * 60_000;
  let [total, removed, blanked] = [0, 0, 0];
  for (const [folder, rows] of contents) {
    const lately = massDeletes.recent.of(conversationOf(session, folder.collection), nowMs, withinMs);
    total += rows.length;
    removed += lately.removed;
    blanked += lately.blanked;
  }
  const isLittle = total + removed + blanked <= mayLose(massDeletes.limits, total + removed);
  if (total === 0 || isLittle) return false;
  for (const [folder, rows] of contents) if (rows.length > 0) await hold(deps, session, folder, rows, by);
  return true;
}

async function hold(
  deps: HoldFolderDeps,
  session: Session,
  folder: Folder,
  rows: readonly Row[],
  by: AskedBy,
): Promise<void> {
  const id = conversationOf(session, folder.collection);
  await deps.conversations.exclusively(id, async () => {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const conversation = await deps.conversations.load(id);
      const batch = await openBatch(deps, id, rows);
      if (batch === 'noted') return;
      const events = heldEvents(deps, batch, by, rows);
      // A device that never synced the folder has said nothing of it yet.
      if (!conversation.state) events.unshift(await beginning(deps, id, conversation, rows.length));
      const { revision } = conversation.head;
      const commandId = deps.commandId(['hold', id.device, id.collection, String(revision), deps.nonce()]);
      const meta: EventMeta = { at: deps.now(), actor: actorOf(session), commandId, cause: { command: by } };
      if (await deps.conversations.append(id, conversation, events, meta)) {
        deps.massDeletes?.onHeld?.(id, batch, rows.length);
        return;
      }
    }
    throw new ItemContended();
  });
}

async function beginning(
  deps: HoldFolderDeps,
  id: ConversationId,
  conversation: Conversation,
  present: number,
): Promise<DomainEvent> {
  const epoch = await nextEpoch(deps, id, conversation);
  return syncEvent('SyncReset', { epoch, cause: 'syncKeyZero', supported: null, known: [], at: deps.now(), present });
}

/** Named by what the folder holds: a device that asks again, since it sees the items again, makes no second batch. */
async function openBatch(
  deps: HoldFolderDeps,
  { tenant, device, collection }: ConversationId,
  rows: readonly Row[],
): Promise<string | 'noted'> {
  const { events } = await deps.events.load(tenant, syncStream(device, collection));
  const state = String(Math.max(...rows.map(({ position }) => position)));
  for (let nth = 0; ; nth++) {
    const batch = batchIdFrom(deps.commandId(['folder', device, collection, state, String(rows.length), String(nth)]));
    const known = foldBatch(events, batch);
    if (!known) return batch;
    if (!known.outcome) return 'noted';
  }
}

function heldEvents({ massDeletes }: HoldFolderDeps, batch: string, by: AskedBy, rows: readonly Row[]): DomainEvent[] {
  const withinMinutes = massDeletes?.limits.withinMinutes ?? 0;
  const commands = rows.map(({ item, version }): HeldCommand => ({ item, do: 'delete', base: version, seen: version }));
  const events: DomainEvent[] = [];
  for (let at = 0; at < commands.length; at += commandsPerEvent) {
    const some = commands.slice(at, at + commandsPerEvent);
    events.push(
      syncEvent('CommandsHeld', { batch, by, rule: 'serverWins', of: rows.length, withinMinutes, commands: some }),
    );
  }
  return events;
}
