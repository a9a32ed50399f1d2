/**
 * Where two versions of an item differ. A path is a field's name, or `exceptions/<original start>` for one occurrence
 * of a series, so that two people can change two occurrences without a conflict.
 */
import type { Fields } from '../item/fields.ts';

/** Fields that are records merged key by key. */
const keyed: ReadonlySet<string> = new Set(['exceptions']);

export type Delta = { readonly set: Readonly<Record<string, unknown>>; readonly cleared: readonly string[] };

export const emptyDelta: Delta = { set: {}, cleared: [] };

export function isEmpty(delta: Delta): boolean {
  return delta.cleared.length === 0 && Object.keys(delta.set).length === 0;
}

export function pathsOf(delta: Delta): string[] {
  return [...Object.keys(delta.set), ...delta.cleared];
}

/** What must be set and cleared to make `before` into `after`. */
export function difference(before: Fields, after: Fields): Delta {
  const set: Record<string, unknown> = {};
  const cleared: string[] = [];
  const compare = (path: string, old: unknown, now: unknown): void => {
    if (equal(old, now)) return;
    if (now === undefined) cleared.push(path);
    else set[path] = now;
  };
  for (const name of union(before, after)) {
    if (!keyed.has(name)) {
      compare(name, before[name], after[name]);
      continue;
    }
    const old = (before[name] ?? {}) as Fields;
    const now = (after[name] ?? {}) as Fields;
    for (const key of union(old, now)) compare(`${name}/${key}`, old[key], now[key]);
  }
  return { set, cleared };
}

/** The fields after the delta. Records that become empty are dropped. */
export function applyDelta(fields: Fields, delta: Delta): Fields {
  if (isEmpty(delta)) return fields;
  const result: Record<string, unknown> = { ...fields };
  const copied = new Set<string>();
  const within = (path: string): [Record<string, unknown>, string] => {
    const slash = path.indexOf('/');
    if (slash < 0 || !keyed.has(path.slice(0, slash))) return [result, path];
    const name = path.slice(0, slash);
    if (!copied.has(name)) {
      result[name] = { ...(result[name] as object | undefined) };
      copied.add(name);
    }
    return [result[name] as Record<string, unknown>, path.slice(slash + 1)];
  };
  for (const [path, value] of Object.entries(delta.set)) {
    const [target, key] = within(path);
    target[key] = value;
  }
  for (const path of delta.cleared) {
    const [target, key] = within(path);
    delete target[key];
  }
  for (const name of copied) if (Object.keys(result[name] as object).length === 0) delete result[name];
  return result;
}

/** The part of the delta whose paths satisfy the test. */
export function restrict(delta: Delta, keep: (path: string) => boolean): Delta {
  return {
    set: Object.fromEntries(Object.entries(delta.set).filter(([path]) => keep(path))),
    cleared: delta.cleared.filter((path) => keep(path)),
  };
}

/** The value at a path; undefined where it is not set. */
export function valueAt(fields: Fields, path: string): unknown {
  const slash = path.indexOf('/');
  if (slash < 0 || !keyed.has(path.slice(0, slash))) return fields[path];
  return (fields[path.slice(0, slash)] as Fields | undefined)?.[path.slice(slash + 1)];
}

/** Equality of plain JSON values; a member that is undefined counts as absent. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, index) => equal(value, b[index]));
  }
  for (const key of union(a as Fields, b as Fields)) {
    if (!equal((a as Fields)[key], (b as Fields)[key])) return false;
  }
  return true;
}

function union(a: Fields, b: Fields): Set<string> {
  return new Set([...Object.keys(a), ...Object.keys(b)]);
}
