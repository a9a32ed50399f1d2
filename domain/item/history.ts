/** What one event did to an item, for people: which fields from what to what, and what a conflict took away. */
import type { ConflictRule } from '../conflict/merge.ts';
import { type Delta, difference, pathsOf, valueAt } from '../conflict/paths.ts';
import type { CollectionId } from '../shared/ids.ts';
import { type ItemEventData, parseItemType } from './events.ts';
import type { Fields } from './fields.ts';
import { evolve, type ItemEventAt, type ItemState } from './state.ts';

/** A value is undefined where the path was not set. */
export interface FieldChange {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface ConflictStep {
  readonly rule: ConflictRule;
  readonly loser: 'client' | 'server';
  /** The revision that the changing side knew; null when it spoke of the item as it was. */
  readonly base: number | null;
  /** Paths that both sides had changed. */
  readonly contested: readonly string[];
  /** What the loser wanted, beside what stands there. `lost` is undefined where it wanted nothing there. */
  readonly values: readonly { readonly path: string; readonly lost: unknown; readonly stands: unknown }[];
  /** The loser wanted the item gone. */
  readonly lostRemoval: boolean;
}

export interface ItemStep {
  readonly state: ItemState | null;
  readonly changes: readonly FieldChange[];
  /** Where the item lay before; null where it did not move. */
  readonly movedFrom: CollectionId | null;
  /** Whether the event took the item away, or brought it back. */
  readonly presence: 'added' | 'removed' | 'restored' | null;
  readonly conflict: ConflictStep | null;
}

/** @param before null for an item that does not exist yet. */
export function stepOf(before: ItemState | null, event: ItemEventAt): ItemStep {
  const state = evolve(before, event);
  const isNews = state !== before;
  return {
    state,
    changes: isNews && state ? changesOf(before?.fields ?? {}, state.fields) : [],
    movedFrom: isNews && before && state && before.collection !== state.collection ? before.collection : null,
    presence: isNews ? presenceOf(before, state) : null,
    conflict: conflictOf(state, event),
  };
}

/** Every path at which the two differ, in the order of the paths. */
export function changesOf(before: Fields, after: Fields): FieldChange[] {
  return pathsOf(difference(before, after))
    .sort()
    .map((path) => ({ path, before: valueAt(before, path), after: valueAt(after, path) }));
}

function presenceOf(before: ItemState | null, after: ItemState | null): ItemStep['presence'] {
  if (!after) return null;
  if (after.removed) return before && !before.removed ? 'removed' : null;
  if (!before) return 'added';
  return before.removed ? 'restored' : null;
}

function conflictOf(state: ItemState | null, event: ItemEventAt): ConflictStep | null {
  if (parseItemType(event.type)?.verb !== 'ConflictKept') return null;
  const { rule, loser, base, contested, lost, lostRemoval } = event.data as ItemEventData['ConflictKept'];
  return {
    ...{ rule, loser, base, contested },
    values: lostValues(lost, state?.fields ?? {}),
    lostRemoval: lostRemoval === true,
  };
}

function lostValues(lost: Delta, stands: Fields): ConflictStep['values'] {
  return pathsOf(lost)
    .sort()
    .map((path) => ({ path, lost: lost.set[path], stands: valueAt(stands, path) }));
}
