/** What of an item is taken back, decided or filled as one: a path, or a group of fields that only make sense together. */
import { applyDelta, valueAt } from '../conflict/paths.ts';
import type { Fields, ItemKind } from './fields.ts';
import { mergeGroups } from './merge-groups.ts';

/** The paths that go together with this one, itself included. */
function unitOf(kind: ItemKind, path: string): readonly string[] {
  return mergeGroups[kind].find((group) => group.includes(path)) ?? [path];
}

/** The units that the paths lie in, each once. */
export function unitsOf(kind: ItemKind, paths: readonly string[]): readonly (readonly string[])[] {
  return [...new Map(paths.map((path) => [unitOf(kind, path)[0], unitOf(kind, path)])).values()];
}

/** `to`, with the values that `from` has at the paths. */
export function withValues(to: Fields, from: Fields, paths: readonly string[]): Fields {
  const set: Record<string, unknown> = {};
  const cleared: string[] = [];
  for (const path of paths) {
    const value = valueAt(from, path);
    if (value === undefined) cleared.push(path);
    else set[path] = value;
  }
  return applyDelta(to, { set, cleared });
}

/** Nothing that a person would miss. */
export function isEmptyValue(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
