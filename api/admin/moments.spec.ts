import { describe, expect, it } from 'vitest';
import type { TimeZoneName } from '../../domain/shared/ids.ts';
import { atOf, atText, instantOf, momentText } from './moments.ts';

const oslo = 'Europe/Oslo' as TimeZoneName;

describe('a time that a person writes', () => {
  it('is one in the zone of whom they speak of, unless it says another', () => {
    expect(instantOf('2026-11-17', oslo)).toBe('2026-11-16T23:00:00.000Z');
    expect(instantOf('2026-07-17', oslo)).toBe('2026-07-16T22:00:00.000Z');
    expect(instantOf('2026-11-17T08:30', oslo)).toBe('2026-11-17T07:30:00.000Z');
    expect(instantOf('2026-11-17T08:30Z', oslo)).toBe('2026-11-17T08:30:00.000Z');
    expect(instantOf('2026-11-17T08:30:15.5-05:00', oslo)).toBe('2026-11-17T13:30:15.500Z');
  });

  it('is found in the night when the clocks change', () => {
    // 02:30 is not there in spring, and there twice in autumn: the later and the earlier of what it may mean.
    expect(instantOf('2026-03-29T02:30', oslo)).toBe('2026-03-29T01:30:00.000Z');
    expect(instantOf('2026-10-25T02:30', oslo)).toBe('2026-10-25T00:30:00.000Z');
  });

  it('is told from what is none', () => {
    for (const text of ['2026-02-30', '2026-13-01', 'yesterday', '2026', '2026-11-17 08:30', '2026-11-17T25:00', ''])
      expect([text, momentText.safeParse(text).success]).toEqual([text, false]);
  });

  it('may be a position instead', () => {
    expect(atOf('1234', oslo)).toBe(1234);
    expect(atText.safeParse('1234').success).toBe(true);
    expect(atText.safeParse('-1').error?.issues[0]?.message).toMatch(/^must be a position/);
    expect(atText.safeParse('99999999999999999').success).toBe(false);
  });
});
