import { describe, expect, it } from 'vitest';
import type { ItemId } from '../shared/ids.ts';
import { type CrawlCommand, type CrawlState, crawlDecider, evolveCrawl, healthy } from './crawl-state.ts';
import type { CrawlEvent } from './events.ts';
import { type Known, observe, type Seen } from './observe.ts';

const known = (record: string, hash = 'h', missing = 0): Known => ({
  item: `i${record}` as ItemId,
  record,
  hash,
  missing,
});
const seen = (id: string, hash = 'h'): Seen => ({ id, hash });
const many = (count: number) => Array.from({ length: count }, (_, n) => String(n));
const nothing = { kind: 'observed', added: [], changed: [], returned: [], missed: [], gone: [] };

describe('a listing', () => {
  it('that is as before says nothing', () => {
    expect(observe([known('1'), known('2')], [seen('2'), seen('1')], healthy)).toEqual(nothing);
    expect(observe([], [], healthy)).toEqual(nothing);
  });

  it('tells new records, and those whose hash differs', () => {
    expect(observe([known('1')], [seen('1', 'other'), seen('2')], healthy)).toEqual({
      ...nothing,
      added: [seen('2')],
      changed: [{ known: known('1'), seen: seen('1', 'other') }],
    });
  });

  it('misses a record first, and believes it gone when it is missing again', () => {
    expect(observe([known('1'), known('2')], [seen('2')], healthy)).toEqual({ ...nothing, missed: [known('1')] });
    const missing = known('1', 'h', 1);
    expect(observe([missing, known('2')], [seen('2')], healthy)).toEqual({ ...nothing, gone: [missing] });
  });

  it('that has a missed record again says so, or that it changed', () => {
    const missing = known('1', 'h', 1);
    expect(observe([missing], [seen('1')], healthy)).toEqual({ ...nothing, returned: [missing] });
    const changed = [{ known: missing, seen: seen('1', 'x') }];
    expect(observe([missing], [seen('1', 'x')], healthy)).toEqual({ ...nothing, changed });
  });

  it('is believed to lose five records, or 30 of 100, and no more', () => {
    const lose = (of: number, lost: number) =>
      observe(
        many(of).map((id) => known(id)),
        many(of)
          .slice(lost)
          .map((id) => seen(id)),
        healthy,
      ).kind;
    expect(lose(8, 5)).toBe('observed');
    expect(lose(8, 6)).toBe('suspicious');
    expect(lose(100, 30)).toBe('observed');
    expect(lose(100, 31)).toBe('suspicious');
  });

  it('that is empty is not believed where three or more were', () => {
    const empty = (of: number) =>
      observe(
        many(of).map((id) => known(id)),
        [],
        healthy,
      );
    expect(empty(2).kind).toBe('observed');
    expect(empty(3)).toEqual({ kind: 'suspicious', missing: 3, of: 3 });
  });

  it('is believed as far as a person confirmed', () => {
    const confirmed: CrawlState = { kind: 'confirmed', missing: 6 };
    const lose = (lost: number) =>
      observe(
        many(9).map((id) => known(id)),
        many(9)
          .slice(lost)
          .map((id) => seen(id)),
        confirmed,
      ).kind;
    expect(lose(6)).toBe('observed');
    expect(lose(7)).toBe('suspicious');
  });
});

describe('a suspension', () => {
  const given = (...events: CrawlEvent[]) => ({
    when: (command: CrawlCommand) => crawlDecider.decide(events.reduce(evolveCrawl, healthy), command),
  });
  const suspended: CrawlEvent = { type: 'CrawlSuspended', version: 1, data: { missing: 6, of: 9 } };
  const confirmed: CrawlEvent = { type: 'CrawlShrinkConfirmed', version: 1, data: { missing: 6 } };
  const resumed: CrawlEvent = { type: 'CrawlResumed', version: 1, data: {} };
  const accepted = (...events: CrawlEvent[]) => ({ kind: 'accepted', events });

  it('is told once, and again when its figures change', () => {
    expect(given().when({ do: 'suspend', missing: 6, of: 9 })).toEqual(accepted(suspended));
    expect(given(suspended).when({ do: 'suspend', missing: 6, of: 9 })).toEqual(accepted());
    const more: CrawlEvent = { type: 'CrawlSuspended', version: 1, data: { missing: 7, of: 9 } };
    expect(given(suspended).when({ do: 'suspend', missing: 7, of: 9 })).toEqual(accepted(more));
  });

  it('is confirmed for what was missing then', () => {
    expect(given(suspended).when({ do: 'confirm' })).toEqual(accepted(confirmed));
    expect(given(suspended, confirmed).when({ do: 'confirm' })).toEqual(accepted());
    expect(given().when({ do: 'confirm' })).toEqual({ kind: 'refused', reason: 'notSuspended' });
  });

  it('ends once', () => {
    expect(given(suspended).when({ do: 'resume' })).toEqual(accepted(resumed));
    expect(given(suspended, confirmed).when({ do: 'resume' })).toEqual(accepted(resumed));
    expect(given(suspended, resumed).when({ do: 'resume' })).toEqual(accepted());
  });
});
