/**
 * FolderCreate, FolderUpdate, FolderDelete: MS-ASCMD 2.2.1.3, 2.2.1.6, 2.2.1.4. What the device does to its folders is
 * part of the conversation about them, so that it is not told of it again, and the same request sent twice is one.
 */
import { decideFolders, type FolderCommand, type FolderRefusal } from '../../../../domain/folder/decide.ts';
import { type Folder, type FolderTree, userTypes } from '../../../../domain/folder/state.ts';
import { recogniseKey } from '../../../../domain/hierarchy/decide.ts';
import type { FolderView, HierarchyChanges } from '../../../../domain/hierarchy/state.ts';
import type { ItemKind } from '../../../../domain/item/fields.ts';
import type { EventMeta } from '../../../../domain/shared/event.ts';
import type { CollectionId } from '../../../../domain/shared/ids.ts';
import { parseKey } from '../../../../domain/sync/key.ts';
import { collectionIdFrom } from '../../../ids.ts';
import { holdFolders } from '../../conversation/hold-folder.ts';
import { statusAnswer } from '../../http/command-status.ts';
import type { CommandAnswer, CommandHandler } from '../../request.ts';
import { actorOf, causeOf, type Session } from '../../session.ts';
import { folderStatus } from '../../status.ts';
import { FolderHierarchy } from '../../wbxml/code-pages/index.ts';
import { type Element, type Tag, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { removeItems } from '../remove-items.ts';
import { converse, type FolderDeps } from './folder-sync.ts';
import type { HierarchyStore } from './hierarchy-store.ts';
import { pastFolders } from './past-folders.ts';
import { hasClass } from './shown.ts';

type ChangeName = 'FolderCreate' | 'FolderUpdate' | 'FolderDelete';

const rootTags: Readonly<Record<ChangeName, Tag>> = {
  FolderCreate: FolderHierarchy.FolderCreate,
  FolderUpdate: FolderHierarchy.FolderUpdate,
  FolderDelete: FolderHierarchy.FolderDelete,
};

const kindByType = new Map((Object.entries(userTypes) as [ItemKind, number][]).map(([kind, type]) => [type, kind]));

export function folderCreateHandler(deps: FolderDeps, hierarchies: HierarchyStore): CommandHandler {
  return (request) => {
    const { session } = request;
    return change(deps, hierarchies, 'FolderCreate', session, request.root, (root, meta) => {
      const displayName = textOf(root, FolderHierarchy.DisplayName);
      const type = Number(textOf(root, FolderHierarchy.Type));
      const kind = kindByType.get(type);
      if (displayName === undefined || kind === undefined || !hasClass(session.version, kind)) return undefined;
      const collection = collectionIdFrom(session.account, `made by ${meta.commandId}`);
      return { type: 'create', folder: { collection, kind, displayName, parent: parentOf(root), wireType: type } };
    });
  };
}

export function folderUpdateHandler(deps: FolderDeps, hierarchies: HierarchyStore): CommandHandler {
  return ({ session, root }) =>
    change(deps, hierarchies, 'FolderUpdate', session, root, (element) => {
      const displayName = textOf(element, FolderHierarchy.DisplayName);
      const collection = textOf(element, FolderHierarchy.ServerId) as CollectionId | undefined;
      if (displayName === undefined || !collection) return undefined;
      return { type: 'update', collection, displayName, parent: parentOf(element) };
    });
}

export function folderDeleteHandler(deps: FolderDeps, hierarchies: HierarchyStore): CommandHandler {
  return ({ session, root }) =>
    change(deps, hierarchies, 'FolderDelete', session, root, (element) => {
      const collection = textOf(element, FolderHierarchy.ServerId) as CollectionId | undefined;
      return collection ? { type: 'delete', collection } : undefined;
    });
}

function parentOf(root: Element): CollectionId | null {
  const parent = textOf(root, FolderHierarchy.ParentId);
  return parent === undefined || parent === '' || parent === '0' ? null : (parent as CollectionId);
}

async function change(
  deps: FolderDeps,
  hierarchies: HierarchyStore,
  name: ChangeName,
  session: Session,
  root: Element | undefined,
  commandOf: (root: Element, meta: EventMeta) => FolderCommand | undefined,
): Promise<CommandAnswer> {
  if (root?.tag !== rootTags[name]) return statusAnswer(name, folderStatus.malformed);
  const syncKey = textOf(root, FolderHierarchy.SyncKey);
  if (!syncKey) return statusAnswer(name, folderStatus.malformed);
  if (!(await isIssued(deps, hierarchies, session, syncKey))) return statusAnswer(name, folderStatus.invalidSyncKey);
  const meta = metaOf(deps, name, session, syncKey, root);
  const command = commandOf(root, meta);
  if (!command) return statusAnswer(name, folderStatus.malformed);

  const before = await deps.folders.of(session.tenant, session.account);
  if (command.type === 'delete') {
    const refusal = decideFolders(before, command);
    // Gone already: the answer to the first request was lost, or another device was faster. Both may go on.
    if (refusal.kind === 'accepted') {
      const inside = contentsOf(before, command.collection);
      // The device is told that it is done, and finds the folder again when it next looks.
      if (await holdFolders(deps, session, inside, 'FolderDelete')) {
        return await told(deps, hierarchies, { name, session, syncKey, command }, { before, after: before });
      }
      for (const folder of inside) {
        await removeItems(deps, session, folder, meta.commandId, causeOf(session, 'FolderDelete'));
      }
    }
  }
  const result = await deps.folders.run(session.tenant, session.account, command, meta);
  if (result.kind === 'refused') return statusAnswer(name, statusOf(name, result.reason));
  return await told(deps, hierarchies, { name, session, syncKey, command }, { before, after: result.tree });
}

interface Asked {
  readonly name: ChangeName;
  readonly session: Session;
  readonly syncKey: string;
  readonly command: FolderCommand;
}

/** The answer, and with it what the device knows of its folders from now on. */
async function told(
  deps: FolderDeps,
  hierarchies: HierarchyStore,
  { name, session, syncKey, command }: Asked,
  { before, after }: { readonly before: FolderTree; readonly after: FolderTree },
): Promise<CommandAnswer> {
  const own = ownChanges(command, before, after);
  const answer = await converse(deps, hierarchies, session, syncKey, after, own);
  if (answer === 'forged') return statusAnswer(name, folderStatus.invalidSyncKey);
  if (answer === 'contended') return statusAnswer(name, folderStatus.serverError);
  const writer = new Writer().open(rootTags[name]).element(FolderHierarchy.Status, String(folderStatus.success));
  writer.element(FolderHierarchy.SyncKey, answer.syncKey);
  if (command.type === 'create') writer.element(FolderHierarchy.ServerId, command.folder.collection);
  return { kind: 'wbxml', body: writer.close().finish() };
}

/** A device that was told of the folders before; nothing is changed for one that was not. */
async function isIssued(
  deps: FolderDeps,
  hierarchies: HierarchyStore,
  session: Session,
  syncKey: string,
): Promise<boolean> {
  const key = parseKey(syncKey, deps.keyChecks.of({ device: session.device, collection: 'hierarchy' }));
  if (key && recogniseKey((await hierarchies.load(session)).state, key) !== 'unknown') return true;
  hierarchies.forget(session);
  if (key && recogniseKey((await hierarchies.load(session)).state, key) !== 'unknown') return true;
  return (await pastFolders(deps, hierarchies, session, syncKey)) !== null;
}

/** The key and what is asked are what the request is: the same again is a repeat, and is answered as at first. */
function metaOf(deps: FolderDeps, name: ChangeName, session: Session, syncKey: string, root: Element): EventMeta {
  const parts = [FolderHierarchy.ServerId, FolderHierarchy.ParentId, FolderHierarchy.DisplayName, FolderHierarchy.Type];
  const said = parts.map((tag) => textOf(root, tag) ?? '');
  const commandId = deps.commandId(['phone', session.device, name, syncKey, ...said]);
  return { at: deps.now(), actor: actorOf(session), commandId, cause: causeOf(session, name) };
}

function ownChanges(command: FolderCommand, before: FolderTree, after: FolderTree): HierarchyChanges {
  const gone = [...before.keys()].filter((collection) => !after.has(collection));
  if (command.type === 'delete') return { shown: [], gone: gone.length > 0 ? gone : [command.collection] };
  const collection =
    command.type === 'create' ? command.folder.collection : (command as { collection: CollectionId }).collection;
  const folder = after.get(collection);
  return { shown: folder ? [viewOf(folder)] : [], gone: [] };
}

function viewOf({ collection, displayName, parent, wireType }: Folder): FolderView {
  return { collection, displayName, parent, wireType };
}

/** The folders whose items go first, those inside before: a crash in between leaves what can be deleted again. */
function contentsOf(tree: FolderTree, collection: CollectionId): Folder[] {
  const inside = [...tree.values()].filter(({ parent }) => parent === collection);
  const folder = tree.get(collection);
  const own = folder && folder.owner === undefined ? [folder] : [];
  return [...inside.flatMap((one) => contentsOf(tree, one.collection)), ...own];
}

function statusOf(name: ChangeName, reason: FolderRefusal): number {
  switch (reason) {
    case 'special':
      return name === 'FolderDelete' ? folderStatus.special : folderStatus.exists;
    case 'exists':
      return folderStatus.exists;
    case 'unknown':
      return folderStatus.unknown;
    case 'parentUnknown':
    case 'cycle':
      return folderStatus.parentUnknown;
    case 'tooMany':
      return folderStatus.serverError;
    case 'badName':
    case 'wrongType':
      return folderStatus.malformed;
  }
}
