/**
 * What one element says of a field, and what all of them together say of an item.
 */
import type { Fields, Patch } from '../../../../domain/item/fields.ts';
import type { Tag } from '../../wbxml/element.ts';
import type { ParseContext, Parsed } from '../port.ts';
import { type AbsenceRule, clearedByAbsence } from './ghosting.ts';

export type Reading =
  | { readonly kind: 'value'; readonly value: unknown }
  /** The property is not set any more. */
  | { readonly kind: 'cleared' }
  /** The element says nothing, as if it were not there, but does not clear either. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly reason: string };

export const cleared: Reading = { kind: 'cleared' };
export const nothing: Reading = { kind: 'nothing' };
export const value = (of: unknown): Reading => ({ kind: 'value', value: of });
export const refused = (reason: string): Reading => ({ kind: 'refused', reason });

/** Sync Status 6: the server cannot make an item of what the client sent (MS-ASCMD 2.2.3.177.17). */
export const conversionError = 6;

/** Collects readings by field. The first refusal wins over everything. */
export class Draft {
  readonly set: Record<string, unknown> = {};
  readonly cleared = new Set<string>();
  #refusal: string | undefined;

  take(field: string, reading: Reading): void {
    if (reading.kind === 'value') {
      this.set[field] = reading.value;
      this.cleared.delete(field);
    } else if (reading.kind === 'cleared') {
      delete this.set[field];
      this.cleared.add(field);
    } else if (reading.kind === 'refused') {
      this.#refusal ??= `${field}: ${reading.reason}`;
    }
  }

  /**
   * The patch. An Add has nothing to clear. Of a Change only what differs from the fields that the device knew stays:
   * a device sends whole items, and what it did not change it must not decide.
   */
  finish<F extends Fields>(present: ReadonlySet<Tag>, context: ParseContext, rule: AbsenceRule): Parsed<F> {
    if (this.#refusal !== undefined) {
      return { kind: 'refused', status: conversionError, reason: this.#refusal };
    }
    if (context.operation === 'add') return { kind: 'parsed', patch: { set: this.set, cleared: [] } as Patch<F> };
    for (const field of clearedByAbsence(present, context, rule)) {
      if (!(field in this.set)) this.cleared.add(field);
    }
    return { kind: 'parsed', patch: changesOf(this.set, this.cleared, context.known) as Patch<F> };
  }
}

/** What of a patch differs from the known fields; all of it when none are known. */
export function changesOf(
  set: Readonly<Record<string, unknown>>,
  clearedFields: Iterable<string>,
  known: Fields | undefined,
): { set: Record<string, unknown>; cleared: string[] } {
  const changed: Record<string, unknown> = {};
  for (const [field, to] of Object.entries(set)) {
    if (!known || !equalValues(known[field], to)) changed[field] = to;
  }
  const gone = [...clearedFields].filter((field) => !known || known[field] !== undefined);
  return { set: changed, cleared: gone };
}

/** Equality of JSON values; an absent property equals an undefined one. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const key of keys) if (!equalValues(left[key], right[key])) return false;
  return true;
}
