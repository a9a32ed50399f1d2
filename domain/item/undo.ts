/**
 * Takes back what somebody did to an item, and only that. The item is looked at unit by unit (see units.ts): where the
 * last to touch a unit is the one whose doings are taken back, it gets the value it had before their last unbroken run;
 * where others touched it since, it stays as they left it. Blanking is a change like any other.
 */
import { difference, equal, pathsOf, valueAt } from '../conflict/paths.ts';
import type { Actor } from '../shared/event.ts';
import type { Wanted } from './become.ts';
import type { PastEvent } from './decide.ts';
import { evolve, type ItemState } from './state.ts';
import { unitsOf, withValues } from './units.ts';

/** Something of theirs that stays, because others had it in hand since. */
export interface Left {
  /** Paths of fields; `folder` for where the item is, `item` for whether it is there. */
  readonly what: readonly string[];
  /** The last who touched it. */
  readonly by: Actor;
  readonly revision: number;
}

export interface Undoing {
  readonly wanted: Wanted;
  readonly left: readonly Left[];
}

/** The last unbroken run of their doings on a unit. */
interface Run {
  readonly paths: readonly string[];
  /** Of its first event. */
  readonly from: number;
  /** The item before it; null when the run made it. */
  readonly before: ItemState | null;
  /** The last of the others who touched the unit after it. */
  readonly since?: PastEvent;
}

const [folder, presence] = ['folder', 'item'];

/**
 * What the item becomes without the events at `doings` (revisions of its stream); null for an item that never was. An
 * item that they added goes, unless others touched it since: then it stays whole. One that they removed comes back,
 * unless others brought it back before.
 */
export function undoing(history: readonly PastEvent[], doings: ReadonlySet<number>): Undoing | null {
  const runs = new Map<string, Run>();
  let lastOfOthers: PastEvent | undefined;
  let removal: PastEvent | undefined;
  let state: ItemState | null = null;
  for (const event of history) {
    const before: ItemState | null = state;
    state = evolve(state, event);
    if (!state || state === before) continue;
    const isTheirs = doings.has(event.revision);
    if (!isTheirs) lastOfOthers = event;
    if (state.removed) removal = event;
    for (const [name, paths] of touched(before, state)) {
      const run = runs.get(name);
      if (isTheirs) runs.set(name, run && !run.since ? run : { paths, from: event.revision, before });
      else if (run) runs.set(name, { ...run, since: event });
    }
  }
  if (!state) return null;
  const there = runs.get(presence);
  const isOurs = there !== undefined && !there.since;
  if (isOurs && isGone(there.before)) {
    if (!lastOfOthers || lastOfOthers.revision < there.from) return { wanted: { ...state, removed: true }, left: [] };
    const stays = leave([presence], lastOfOthers);
    if (!there.before) return { wanted: state, left: [stays] };
    return withoutRuns(state, runs, [stays]);
  }
  if (state.removed && !isOurs) {
    const isAsBefore = runs.size === 0 || (there && isGone(there.before));
    return { wanted: state, left: removal && !isAsBefore ? [leave([presence], removal)] : [] };
  }
  return withoutRuns({ ...state, removed: false }, runs, []);
}

/** The fields and the folder before the runs, where nobody else touched them since. */
function withoutRuns(state: ItemState, runs: ReadonlyMap<string, Run>, stays: readonly Left[]): Undoing {
  let { collection, fields } = state;
  const left = [...stays];
  for (const [name, { paths, before, since }] of runs) {
    if (name === presence || !before) continue;
    if (since) {
      const isAsBefore =
        name === folder
          ? before.collection === state.collection
          : paths.every((path) => equal(valueAt(before.fields, path), valueAt(state.fields, path)));
      if (!isAsBefore) left.push(leave(name === folder ? [folder] : paths, since));
    } else if (name === folder) collection = before.collection;
    else fields = withValues(fields, before.fields, paths);
  }
  return { wanted: { removed: state.removed, collection, fields }, left };
}

/** The units that an event touched, with their paths. Of an item that was made it is only that it is there. */
function touched(before: ItemState | null, after: ItemState): Map<string, readonly string[]> {
  const result = new Map<string, readonly string[]>();
  if (isGone(before) !== after.removed) result.set(presence, []);
  if (!before) return result;
  if (before.collection !== after.collection) result.set(folder, []);
  const paths = pathsOf(difference(before.fields, after.fields));
  for (const unit of unitsOf(after.kind, paths)) result.set(`field ${unit[0]}`, unit);
  return result;
}

const isGone = (state: ItemState | null): boolean => state?.removed ?? true;
const leave = (what: readonly string[], { actor, revision }: PastEvent): Left => ({ what, by: actor, revision });
