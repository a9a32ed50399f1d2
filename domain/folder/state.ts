import type { ItemKind } from '../item/fields.ts';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import type { FolderAccess, FolderEvent } from './events.ts';

export interface Folder {
  readonly collection: CollectionId;
  readonly kind: ItemKind;
  readonly displayName: string;
  /** Null is the root. */
  readonly parent: CollectionId | null;
  /** MS-ASCMD 2.2.3.186.3 Type. */
  readonly wireType: number;
  readonly access: FolderAccess;
  /** Whose folder it is when it is somebody else's, and which of theirs. */
  readonly owner: AccountId | undefined;
  readonly source: CollectionId | undefined;
}

/** The folders of one account, in the order they came. */
export type FolderTree = ReadonlyMap<CollectionId, Folder>;

export const noFolders: FolderTree = new Map();

/** Types of the folders everyone has, which nobody renames or deletes (MS-ASCMD 2.2.3.186.3). */
export const defaultTypes: Readonly<Record<ItemKind, number>> = { task: 7, appointment: 8, contact: 9, note: 10 };
/** Types of folders made by people. */
export const userTypes: Readonly<Record<ItemKind, number>> = { appointment: 13, contact: 14, task: 15, note: 17 };

export function isDefaultFolder(folder: Folder): boolean {
  return defaultTypes[folder.kind] === folder.wireType;
}

export function evolveFolders(tree: FolderTree, event: FolderEvent): FolderTree {
  const collection = event.data.collection as CollectionId;
  const next = new Map(tree);
  if (event.type === 'FolderAdded') {
    const { data } = event;
    next.set(collection, {
      collection,
      kind: data.kind,
      displayName: data.displayName,
      parent: data.parent as CollectionId | null,
      wireType: data.wireType,
      access: data.access,
      owner: data.owner as AccountId | undefined,
      source: data.source as CollectionId | undefined,
    });
    return next;
  }
  const folder = tree.get(collection);
  if (!folder) return tree;
  if (event.type === 'FolderRenamed') next.set(collection, { ...folder, displayName: event.data.displayName });
  if (event.type === 'FolderMoved')
    next.set(collection, { ...folder, parent: event.data.parent as CollectionId | null });
  if (event.type === 'FolderRemoved') next.delete(collection);
  return next;
}
