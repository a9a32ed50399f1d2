/** ItemOperations: MS-ASCMD 2.2.1.10. Fetch and EmptyFolderContents; each operation has a status of its own. */
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import type { CollectionId, ItemId } from '../../../../domain/shared/ids.ts';
import type { BodyPreference, RenderContext } from '../../classes/port.ts';
import { holdFolders } from '../../conversation/hold-folder.ts';
import type { ActiveSyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import type { CommandHandler } from '../../request.ts';
import { actorOf, causeOf, conversationOf, itemsOf, type Session } from '../../session.ts';
import { itemOperationsStatus } from '../../status.ts';
import { AirSync, AirSyncBase, ItemOperations, Search } from '../../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { removeItems } from '../remove-items.ts';

export type ItemOperationsDeps = Pick<
  ActiveSyncDeps,
  | 'folders'
  | 'view'
  | 'open'
  | 'classOf'
  | 'items'
  | 'settled'
  | 'commandId'
  | 'now'
  | 'nonce'
  | 'conversations'
  | 'events'
  | 'massDeletes'
>;

const operationsMax = 512;
/** By what those who read a history are told that a folder was emptied. */
const emptying = 'ItemOperations EmptyFolderContents';

export function itemOperationsHandler(deps: ItemOperationsDeps): CommandHandler {
  return async ({ session, root }) => {
    const isRoot = root?.tag === ItemOperations.ItemOperations;
    if (!isRoot || root.children.length === 0 || root.children.length > operationsMax) {
      return statusAnswer('ItemOperations', itemOperationsStatus.protocolError);
    }
    const tree = await deps.folders.of(session.tenant, session.account);
    const writer = new Writer();
    writer.open(ItemOperations.ItemOperations).element(ItemOperations.Status, String(itemOperationsStatus.success));
    writer.open(ItemOperations.Response);
    for (const operation of root.children) {
      if (operation.tag === ItemOperations.Fetch) await fetch(deps, session, tree, operation, writer);
      else if (operation.tag === ItemOperations.EmptyFolderContents)
        await empty(deps, session, tree, operation, writer);
      else if (operation.tag === ItemOperations.Move) refuseMove(operation, writer);
    }
    return { kind: 'wbxml', body: writer.close().close().finish() };
  };
}

async function fetch(
  deps: ItemOperationsDeps,
  session: Session,
  tree: FolderTree,
  operation: Element,
  writer: Writer,
): Promise<void> {
  const store = textOf(operation, ItemOperations.Store)?.trim().toLowerCase() ?? 'mailbox';
  const collectionId = textOf(operation, AirSync.CollectionId);
  const serverId = textOf(operation, AirSync.ServerId);
  const longId = textOf(operation, Search.LongId);
  const fileReference = textOf(operation, AirSyncBase.FileReference);
  const respond = (status: number): Writer => {
    writer.open(ItemOperations.Fetch).element(ItemOperations.Status, String(status));
    if (collectionId !== undefined) writer.element(AirSync.CollectionId, collectionId);
    if (serverId !== undefined) writer.element(AirSync.ServerId, serverId);
    if (longId !== undefined) writer.element(Search.LongId, longId);
    if (fileReference !== undefined) writer.element(AirSyncBase.FileReference, fileReference);
    return writer;
  };
  const refuse = (status: number): void => void respond(status).close();

  if (store !== 'mailbox') return refuse(itemOperationsStatus.unknownStore);
  if (fileReference !== undefined) return refuse(itemOperationsStatus.invalidAttachment);
  const folder = collectionId === undefined ? undefined : tree.get(collectionId as CollectionId);
  if (!folder || !serverId) return refuse(itemOperationsStatus.notFound);
  // The device may just have been told, perhaps by another node, that the item is stored.
  await deps.conversations.caughtUp(conversationOf(session, folder.collection));
  const [row] = await deps.view.byItems(session.tenant, itemsOf(folder), [serverId as ItemId]);
  const fields = row && !row.deleted ? (await deps.open(session.tenant, [row])).get(row.item) : undefined;
  if (!fields) return refuse(itemOperationsStatus.notFound);

  const itemClass = deps.classOf(folder.kind);
  // Rendered apart: what fails halfway must not leave a torn answer.
  const properties = Writer.fragment();
  try {
    itemClass.render(properties.open(ItemOperations.Properties), fields, contextOf(session, folder, operation));
  } catch {
    // The class cannot show it. Sync withholds such an item and reports it; here the client is told.
    return refuse(itemOperationsStatus.conversionFailed);
  }
  respond(itemOperationsStatus.success).element(AirSync.Class, itemClass.name);
  writer.fragment(properties.close().toFragment()).close();
}

function contextOf(session: Session, folder: Folder, operation: Element): RenderContext {
  const options = child(operation, ItemOperations.Options);
  const preferences = options ? childrenOf(options, AirSyncBase.BodyPreference) : [];
  return {
    version: session.version,
    email: session.email,
    timeZone: session.timeZone,
    bodyPreferences: preferences.flatMap(bodyPreference),
    ...(folder.owner === undefined ? {} : { foreign: true }),
  };
}

function bodyPreference(element: Element): BodyPreference[] {
  const type = integer(element, AirSyncBase.Type);
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4) return [];
  const truncationSize = integer(element, AirSyncBase.TruncationSize);
  const allOrNone = integer(element, AirSyncBase.AllOrNone) === 1;
  return [{ type, ...(truncationSize === undefined ? {} : { truncationSize }), ...(allOrNone ? { allOrNone } : {}) }];
}

function integer(element: Element, tag: number): number | undefined {
  const text = textOf(element, tag)?.trim();
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** MS-ASCMD 2.2.3.55. What lies in the folder goes; the folder stays, and those in it go only if asked. */
async function empty(
  deps: ItemOperationsDeps,
  session: Session,
  tree: FolderTree,
  operation: Element,
  writer: Writer,
): Promise<void> {
  const collectionId = textOf(operation, AirSync.CollectionId) ?? '';
  const folder = tree.get(collectionId as CollectionId);
  const isAllowed = folder && folder.access === 'write' && folder.owner === undefined;
  if (isAllowed) {
    const options = child(operation, ItemOperations.Options);
    const withInside = options !== undefined && child(options, ItemOperations.DeleteSubFolders) !== undefined;
    const folders = withInside ? [folder, ...insideOf(tree, folder)] : [folder];
    // What is too much stays where it is, on this device too, until a person has said what shall become of it.
    if (!(await holdFolders(deps, session, folders, 'EmptyFolderContents'))) {
      if (withInside) await emptyInside(deps, session, tree, folder);
      const commandId = deps.commandId(['empty', session.device, collectionId, deps.nonce()]);
      await removeItems(deps, session, folder, commandId, causeOf(session, emptying));
    }
  }
  const status = isAllowed ? itemOperationsStatus.success : itemOperationsStatus.notFound;
  writer.open(ItemOperations.EmptyFolderContents).element(ItemOperations.Status, String(status));
  writer.element(AirSync.CollectionId, collectionId).close();
}

function insideOf(tree: FolderTree, folder: Folder): Folder[] {
  const inside = [...tree.values()].filter(({ parent, owner }) => parent === folder.collection && owner === undefined);
  return inside.flatMap((one) => [one, ...insideOf(tree, one)]);
}

/** The folders in the folder, with their items. Those that nobody deletes stay. */
async function emptyInside(
  deps: ItemOperationsDeps,
  session: Session,
  tree: FolderTree,
  folder: Folder,
): Promise<void> {
  for (const inside of tree.values()) {
    if (inside.parent !== folder.collection || inside.owner !== undefined) continue;
    await emptyInside(deps, session, tree, inside);
    const commandId = deps.commandId(['empty', session.device, inside.collection, deps.nonce()]);
    const cause = causeOf(session, emptying);
    await removeItems(deps, session, inside, commandId, cause);
    const meta = { at: deps.now(), actor: actorOf(session), commandId, cause };
    await deps.folders.run(session.tenant, session.account, { type: 'delete', collection: inside.collection }, meta);
  }
}

/** Conversations are of mail. */
function refuseMove(operation: Element, writer: Writer): void {
  writer.open(ItemOperations.Move).element(ItemOperations.Status, String(itemOperationsStatus.notFound));
  const conversation = child(operation, ItemOperations.ConversationId);
  if (conversation?.opaque) writer.opaque(ItemOperations.ConversationId, conversation.opaque);
  writer.close();
}
