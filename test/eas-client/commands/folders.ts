/** The folder hierarchy: FolderSync, FolderCreate, FolderUpdate, FolderDelete (MS-ASCMD 2.2.1.2 to 2.2.1.5). */
import { FolderHierarchy } from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import { childrenOf, type Element, textOf } from '../../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../../adapters/activesync/wbxml/writer.ts';
import { type EasClient, StatusError } from '../client.ts';
import { at, el, numberAt } from '../elements.ts';

export interface WireFolder {
  readonly id: string;
  /** "0" is the root. */
  readonly parent: string;
  readonly name: string;
  /** MS-ASCMD 2.2.3.186.3. */
  readonly type: number;
}

export interface FolderChanges {
  readonly key: string;
  readonly added: readonly WireFolder[];
  readonly updated: readonly WireFolder[];
  readonly deleted: readonly string[];
}

/** @throws StatusError: 9 when the key is not good any more. */
export async function folderSync(client: EasClient, key: string): Promise<FolderChanges> {
  const body = encodeTree(el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, key)]));
  const { root } = await client.send('FolderSync', body);
  const status = numberAt(root, FolderHierarchy.Status);
  if (!root || status !== 1) throw new StatusError('FolderSync', status ?? 0);
  const changes = at(root, FolderHierarchy.Changes);
  const every = (tag: number) => (changes ? childrenOf(changes, tag) : []);
  return {
    key: textOf(root, FolderHierarchy.SyncKey) ?? key,
    added: every(FolderHierarchy.Add).map(folder),
    updated: every(FolderHierarchy.Update).map(folder),
    deleted: every(FolderHierarchy.Delete).map((element) => textOf(element, FolderHierarchy.ServerId) ?? ''),
  };
}

function folder(element: Element): WireFolder {
  return {
    id: textOf(element, FolderHierarchy.ServerId) ?? '',
    parent: textOf(element, FolderHierarchy.ParentId) ?? '0',
    name: textOf(element, FolderHierarchy.DisplayName) ?? '',
    type: numberAt(element, FolderHierarchy.Type) ?? 0,
  };
}

/** Answers with the new folder's id and the next key. @throws StatusError */
export async function folderCreate(
  client: EasClient,
  key: string,
  { parent = '0', name, type }: { readonly parent?: string; readonly name: string; readonly type: number },
): Promise<{ key: string; id: string }> {
  const root = await change(client, 'FolderCreate', FolderHierarchy.FolderCreate, [
    el(FolderHierarchy.SyncKey, key),
    el(FolderHierarchy.ParentId, parent),
    el(FolderHierarchy.DisplayName, name),
    el(FolderHierarchy.Type, String(type)),
  ]);
  return {
    key: textOf(root, FolderHierarchy.SyncKey) ?? key,
    id: textOf(root, FolderHierarchy.ServerId) ?? '',
  };
}

/** Renames or moves; answers with the next key. @throws StatusError */
export async function folderUpdate(
  client: EasClient,
  key: string,
  { id, parent = '0', name }: { readonly id: string; readonly parent?: string; readonly name: string },
): Promise<string> {
  const root = await change(client, 'FolderUpdate', FolderHierarchy.FolderUpdate, [
    el(FolderHierarchy.SyncKey, key),
    el(FolderHierarchy.ServerId, id),
    el(FolderHierarchy.ParentId, parent),
    el(FolderHierarchy.DisplayName, name),
  ]);
  return textOf(root, FolderHierarchy.SyncKey) ?? key;
}

/** Answers with the next key. @throws StatusError */
export async function folderDelete(client: EasClient, key: string, id: string): Promise<string> {
  const root = await change(client, 'FolderDelete', FolderHierarchy.FolderDelete, [
    el(FolderHierarchy.SyncKey, key),
    el(FolderHierarchy.ServerId, id),
  ]);
  return textOf(root, FolderHierarchy.SyncKey) ?? key;
}

async function change(
  client: EasClient,
  command: 'FolderCreate' | 'FolderUpdate' | 'FolderDelete',
  tag: number,
  children: readonly Element[],
): Promise<Element> {
  const { root } = await client.send(command, encodeTree(el(tag, children)));
  const status = numberAt(root, FolderHierarchy.Status);
  if (!root || status !== 1) throw new StatusError(command, status ?? 0);
  return root;
}
