/**
 * Writes into the device's conversations what it moved itself, so that it is told neither that the items are gone from
 * the one folder nor that they are new in the other.
 */
import type { Folder } from '../../../../domain/folder/state.ts';
import type { ItemState } from '../../../../domain/item/state.ts';
import type { EventMeta } from '../../../../domain/shared/event.ts';
import type { ItemId } from '../../../../domain/shared/ids.ts';
import { type SyncEventData, syncEvent } from '../../../../domain/sync/events.ts';
import type { ConversationState, Held } from '../../../../domain/sync/state.ts';
import { Renderer } from '../../conversation/renderer.ts';
import type { Conversation, ConversationId } from '../../conversation/store.ts';
import type { SyncDeps } from '../../deps.ts';
import { actorOf, conversationOf, type Session } from '../../session.ts';

export interface OwnMove {
  readonly item: ItemId;
  readonly from: Folder;
  readonly to: Folder;
  /** The item after the move. */
  readonly state: ItemState;
}

type Put = SyncEventData['SyncMoved']['put'][number];

const attemptsMax = 4;

export async function noteOwnMoves(deps: SyncDeps, session: Session, moves: readonly OwnMove[]): Promise<void> {
  const folders = new Map(moves.flatMap(({ from, to }) => [from, to]).map((folder) => [folder.collection, folder]));
  for (const folder of folders.values()) {
    const id = conversationOf(session, folder.collection);
    // Of moves to and fro the last counts.
    const last = new Map(
      moves.filter((move) => move.from === folder || move.to === folder).map((move) => [move.item, move]),
    );
    await deps.conversations.exclusively(id, () => note(deps, session, folder, id, [...last.values()]));
  }
}

async function note(
  deps: SyncDeps,
  session: Session,
  folder: Folder,
  id: ConversationId,
  moves: readonly OwnMove[],
): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const conversation = await deps.conversations.load(id);
    const { state } = conversation;
    // A folder that was never synced: the device holds nothing of it, and learns the item with the rest.
    if (!state) return;
    const held = await heldNow(
      deps,
      id,
      conversation,
      state,
      moves.map(({ item }) => item),
    );
    const taken = moves.filter((move) => move.to !== folder && held.has(move.item)).map(({ item }) => item);
    const put = moves
      .filter((move) => move.to === folder)
      .map((move) => putOf(deps, session, folder, state, move))
      .filter(([item, version, hash]) => held.get(item)?.version !== version || held.get(item)?.hash !== hash);
    if (taken.length === 0 && put.length === 0) return;
    const event = syncEvent('SyncMoved', { at: state.issued, taken, put });
    const { revision } = conversation.head;
    const commandId = deps.commandId(['moved', id.device, id.collection, String(revision), deps.nonce()]);
    const meta: EventMeta = { at: deps.now(), actor: actorOf(session), commandId };
    if (await deps.conversations.append(id, conversation, [event], meta)) return;
  }
  // Not told apart then: the device gets a Delete and an Add of the item that it moved, which changes nothing.
}

/** What the device holds if it got the last answer. */
async function heldNow(
  deps: SyncDeps,
  id: ConversationId,
  conversation: Conversation,
  state: ConversationState,
  items: readonly ItemId[],
): Promise<Map<ItemId, Held>> {
  const held = await deps.conversations.held(id, conversation, items);
  const wanted = new Set(items);
  for (const [item, op, version, hash] of state.offer?.ops ?? []) {
    if (!wanted.has(item) || op === 'stale') continue;
    if (op === 'add' || op === 'change') held.set(item, { version, hash });
    else held.delete(item);
  }
  return held;
}

function putOf(deps: SyncDeps, session: Session, folder: Folder, state: ConversationState, move: OwnMove): Put {
  const renderer = new Renderer(deps.classOf(folder.kind), session, state.options, folder.owner !== undefined);
  try {
    return [move.item, move.state.version, renderer.render(move.state.fields).hash];
  } catch {
    // What cannot be rendered is held under no hash; the next look at it finds and reports that.
    return [move.item, move.state.version, ''];
  }
}
