/**
 * Three-way merge by field. Only what both sides changed, and to different values, is decided by the rule; the rest
 * of both sides is kept. What loses is returned whole, so that it can be kept and chosen later.
 */
import type { Fields } from '../item/fields.ts';
import { applyDelta, type Delta, difference, equal, pathsOf, restrict, valueAt } from './paths.ts';

/** Who wins where both changed the same field: MS-ASCMD 2.2.3.34 Conflict, 0 is the client, 1 the server. */
export type ConflictRule = 'clientWins' | 'serverWins';

export interface MergeInput {
  /** The item as the changing side knew it. */
  readonly base: Fields;
  /** The item as it is. */
  readonly current: Fields;
  /** The item as the changing side wants it, starting from `base`. */
  readonly wanted: Fields;
  /** The paths that others than the changing side touched since `base`. */
  readonly touchedByOthers: ReadonlySet<string>;
  readonly rule: ConflictRule;
  /** Fields that only make sense together (start and end): they win or lose as one. */
  readonly groups: readonly (readonly string[])[];
}

export interface Merge {
  /** What to do to `current`. */
  readonly delta: Delta;
  /** The paths that both sides changed differently; empty when there is no conflict. */
  readonly contested: readonly string[];
  /** What the losing side wanted for the contested paths. */
  readonly lost: Delta;
}

export function merge(input: MergeInput): Merge {
  const { base, current, wanted, touchedByOthers, rule, groups } = input;
  const mine = difference(base, wanted);
  const groupOf = new Map(groups.flatMap((group) => group.map((field) => [field, group] as const)));
  const touchedGroups = new Set([...touchedByOthers].map((path) => groupOf.get(path)).filter((group) => group));

  const contestedGroups = new Set<readonly string[]>();
  const contested = new Set<string>();
  for (const path of pathsOf(mine)) {
    const group = groupOf.get(path);
    const touched = group ? touchedGroups.has(group) : touchedByOthers.has(path);
    if (!touched) continue;
    if (!group) {
      if (!equal(valueAt(current, path), valueAt(wanted, path))) contested.add(path);
    } else if (group.some((field) => !equal(current[field], wanted[field]))) {
      contestedGroups.add(group);
    }
  }
  for (const group of contestedGroups) {
    for (const field of group) if (!equal(current[field], wanted[field])) contested.add(field);
  }

  const target = applyDelta(current, mine);
  const inContest = (path: string): boolean => {
    const group = groupOf.get(path);
    return contested.has(path) || (group !== undefined && contestedGroups.has(group));
  };
  if (contested.size === 0)
    return { delta: difference(current, target), contested: [], lost: { set: {}, cleared: [] } };
  if (rule === 'serverWins') {
    const kept = restrict(mine, (path) => !inContest(path));
    return {
      delta: difference(current, applyDelta(current, kept)),
      contested: [...contested],
      lost: restrict(difference(current, wanted), inContest),
    };
  }
  // A group wins whole: also those of its fields that the winner did not touch go back to what the winner knew.
  const winner: Record<string, unknown> = { ...target };
  for (const group of contestedGroups) {
    for (const field of group) {
      if (wanted[field] === undefined) delete winner[field];
      else winner[field] = wanted[field];
    }
  }
  const delta = difference(current, winner);
  return { delta, contested: [...contested], lost: restrict(difference(winner, current), inContest) };
}
