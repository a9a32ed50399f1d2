import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fields } from '../item/fields.ts';
import { type MergeInput, merge } from './merge.ts';
import { applyDelta, difference, equal, pathsOf, valueAt } from './paths.ts';

const groups = [['start', 'end']];
const value = fc.constantFrom('a', 'b', 'c');
const fields: fc.Arbitrary<Fields> = fc.record(
  {
    subject: value,
    location: value,
    company: value,
    start: value,
    end: value,
    exceptions: fc
      .dictionary(fc.constantFrom('monday', 'friday'), value, { minKeys: 1, noNullPrototype: true })
      .map((record) => record as unknown),
  },
  { requiredKeys: [] },
);
const rule = fc.constantFrom('clientWins' as const, 'serverWins' as const);

/** As when one other side changed the item once since the base. */
const input: fc.Arbitrary<MergeInput> = fc
  .record({ base: fields, current: fields, wanted: fields, rule })
  .map((it) => ({
    ...it,
    groups,
    touchedByOthers: new Set(pathsOf(difference(it.base, it.current))),
  }));

const pathsOfAll = (...versions: Fields[]) => new Set(versions.flatMap((version) => pathsOf(difference({}, version))));

describe('a merge', () => {
  it('is the plain change when nobody else touched the item', () => {
    fc.assert(
      fc.property(fields, fields, rule, (base, wanted, rule) => {
        const merged = merge({ base, current: base, wanted, rule, groups, touchedByOthers: new Set() });
        expect(applyDelta(base, merged.delta)).toEqual(wanted);
        expect(merged).toMatchObject({ contested: [], lost: { set: {}, cleared: [] } });
      }),
    );
  });

  it('leaves every path as one of the two sides wants it, and the contested ones as the winner does', () => {
    fc.assert(
      fc.property(input, (it) => {
        const { delta, contested } = merge(it);
        const after = applyDelta(it.current, delta);
        const winner = it.rule === 'clientWins' ? it.wanted : it.current;
        for (const path of pathsOfAll(it.base, it.current, it.wanted, after)) {
          const sides = [valueAt(it.current, path), valueAt(it.wanted, path)];
          expect(sides.some((side) => equal(side, valueAt(after, path)))).toBe(true);
        }
        for (const path of contested) expect(valueAt(after, path)).toEqual(valueAt(winner, path));
      }),
    );
  });

  it('keeps what only one side changed', () => {
    fc.assert(
      fc.property(input, (it) => {
        const { delta, contested } = merge(it);
        const after = applyDelta(it.current, delta);
        const mine = new Set(pathsOf(difference(it.base, it.wanted)));
        const theirs = it.touchedByOthers;
        const inGroup = (path: string) => groups.some((group) => group.includes(path));
        for (const path of mine) {
          if (!theirs.has(path) && !inGroup(path)) expect(valueAt(after, path)).toEqual(valueAt(it.wanted, path));
        }
        for (const path of theirs) {
          if (!mine.has(path) && !inGroup(path)) expect(valueAt(after, path)).toEqual(valueAt(it.current, path));
        }
        for (const path of contested) expect(mine.has(path) || inGroup(path)).toBe(true);
      }),
    );
  });

  it('takes a group of fields from one side only, when both touched it', () => {
    fc.assert(
      fc.property(input, (it) => {
        const after = applyDelta(it.current, merge(it).delta);
        for (const group of groups) {
          const touches = (side: Fields) => group.some((field) => !equal(it.base[field], side[field]));
          if (!touches(it.current) || !touches(it.wanted)) continue;
          const isOf = (side: Fields) => group.every((field) => equal(after[field], side[field]));
          expect(isOf(it.current) || isOf(it.wanted)).toBe(true);
        }
      }),
    );
  });

  it('keeps the loser whole: applied to the result it gives back what the other side wanted of the contested', () => {
    fc.assert(
      fc.property(input, (it) => {
        const { delta, contested, lost } = merge(it);
        const back = applyDelta(applyDelta(it.current, delta), lost);
        const loser = it.rule === 'clientWins' ? it.current : it.wanted;
        for (const path of contested) expect(valueAt(back, path)).toEqual(valueAt(loser, path));
        for (const path of pathsOf(lost)) expect(contested).toContain(path);
      }),
    );
  });

  it('finds nothing more to do on its own result', () => {
    fc.assert(
      fc.property(input, (it) => {
        const { delta } = merge(it);
        const current = applyDelta(it.current, delta);
        const own = new Set(pathsOf(delta));
        const touchedByOthers = new Set([...it.touchedByOthers].filter((path) => !own.has(path)));
        expect(merge({ ...it, current, touchedByOthers }).delta).toEqual({ set: {}, cleared: [] });
      }),
    );
  });

  it('of disjoint changes gives the same in either order, and is no conflict', () => {
    const names = ['subject', 'location', 'company'] as const;
    const disjoint = fc.tuple(fields, fields, fields, fc.subarray([...names])).map(([base, one, other, ofOne]) => {
      const pick = (from: Fields, take: (name: string) => boolean) => {
        const picked: Record<string, unknown> = { ...base };
        for (const name of names.filter(take)) {
          if (from[name] === undefined) delete picked[name];
          else picked[name] = from[name];
        }
        return picked;
      };
      const isOfOne = (name: string) => (ofOne as string[]).includes(name);
      return { base, one: pick(one, isOfOne), other: pick(other, (name) => !isOfOne(name)) };
    });
    fc.assert(
      fc.property(disjoint, rule, ({ base, one, other }, rule) => {
        const apply = (first: Fields, second: Fields) => {
          const touchedByOthers = new Set(pathsOf(difference(base, first)));
          const { delta, contested } = merge({ base, current: first, wanted: second, rule, groups, touchedByOthers });
          expect(contested).toEqual([]);
          return applyDelta(first, delta);
        };
        expect(apply(one, other)).toEqual(apply(other, one));
      }),
    );
  });

  it('does not contest what both sides changed to the same', () => {
    const touchedByOthers = new Set(['subject', 'start', 'end']);
    const wanted = { subject: 'b', start: '2', end: '3' };
    expect(
      merge({ base: { subject: 'a' }, current: wanted, wanted, rule: 'serverWins', groups, touchedByOthers }),
    ).toEqual({ delta: { set: {}, cleared: [] }, contested: [], lost: { set: {}, cleared: [] } });
  });

  it('contests a start against an end', () => {
    const base = { start: '1', end: '2' };
    const of = (rule: MergeInput['rule']) =>
      merge({
        base,
        current: { start: '1', end: '3' },
        wanted: { start: '0', end: '2' },
        rule,
        groups,
        touchedByOthers: new Set(['end']),
      });
    expect(of('serverWins')).toEqual({
      delta: { set: {}, cleared: [] },
      contested: ['start', 'end'],
      lost: { set: { start: '0', end: '2' }, cleared: [] },
    });
    expect(of('clientWins')).toEqual({
      delta: { set: { start: '0', end: '2' }, cleared: [] },
      contested: ['start', 'end'],
      lost: { set: { start: '1', end: '3' }, cleared: [] },
    });
  });
});
