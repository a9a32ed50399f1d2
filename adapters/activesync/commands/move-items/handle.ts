/** MoveItems: MS-ASCMD 2.2.1.12. A move that was made already is answered as it was then. */
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import { fold } from '../../../../domain/item/state.ts';
import type { CollectionId, ItemId } from '../../../../domain/shared/ids.ts';
import type { ItemRequest } from '../../../items/item-commands.ts';
import type { ActiveSyncDeps, SyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import type { CommandHandler } from '../../request.ts';
import { actorOf, causeOf, itemsOf, ownerOf, type Session } from '../../session.ts';
import { commonStatus, moveStatus } from '../../status.ts';
import { Move } from '../../wbxml/code-pages/index.ts';
import { Writer } from '../../wbxml/writer.ts';
import { noteOwnMoves, type OwnMove } from './own-moves.ts';
import { type MoveRequest, parseMoves } from './request.ts';

interface Planned {
  readonly move: MoveRequest;
  readonly from: Folder;
  readonly to: Folder;
}

export function moveItemsHandler(deps: SyncDeps & Pick<ActiveSyncDeps, 'settled'>): CommandHandler {
  return async ({ session, root }) => {
    const moves = parseMoves(root);
    if (!moves) {
      if (session.version < 140) return { kind: 'http', status: 400 };
      return statusAnswer('MoveItems', commonStatus.invalidContent);
    }
    const tree = await deps.folders.of(session.tenant, session.account);
    const plans = moves.map((move) => plan(tree, session, move));
    const planned = plans.filter((made): made is Planned => typeof made === 'object');
    const results = await deps.items.execute(
      session.tenant,
      planned.map((made) => requestOf(deps, session, made)),
    );
    const own: OwnMove[] = [];
    const statuses = new Map<Planned, number>();
    for (const [index, made] of planned.entries()) {
      const result = results[index];
      const isDone = result?.decision.kind === 'accepted' && result.state !== null;
      if (isDone && result.state) {
        own.push({ item: made.move.item as ItemId, from: made.from, to: made.to, state: result.state });
      }
      statuses.set(made, isDone ? moveStatus.success : moveStatus.invalidSource);
    }
    if (own.length > 0) {
      // A view that shows the items where they were would be told to the device as news.
      await deps.settled(session.tenant);
      await noteOwnMoves(deps, session, own);
    }

    const writer = new Writer().open(Move.MoveItems);
    for (const [index, move] of moves.entries()) {
      const made = plans[index] as Planned | number;
      respond(writer, move, typeof made === 'number' ? made : (statuses.get(made) ?? moveStatus.failure));
    }
    return { kind: 'wbxml', body: writer.close().finish() };
  };
}

/** What is asked, or the status that says why not. Items stay with their kind and their owner. */
function plan(tree: FolderTree, session: Session, move: MoveRequest): Planned | number {
  const from = tree.get(move.from as CollectionId);
  const to = tree.get(move.to as CollectionId);
  if (!from || !isItemId(move.item)) return moveStatus.invalidSource;
  if (!to) return moveStatus.invalidDestination;
  if (from === to) return moveStatus.sameFolder;
  if (from.access !== 'write') return moveStatus.invalidSource;
  if (to.access !== 'write' || to.kind !== from.kind) return moveStatus.invalidDestination;
  if (ownerOf(from, session) !== ownerOf(to, session)) return moveStatus.invalidDestination;
  return { move, from, to };
}

/** Whatever else would not be the name of a stream. */
function isItemId(text: string): boolean {
  return /^[a-z0-9]{1,64}$/.test(text);
}

function requestOf(deps: SyncDeps, session: Session, { move, from, to }: Planned): ItemRequest {
  const [source, target] = [itemsOf(from), itemsOf(to)];
  return {
    item: move.item as ItemId,
    kind: from.kind,
    commandId: deps.commandId(['move', session.device, move.item, source, target, deps.nonce()]),
    actor: actorOf(session),
    at: deps.now(),
    cause: causeOf(session, 'MoveItems'),
    owner: ownerOf(from, session),
    command: (history) => {
      const state = fold(history);
      // In the target already: this is the request of before, whose answer was lost.
      const isMovable = state && !state.removed && (state.collection === source || state.collection === target);
      if (!isMovable) return { kind: 'unreadable', status: moveStatus.invalidSource, reason: 'the item is not there' };
      return { do: 'move', to: target };
    },
  };
}

function respond(writer: Writer, move: MoveRequest, status: number): void {
  writer.open(Move.Response).element(Move.SrcMsgId, move.item).element(Move.Status, String(status));
  // An item keeps its id wherever it goes.
  if (status === moveStatus.success) writer.element(Move.DstMsgId, move.item);
  writer.close();
}
