/**
 * Two generations of what a device knows of the folders, as in the conversations about items: acknowledged is what it
 * surely knows, offered is the last answer, which it knows once it comes back with that answer's key.
 */
import type { CollectionId } from '../shared/ids.ts';
import type { HierarchyCause, HierarchyEvent } from './events.ts';

export interface FolderView {
  readonly collection: CollectionId;
  readonly displayName: string;
  /** Null is the root. */
  readonly parent: CollectionId | null;
  readonly wireType: number;
}

export type KnownFolders = ReadonlyMap<CollectionId, FolderView>;

/** What an answer tells. */
export interface HierarchyChanges {
  readonly shown: readonly FolderView[];
  readonly gone: readonly CollectionId[];
}

export interface HierarchyState {
  readonly epoch: number;
  /** How this epoch began. */
  readonly cause: HierarchyCause;
  /** As in `ConversationState`. */
  readonly renewedFrom?: number;
  readonly restoredFrom?: number;
  /** The highest key issued in this epoch. */
  readonly issued: number;
  readonly acknowledged: number;
  readonly known: KnownFolders;
  readonly offer: ({ readonly key: number } & HierarchyChanges) | null;
}

export function evolveHierarchy(state: HierarchyState | null, event: HierarchyEvent): HierarchyState {
  if (event.type === 'HierarchyReset') {
    const { epoch, cause, known } = event.data;
    const folders = known.map(fromStored);
    const renewedFrom = cause === 'resync' ? epoch : state?.renewedFrom;
    const restoredFrom = cause === 'restored' ? epoch : state?.restoredFrom;
    return {
      epoch,
      cause,
      ...(renewedFrom === undefined ? {} : { renewedFrom }),
      ...(restoredFrom === undefined ? {} : { restoredFrom }),
      issued: 1,
      acknowledged: 1,
      known: new Map(folders.map((folder) => [folder.collection, folder])),
      offer: null,
    };
  }
  if (!state) throw new Error(`${event.type} comes before the conversation began`);
  const { key, base, shown, gone } = event.data;
  const before = state.offer?.key === base ? acknowledge(state) : state;
  return {
    ...before,
    issued: key,
    offer: { key, shown: shown.map(fromStored), gone: gone as CollectionId[] },
  };
}

/** What the device knows if it got the last answer. */
export function offeredFolders(state: HierarchyState): KnownFolders {
  return state.offer ? applyChanges(state.known, state.offer) : state.known;
}

export function applyChanges(known: KnownFolders, { shown, gone }: HierarchyChanges): KnownFolders {
  const next = new Map(known);
  for (const collection of gone) next.delete(collection);
  for (const folder of shown) next.set(folder.collection, folder);
  return next;
}

/** The same folders, with nothing said of what they are called: all of them are told anew. */
export function withoutNames(known: KnownFolders): KnownFolders {
  return new Map([...known].map(([collection, folder]) => [collection, { ...folder, displayName: '' }]));
}

function acknowledge(state: HierarchyState): HierarchyState {
  return state.offer ? { ...state, acknowledged: state.offer.key, known: offeredFolders(state), offer: null } : state;
}

type Stored = (HierarchyEvent & { type: 'HierarchyReset' })['data']['known'][number];
const root = '0';

export function toStored({ collection, displayName, parent, wireType }: FolderView): Stored {
  return [collection, displayName, parent ?? root, wireType];
}

export function fromStored([collection, displayName, parent, wireType]: Stored): FolderView {
  return {
    collection: collection as CollectionId,
    displayName,
    parent: parent === root ? null : (parent as CollectionId),
    wireType,
  };
}
