/**
 * What a device is told when it asks for the folders. The promise is that of the conversations about items: every key
 * ever issued is served, a lost answer is given again, a forged key is recognised, and nothing is stored when nothing is
 * new.
 */
import type { FolderTree } from '../folder/state.ts';
import type { CollectionId } from '../shared/ids.ts';
import type { HierarchyCause, HierarchyEvent } from './events.ts';
import {
  applyChanges,
  evolveHierarchy,
  type FolderView,
  fromStored,
  type HierarchyChanges,
  type HierarchyState,
  type KnownFolders,
  toStored,
} from './state.ts';

export interface HierarchyKey {
  readonly epoch: number;
  readonly counter: number;
}

export type RecognisedKey = 'next' | 'repeat' | 'earlier' | 'unknown';

export function recogniseKey(state: HierarchyState | null, key: HierarchyKey): RecognisedKey {
  if (!state || key.epoch < 1 || key.counter < 1 || key.epoch > state.epoch) return 'unknown';
  if (key.epoch < state.epoch) return 'earlier';
  if (key.counter === state.offer?.key) return 'next';
  if (key.counter === state.acknowledged) return 'repeat';
  return key.counter <= state.issued ? 'earlier' : 'unknown';
}

export interface HierarchyAnswer {
  readonly events: readonly HierarchyEvent[];
  /** The key to answer with. */
  readonly key: HierarchyKey;
  readonly changes: HierarchyChanges;
  /** What the device knows before this answer: of the folders shown, these are changed and the others new. */
  readonly known: KnownFolders;
}

/**
 * @param key null is SyncKey 0.
 * @param earlier what the device knew by the key, from `knownAt`, when `recogniseKey` says `earlier`.
 * @param own what this request itself did, which the device knows already: folded into the answer's key, not told.
 * @param epochBefore what a conversation that begins now goes on from: in a restored log it may have had epochs before.
 * Null for a key that was never issued.
 */
export function answerHierarchy(
  state: HierarchyState | null,
  key: HierarchyKey | null,
  tree: FolderTree,
  earlier: KnownFolders | null,
  own?: HierarchyChanges,
  epochBefore = 0,
): HierarchyAnswer | null {
  if (!key) return begin(state, tree, epochBefore);
  const recognised = recogniseKey(state, key);
  if (!state || recognised === 'unknown') return null;
  if (recognised === 'earlier') return earlier && resumeHierarchy(state.epoch + 1, 'earlierKey', tree, earlier, own);
  const isNext = recognised === 'next' && state.offer !== null;
  const known = isNext && state.offer ? applyChanges(state.known, state.offer) : state.known;
  const changes = own ?? differenceOf(known, tree);
  if (isEmpty(changes)) return { events: [], key, changes, known };
  if (!isNext && state.offer && sameChanges(changes, state.offer)) {
    return { events: [], key: { epoch: state.epoch, counter: state.offer.key }, changes, known };
  }
  return { ...issue(state.epoch, state.issued + 1, key.counter, changes), changes, known };
}

/** SyncKey 0: the whole hierarchy. Asked twice, because the first answer was lost, it is the same answer. */
function begin(state: HierarchyState | null, tree: FolderTree, epochBefore: number): HierarchyAnswer {
  const known: KnownFolders = new Map();
  const changes = differenceOf(known, tree);
  const isAskedAgain = state?.cause === 'syncKeyZero' && state.acknowledged === 1 && state.offer !== null;
  if (isAskedAgain && state.offer && sameChanges(changes, state.offer)) {
    return { events: [], key: { epoch: state.epoch, counter: state.offer.key }, changes, known };
  }
  const epoch = (state?.epoch ?? epochBefore) + 1;
  const reset: HierarchyEvent = {
    type: 'HierarchyReset',
    version: 1,
    data: { epoch, cause: 'syncKeyZero', known: [] },
  };
  const answer = issue(epoch, 2, 1, changes);
  return { events: [reset, ...answer.events], key: answer.key, changes, known };
}

/** A key that is none of the two living ones: what it stood for begins a new epoch. */
export function resumeHierarchy(
  epoch: number,
  cause: HierarchyCause,
  tree: FolderTree,
  known: KnownFolders,
  own: HierarchyChanges | undefined,
): HierarchyAnswer {
  const stored = [...known.values()].map(toStored);
  const reset: HierarchyEvent = {
    type: 'HierarchyReset',
    version: 1,
    data: { epoch, cause, known: stored },
  };
  const changes = own ?? differenceOf(known, tree);
  if (isEmpty(changes)) return { events: [reset], key: { epoch, counter: 1 }, changes, known };
  const answer = issue(epoch, 2, 1, changes);
  return { events: [reset, ...answer.events], key: answer.key, changes, known };
}

function issue(
  epoch: number,
  key: number,
  base: number,
  { shown, gone }: HierarchyChanges,
): Pick<HierarchyAnswer, 'events' | 'key'> {
  const data = { key, base, shown: shown.map(toStored), gone: [...gone] };
  return { events: [{ type: 'HierarchyAnswered', version: 1, data }], key: { epoch, counter: key } };
}

/** Parents come before what lies in them, since clients hang each folder in as it comes. */
export function differenceOf(known: KnownFolders, tree: FolderTree): HierarchyChanges {
  const shown: FolderView[] = [];
  const done = new Set<CollectionId>();
  const show = (collection: CollectionId): void => {
    const folder = tree.get(collection);
    if (!folder || done.has(collection)) return;
    done.add(collection);
    if (folder.parent !== null) show(folder.parent);
    const { displayName, parent, wireType } = folder;
    const before = known.get(collection);
    const now = { collection, displayName, parent, wireType };
    if (!before || !sameView(before, now)) shown.push(now);
  };
  for (const collection of tree.keys()) show(collection);
  return { shown, gone: [...known.keys()].filter((collection) => !tree.has(collection)) };
}

/**
 * What a device that presents this key knows, from the conversation's whole stream. Null when the key was not issued.
 */
export function knownAt(events: readonly HierarchyEvent[], key: HierarchyKey): KnownFolders | null {
  const answers = new Map<number, (HierarchyEvent & { type: 'HierarchyAnswered' })['data']>();
  let reset: HierarchyState | null = null;
  let isInEpoch = false;
  for (const event of events) {
    if (event.type === 'HierarchyReset') {
      isInEpoch = event.data.epoch === key.epoch;
      if (isInEpoch) reset = evolveHierarchy(null, event);
    } else if (isInEpoch) answers.set(event.data.key, event.data);
  }
  if (!reset) return null;
  const path: HierarchyChanges[] = [];
  for (let counter = key.counter; counter !== 1; ) {
    const answer = answers.get(counter);
    if (!answer || answer.base >= counter) return null;
    path.push({ shown: answer.shown.map(fromStored), gone: answer.gone as CollectionId[] });
    counter = answer.base;
  }
  return path.reduceRight<KnownFolders>(applyChanges, reset.known);
}

export function isEmpty({ shown, gone }: HierarchyChanges): boolean {
  return shown.length === 0 && gone.length === 0;
}

function sameView(one: FolderView, other: FolderView): boolean {
  return one.displayName === other.displayName && one.parent === other.parent && one.wireType === other.wireType;
}

function sameChanges(one: HierarchyChanges, other: HierarchyChanges): boolean {
  return (
    one.shown.length === other.shown.length &&
    one.gone.length === other.gone.length &&
    one.gone.every((collection, index) => collection === other.gone[index]) &&
    one.shown.every((folder, index) => {
      const twin = other.shown[index] as FolderView;
      return folder.collection === twin.collection && sameView(folder, twin);
    })
  );
}
