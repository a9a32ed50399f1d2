import { describe, expect, it } from 'vitest';
import { itemFilter } from './filter.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 2, 15, 13, 30);
const ending = (daysAgo: number | null, rest = {}) => ({
  deleted: false,
  ends_at: daysAgo === null ? null : new Date(now - daysAgo * day),
  open: true,
  ...rest,
});

describe('what a device wants to hold', () => {
  it.each([
    [4, 14],
    [5, 31],
    [6, 93],
    [7, 186],
  ])('of a calendar, FilterType %i, is what ended within the last %i days', (filterType, days) => {
    const filter = itemFilter('appointment', filterType, now);
    expect(filter.passes(ending(days))).toBe(true);
    expect(filter.passes(ending(days + 1))).toBe(false);
    expect(filter.passes(ending(-400))).toBe(true);
    // Endless series never end.
    expect(filter.passes(ending(null))).toBe(true);
    expect(filter.passes(ending(0, { deleted: true }))).toBe(false);
  });

  it.each([0, 1, 2, 3, 8, 9])('of a calendar, FilterType %i, is everything', (filterType) => {
    expect(itemFilter('appointment', filterType, now).passes(ending(4000))).toBe(true);
  });

  it('of tasks is what is not done, by FilterType 8 and no other', () => {
    const done = ending(null, { open: false });
    expect(itemFilter('task', 8, now).passes(done)).toBe(false);
    expect(itemFilter('task', 8, now).passes(ending(null))).toBe(true);
    for (const filterType of [0, 4, 7]) expect(itemFilter('task', filterType, now).passes(done)).toBe(true);
  });

  it('of contacts and notes is everything that is there', () => {
    for (const kind of ['contact', 'note'] as const) {
      for (const filterType of [0, 4, 8]) {
        expect(itemFilter(kind, filterType, now).passes(ending(4000, { open: false }))).toBe(true);
        expect(itemFilter(kind, filterType, now).passes(ending(0, { deleted: true }))).toBe(false);
      }
    }
  });

  it('keeps its name for a day and gets another the next, so that what grew too old is looked for', () => {
    const name = (nowMs: number, filterType = 4) => itemFilter('appointment', filterType, nowMs).name;
    expect(name(now)).toBe(name(now + 5 * 3_600_000));
    expect(name(now)).not.toBe(name(now + day));
    expect(name(now)).not.toBe(name(now, 5));
    expect(name(now, 0)).toBe(name(now + day, 0));
  });
});
