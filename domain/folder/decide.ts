import type { ItemKind } from '../item/fields.ts';
import type { Decider, Decision } from '../shared/decider.ts';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import type { FolderAccess, FolderEvent } from './events.ts';
import { evolveFolders, type Folder, type FolderTree, isDefaultFolder, noFolders, userTypes } from './state.ts';

export interface NewFolder {
  readonly collection: CollectionId;
  readonly kind: ItemKind;
  readonly displayName: string;
  readonly parent: CollectionId | null;
  /** The type people make for this kind when absent. */
  readonly wireType?: number;
  readonly access?: FolderAccess;
  readonly owner?: AccountId;
  readonly source?: CollectionId;
}

export type FolderCommand =
  /** From a person: FolderCreate, FolderUpdate, FolderDelete. */
  | { readonly type: 'create'; readonly folder: NewFolder }
  | {
      readonly type: 'update';
      readonly collection: CollectionId;
      readonly displayName: string;
      readonly parent: CollectionId | null;
    }
  | { readonly type: 'delete'; readonly collection: CollectionId }
  /** From the system: the folders that must be there (defaults, shares), made or renamed where they are not. */
  | { readonly type: 'establish'; readonly folders: readonly NewFolder[] }
  /** From the system: a share was withdrawn. */
  | { readonly type: 'withdraw'; readonly collection: CollectionId };

/**
 * `exists`: the name is taken under that parent. `special`: a default folder or somebody else's, which phones do not
 * touch. `unknown`, `parentUnknown`: no such folder. `cycle`: into itself. `badName`: empty or over 256 characters.
 * `wrongType`: not a type people can make. `tooMany`.
 *
 * On the wire: FolderCreate `exists` 2, `parentUnknown` 5, `wrongType` and `badName` 10, `tooMany` 6. FolderUpdate
 * `exists` and `special` 2, `unknown` 4, `parentUnknown` and `cycle` 5, `badName` 10. FolderDelete `special` 3,
 * `unknown` 4 (MS-ASCMD 2.2.3.177.3, .6 and .4).
 */
export type FolderRefusal =
  | 'exists'
  | 'special'
  | 'unknown'
  | 'parentUnknown'
  | 'cycle'
  | 'badName'
  | 'wrongType'
  | 'tooMany';

type Outcome = Decision<FolderEvent, FolderRefusal>;

/** Folders of one account; more is a client that has lost its way. */
export const maxFolders = 500;
const maxNameLength = 256;

const refuse = (reason: FolderRefusal): Outcome => ({ kind: 'refused', reason });
const accept = (...events: FolderEvent[]): Outcome => ({ kind: 'accepted', events });

function isSpecial(folder: Folder): boolean {
  return isDefaultFolder(folder) || folder.owner !== undefined;
}

function isNameTaken(tree: FolderTree, name: string, parent: CollectionId | null, but?: CollectionId): boolean {
  const wanted = name.toLowerCase();
  for (const folder of tree.values()) {
    if (folder.collection !== but && folder.parent === parent && folder.displayName.toLowerCase() === wanted)
      return true;
  }
  return false;
}

const isBadName = (name: string) => name.trim().length === 0 || name.length > maxNameLength;

/** Whether `folder` is `ancestor` or lies in it. The tree has no cycles, since no event makes one. */
function liesIn(tree: FolderTree, folder: CollectionId | null, ancestor: CollectionId): boolean {
  for (let at = folder; at !== null; at = tree.get(at)?.parent ?? null) if (at === ancestor) return true;
  return false;
}

function added(folder: NewFolder): FolderEvent {
  const { collection, kind, displayName, parent, owner, source } = folder;
  const wireType = folder.wireType ?? userTypes[kind];
  const access = folder.access ?? 'write';
  const foreign = { ...(owner === undefined ? {} : { owner }), ...(source === undefined ? {} : { source }) };
  return {
    type: 'FolderAdded',
    version: 1,
    data: { collection, kind, displayName, parent, wireType, access, ...foreign },
  };
}

const renamed = (collection: CollectionId, displayName: string): FolderEvent => ({
  type: 'FolderRenamed',
  version: 1,
  data: { collection, displayName },
});

function create(tree: FolderTree, folder: NewFolder): Outcome {
  if (isBadName(folder.displayName)) return refuse('badName');
  if (folder.wireType !== undefined && folder.wireType !== userTypes[folder.kind]) return refuse('wrongType');
  if (folder.parent !== null && !tree.has(folder.parent)) return refuse('parentUnknown');
  if (tree.has(folder.collection) || isNameTaken(tree, folder.displayName, folder.parent)) return refuse('exists');
  return tree.size >= maxFolders ? refuse('tooMany') : accept(added(folder));
}

function update(tree: FolderTree, command: FolderCommand & { type: 'update' }): Outcome {
  const { collection, displayName, parent } = command;
  const folder = tree.get(collection);
  if (!folder) return refuse('unknown');
  if (isSpecial(folder)) return refuse('special');
  if (isBadName(displayName)) return refuse('badName');
  if (parent !== null && !tree.has(parent)) return refuse('parentUnknown');
  if (liesIn(tree, parent, collection)) return refuse('cycle');
  if (isNameTaken(tree, displayName, parent, collection)) return refuse('exists');
  const events: FolderEvent[] = [];
  if (displayName !== folder.displayName) events.push(renamed(collection, displayName));
  if (parent !== folder.parent) events.push({ type: 'FolderMoved', version: 1, data: { collection, parent } });
  return accept(...events);
}

/** A folder goes with what lies in it, the deepest first. */
function removal(tree: FolderTree, collection: CollectionId): FolderEvent[] {
  const inside = [...tree.values()].filter((folder) => folder.parent === collection);
  const events = inside.flatMap((folder) => removal(tree, folder.collection));
  return [...events, { type: 'FolderRemoved', version: 1, data: { collection } }];
}

function establish(tree: FolderTree, folders: readonly NewFolder[]): Outcome {
  const events: FolderEvent[] = [];
  for (const folder of folders) {
    const present = tree.get(folder.collection);
    if (!present) events.push(added(folder));
    else if (present.displayName !== folder.displayName) events.push(renamed(folder.collection, folder.displayName));
  }
  return tree.size + events.length > maxFolders ? refuse('tooMany') : accept(...events);
}

export function decideFolders(tree: FolderTree, command: FolderCommand): Outcome {
  switch (command.type) {
    case 'create':
      return create(tree, command.folder);
    case 'update':
      return update(tree, command);
    case 'delete': {
      const folder = tree.get(command.collection);
      if (!folder) return refuse('unknown');
      return isSpecial(folder) ? refuse('special') : accept(...removal(tree, command.collection));
    }
    case 'establish':
      return establish(tree, command.folders);
    case 'withdraw':
      return tree.has(command.collection) ? accept(...removal(tree, command.collection)) : accept();
  }
}

export const folderDecider: Decider<FolderTree, FolderCommand, FolderEvent, FolderRefusal> = {
  initial: noFolders,
  evolve: evolveFolders,
  decide: decideFolders,
};
