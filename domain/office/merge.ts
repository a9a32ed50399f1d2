/**
 * Three-way merge of an item with its record in the office, by value: what the office last held is the base. Only
 * what the office itself changed comes in; where the item holds a change that the office has not got yet, the rule
 * decides, and the loser is kept.
 */
import type { ConflictRule } from '../conflict/merge.ts';
import { applyDelta, type Delta, difference, isEmpty, pathsOf, restrict } from '../conflict/paths.ts';
import type { Fields, ItemKind } from '../item/fields.ts';
import { mergeGroups } from '../item/merge-groups.ts';

export interface OfficeMergeInput {
  readonly kind: ItemKind;
  /** What the office last held, in its form. */
  readonly base: Fields;
  /** What it holds now, in its form. */
  readonly office: Fields;
  /** The item in the office's form. */
  readonly ours: Fields;
  /** The item itself. */
  readonly item: Fields;
  /** What would make the item be what the office holds, its finer values kept. */
  readonly toOffice: Delta;
  /** `clientWins`: the office does. */
  readonly rule: ConflictRule;
}

export interface OfficeMerge {
  readonly delta: Delta;
  readonly contested: readonly string[];
  readonly lost: Delta;
}

export function mergeOffice(input: OfficeMergeInput): OfficeMerge {
  const { kind, base, office, ours, item, toOffice, rule } = input;
  const theirs = new Set(pathsOf(difference(base, office)));
  const unsent = new Set(pathsOf(difference(base, ours)));
  const together = mergeGroups[kind];
  const mates = (path: string): readonly string[] => together.find((group) => group.includes(path)) ?? [path];
  const isContested = (path: string): boolean => {
    const group = mates(path);
    return group.some((mate) => theirs.has(mate)) && group.some((mate) => unsent.has(mate));
  };
  const contested = pathsOf(toOffice).filter(isContested);
  if (rule === 'serverWins') {
    return {
      delta: restrict(toOffice, (path) => theirs.has(path) && !isContested(path)),
      contested,
      lost: restrict(toOffice, isContested),
    };
  }
  const delta = restrict(toOffice, (path) => theirs.has(path) || isContested(path));
  return { delta, contested, lost: restrict(difference(applyDelta(item, delta), item), isContested) };
}

/** Whether the item holds something that the office has not got. */
export function hasUnsent(base: Fields, ours: Fields): boolean {
  return !isEmpty(difference(base, ours));
}
