/** Making one item of two, and two of one again. What becomes of the other item is a command on that item. */
import { equal } from '../conflict/paths.ts';
import { type MergeEventData, mergeEvent } from '../matching/events.ts';
import { untouched } from '../matching/fill.ts';
import type { DomainEvent } from '../shared/event.ts';
import type { ItemId } from '../shared/ids.ts';
import type { Decision, PastEvent } from './decide.ts';
import { itemEvent } from './events.ts';
import type { Fields } from './fields.ts';
import { fold, type ItemState } from './state.ts';

export type MergeCommand =
  /** Takes in another version of the item; see `ItemsMerged` for its members. */
  | ({ readonly do: 'merge' } & MergeEventData['ItemsMerged'])
  /** Takes back the merge at that revision; `other` is the item that stands by itself then. */
  | { readonly do: 'unmerge'; readonly merged: number; readonly other: ItemId };

/** @param history of the item that takes the other in, or gives it back; `current` is its fold. */
export function decideMerging(history: readonly PastEvent[], current: ItemState, command: MergeCommand): Decision {
  return command.do === 'merge' ? decideMerge(current, command) : decideUnmerge(history, current, command);
}

/** What a device says must not be lost: an item that was removed in this very moment comes back with it. */
function decideMerge(current: ItemState, command: MergeCommand & { do: 'merge' }): Decision {
  const { do: _, ...data } = command;
  const { kind, owner, collection } = current;
  const events: DomainEvent[] = [mergeEvent('ItemsMerged', data)];
  if (current.removed) {
    const fields = { ...current.fields, ...data.filled };
    events.push(itemEvent(kind, 'Added', { collection, owner, fields, restored: true }));
  } else if (Object.keys(data.filled).length > 0) {
    events.push(itemEvent(kind, 'Changed', { base: null, set: data.filled, cleared: [] }));
  }
  const fields = { ...current.fields, ...data.filled };
  return { kind: 'accepted', events, merged: !equal(fields, data.claim) };
}

/** What it had filled is given back, as far as nobody changed it since. */
function decideUnmerge(
  history: readonly PastEvent[],
  current: ItemState,
  { merged, other }: MergeCommand & { do: 'unmerge' },
): Decision {
  const merge = mergeAt(history, merged);
  if (!merge) return { kind: 'refused', reason: 'noMerge' };
  if (unmergeOf(history, merged)) return { kind: 'accepted', events: [], merged: false };
  const cleared = current.removed ? [] : untouched(current.fields, merge.filled);
  const events: DomainEvent[] = [mergeEvent('ItemsUnmerged', { merged, other, cleared })];
  if (cleared.length > 0) {
    const before = fieldsBefore(history, merged);
    const set = Object.fromEntries(cleared.flatMap((name) => (name in before ? [[name, before[name]]] : [])));
    const gone = cleared.filter((name) => !(name in before));
    events.push(itemEvent(current.kind, 'Changed', { base: null, set, cleared: gone }));
  }
  return { kind: 'accepted', events, merged: false };
}

/** The merge at a revision of an item's stream. */
export function mergeAt(history: readonly PastEvent[], revision: number): MergeEventData['ItemsMerged'] | undefined {
  const event = history.find((one) => one.revision === revision && one.type === 'ItemsMerged');
  return event?.data as MergeEventData['ItemsMerged'] | undefined;
}

/** What took the merge at a revision back. */
export function unmergeOf(
  history: readonly PastEvent[],
  revision: number,
): MergeEventData['ItemsUnmerged'] | undefined {
  const found = history.find(
    ({ type, data }) => type === 'ItemsUnmerged' && (data as MergeEventData['ItemsUnmerged']).merged === revision,
  );
  return found?.data as MergeEventData['ItemsUnmerged'] | undefined;
}

function fieldsBefore(history: readonly PastEvent[], revision: number): Fields {
  return fold(history.filter((event) => event.revision < revision))?.fields ?? {};
}
