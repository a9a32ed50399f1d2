import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fields } from '../item/fields.ts';
import { applyDelta, difference, emptyDelta, equal, isEmpty, pathsOf, restrict, valueAt } from './paths.ts';

const value = fc.oneof(fc.constantFrom('a', 'b', 1, true, null), fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }));
const occurrence = fc.constantFrom('2026-03-02', '2026-03-09T08:00:00.000Z', 'a/b');
const exceptions = fc
  .dictionary(
    occurrence,
    fc.oneof(
      fc.constant({ deleted: true }),
      value.map((subject) => ({ changed: { subject } })),
    ),
  )
  .filter((record) => Object.keys(record).length > 0);
const fields: fc.Arbitrary<Fields> = fc.record(
  { subject: value, location: value, categories: value, 'odd/name': value, exceptions },
  { requiredKeys: [] },
);

describe('a difference between two versions of an item', () => {
  it('makes the one into the other, occurrence by occurrence', () => {
    fc.assert(
      fc.property(fields, fields, (before, after) => {
        expect(applyDelta(before, difference(before, after))).toEqual(after);
      }),
    );
  });

  it('is empty between equals, and names each path once', () => {
    fc.assert(
      fc.property(fields, fields, (before, after) => {
        const delta = difference(before, after);
        expect(isEmpty(difference(before, structuredClone(before)))).toBe(true);
        expect(isEmpty(delta)).toBe(equal(before, after));
        expect(new Set(pathsOf(delta)).size).toBe(pathsOf(delta).length);
        for (const path of pathsOf(delta)) expect(equal(valueAt(before, path), valueAt(after, path))).toBe(false);
      }),
    );
  });

  it('names one occurrence, not the record of all', () => {
    const before = { exceptions: { monday: { deleted: true }, tuesday: { deleted: true } } };
    const after = { exceptions: { monday: { deleted: true }, friday: { changed: { subject: 'Ny' } } } };
    expect(difference(before, after)).toEqual({
      set: { 'exceptions/friday': { changed: { subject: 'Ny' } } },
      cleared: ['exceptions/tuesday'],
    });
  });

  it('leaves no empty record of exceptions behind', () => {
    expect(applyDelta({ exceptions: { monday: {} } }, { set: {}, cleared: ['exceptions/monday'] })).toEqual({});
  });

  it('does not change what it is applied to', () => {
    fc.assert(
      fc.property(fields, fields, (before, after) => {
        const copy = structuredClone(before);
        applyDelta(before, difference(before, after));
        expect(before).toEqual(copy);
      }),
    );
  });

  it('can be split by path, and the parts together are the whole', () => {
    fc.assert(
      fc.property(fields, fields, fc.func<[string], boolean>(fc.boolean()), (before, after, isKept) => {
        const keep = (path: string) => isKept(path);
        const delta = difference(before, after);
        const [one, rest] = [restrict(delta, keep), restrict(delta, (path) => !keep(path))];
        expect(applyDelta(applyDelta(before, one), rest)).toEqual(after);
        expect(pathsOf(one).length + pathsOf(rest).length).toBe(pathsOf(delta).length);
      }),
    );
  });

  it('that is empty gives back the very same fields', () => {
    const before = { subject: 'a' };
    expect(applyDelta(before, emptyDelta)).toBe(before);
  });
});

describe('equality of values', () => {
  it('takes a member that is undefined for absent, and tells lists from records', () => {
    expect(equal({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(equal({ a: undefined }, { b: 1 })).toBe(false);
    expect(equal([], {})).toBe(false);
    expect(equal(['a'], ['a', 'b'])).toBe(false);
    expect(equal([{ a: [1] }], [{ a: [1] }])).toBe(true);
    expect(equal(null, {})).toBe(false);
    expect(equal(0, '0')).toBe(false);
  });
});
