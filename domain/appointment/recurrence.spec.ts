import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { appointment } from '../../test/arbitraries/appointment.ts';
import type { Recurrence } from '../item/schema.ts';
import type { Instant, TimeZoneName } from '../shared/ids.ts';
import type { ZoneArithmetic } from '../shared/time.ts';
import { lastEnd, occurrenceKey, occurrences, type Schedule } from './recurrence.ts';

/** Written with Temporal alone: an oracle that shares nothing with the server's arithmetic. */
const zones: ZoneArithmetic = {
  toWallClock: (zone, epochMs) =>
    Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(zone).toPlainDateTime().toZonedDateTime('UTC')
      .epochMilliseconds,
  toEpochMs: (zone, wallClockMs) =>
    Temporal.Instant.fromEpochMilliseconds(wallClockMs)
      .toZonedDateTimeISO('UTC')
      .toPlainDateTime()
      .toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds,
};

const oslo = 'Europe/Oslo' as TimeZoneName;
const from = '2026-01-01T00:00:00.000Z' as Instant;
const to = '2030-01-01T00:00:00.000Z' as Instant;

function timed(start: string, recurrence: Recurrence, lengthMinutes = 60): Schedule {
  const end = new Date(Date.parse(start) + lengthMinutes * 60_000).toISOString();
  return { start, end, timeZone: oslo, recurrence };
}

function allDay(start: string, recurrence: Recurrence): Schedule {
  const end = new Date(Date.parse(start) + 86_400_000).toISOString().slice(0, 10);
  return { start, end, allDay: true, timeZone: oslo, recurrence };
}

const starts = (schedule: Schedule, limit = 6): string[] =>
  occurrences(schedule, from, to, limit, zones).map(({ start }) => start);

describe('a series', () => {
  it('stays at nine in Oslo through the changes of summer time', () => {
    const weekly = timed('2026-03-22T08:00:00.000Z', { frequency: 'weekly', byDay: ['SU'], count: 2 });
    expect(starts(weekly)).toEqual(['2026-03-22T08:00:00.000Z', '2026-03-29T07:00:00.000Z']);
    const autumn = timed('2026-10-18T07:00:00.000Z', { frequency: 'weekly', byDay: ['SU'], count: 2 });
    expect(starts(autumn)).toEqual(['2026-10-18T07:00:00.000Z', '2026-10-25T08:00:00.000Z']);
  });

  it('moves a time that spring skips on by the hour, and takes the first of one that autumn repeats', () => {
    const spring = timed('2026-03-28T01:30:00.000Z', { frequency: 'daily', count: 3 });
    expect(starts(spring)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:30:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    const autumn = timed('2026-10-24T00:30:00.000Z', { frequency: 'daily', count: 3 });
    expect(starts(autumn)).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it.each<[string, Recurrence, string, string[]]>([
    ['every third day', { frequency: 'daily', interval: 3 }, '2026-01-30', ['2026-01-30', '2026-02-02', '2026-02-05']],
    [
      'every weekday',
      { frequency: 'daily', byDay: ['MO', 'TU', 'WE', 'TH', 'FR'] },
      '2026-01-01',
      ['2026-01-01', '2026-01-02', '2026-01-05'],
    ],
    [
      'the 31st, else the last day',
      { frequency: 'monthly', dayOfMonth: 31 },
      '2026-01-31',
      ['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30'],
    ],
    [
      'the last Friday',
      { frequency: 'monthlyNth', byDay: ['FR'], weekOfMonth: 5 },
      '2026-01-30',
      ['2026-01-30', '2026-02-27', '2026-03-27'],
    ],
    [
      'the second Tuesday',
      { frequency: 'monthlyNth', byDay: ['TU'], weekOfMonth: 2 },
      '2026-01-13',
      ['2026-01-13', '2026-02-10', '2026-03-10'],
    ],
    [
      'the last weekday',
      { frequency: 'monthlyNth', byDay: ['MO', 'TU', 'WE', 'TH', 'FR'], weekOfMonth: 5 },
      '2026-01-30',
      ['2026-01-30', '2026-02-27', '2026-03-31'],
    ],
    [
      'the first weekend day',
      { frequency: 'monthlyNth', byDay: ['SA', 'SU'], weekOfMonth: 1 },
      '2026-01-03',
      ['2026-01-03', '2026-02-01', '2026-03-01'],
    ],
    [
      'the last day',
      { frequency: 'monthlyNth', byDay: ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'], weekOfMonth: 5 },
      '2026-01-31',
      ['2026-01-31', '2026-02-28', '2026-03-31'],
    ],
    [
      '29 February, else the 28th',
      { frequency: 'yearly', dayOfMonth: 29, monthOfYear: 2 },
      '2024-02-29',
      ['2026-02-28', '2027-02-28', '2028-02-29'],
    ],
    [
      'the third Monday of May, every other year',
      { frequency: 'yearlyNth', interval: 2, byDay: ['MO'], weekOfMonth: 3, monthOfYear: 5 },
      '2026-05-18',
      ['2026-05-18', '2028-05-15'],
    ],
  ])('strikes on %s', (_, recurrence, start, expected) => {
    expect(starts(allDay(start, recurrence), expected.length)).toEqual(expected);
  });

  it('counts its weeks from the first day of the week that it names', () => {
    const fortnightly = { frequency: 'weekly', interval: 2, byDay: ['TU', 'SU'], count: 4 } as const;
    const series = (firstDayOfWeek: 'MO' | 'SU') =>
      starts(allDay('2026-08-04', { ...fortnightly, byDay: ['TU', 'SU'], firstDayOfWeek }));
    // The example of RFC 5545 3.3.10 WKST, with its dates in another year.
    expect(series('MO')).toEqual(['2026-08-04', '2026-08-09', '2026-08-18', '2026-08-23']);
    expect(series('SU')).toEqual(['2026-08-04', '2026-08-16', '2026-08-18', '2026-08-30']);
  });

  it('ends with the occurrence that its end names', () => {
    const rule: Recurrence = { frequency: 'daily' };
    expect(starts(timed('2026-05-01T08:00:00.000Z', { ...rule, until: '2026-05-03T08:00:00.000Z' }))).toHaveLength(3);
    expect(starts(timed('2026-05-01T08:00:00.000Z', { ...rule, until: '2026-05-03T07:59:59.000Z' }))).toHaveLength(2);
    expect(starts(allDay('2026-05-01', { ...rule, until: '2026-05-03' }))).toHaveLength(3);
    expect(starts(allDay('2026-05-01', { ...rule, count: 3 }))).toHaveLength(3);
  });

  it('leaves out what is deleted and shows what has moved where it has moved to, even into the range', () => {
    const series: Schedule = {
      ...timed('2026-05-01T08:00:00.000Z', { frequency: 'daily' }),
      exceptions: {
        '2026-05-02T08:00:00.000Z': { deleted: true },
        '2026-05-03T08:00:00.000Z': { changed: { start: '2026-05-03T12:00:00.000Z', end: '2026-05-03T13:00:00.000Z' } },
        '2026-06-20T08:00:00.000Z': { changed: { start: '2026-05-02T10:00:00.000Z', end: '2026-05-02T11:00:00.000Z' } },
      },
    };
    const found = occurrences(series, from, '2026-05-05T00:00:00.000Z' as Instant, 9, zones);
    expect(found.map(({ start }) => start)).toEqual([
      '2026-05-01T08:00:00.000Z',
      '2026-05-02T10:00:00.000Z',
      '2026-05-03T12:00:00.000Z',
      '2026-05-04T08:00:00.000Z',
    ]);
    expect(found[1]!.key).toBe('2026-06-20T08:00:00.000Z');
  });

  it('without end, from long ago, is entered where it is wanted', () => {
    const old = timed('1990-01-01T08:00:00.000Z', { frequency: 'daily' });
    const begin = performance.now();
    for (let index = 0; index < 200; index++) starts(old, 1);
    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(starts(old, 1)).toEqual(['2026-01-01T08:00:00.000Z']);
  });

  it('is the same whether it is asked for whole or in parts', () => {
    fc.assert(
      fc.property(appointment(zones, { series: 'always' }), fc.integer({ min: 1, max: 500 }), (series, days) => {
        const begin = Date.parse(series.start) - 3 * 86_400_000;
        const at = (day: number): Instant => new Date(begin + day * 86_400_000).toISOString() as Instant;
        const keys = (a: Instant, b: Instant): string[] =>
          occurrences(series, a, b, 5_000, zones).map(({ key }) => key);
        const parts = new Set([...keys(at(0), at(days)), ...keys(at(days), at(800))]);
        expect([...parts].sort()).toEqual(keys(at(0), at(800)).sort());
      }),
      { numRuns: 60 },
    );
  });
});

describe('an appointment that is no series', () => {
  it('takes place once, where it overlaps what is asked for', () => {
    const once: Schedule = { start: '2026-05-01T08:00:00.000Z', end: '2026-05-01T09:00:00.000Z', timeZone: oslo };
    expect(occurrences(once, from, to, 9, zones)).toHaveLength(1);
    expect(occurrences(once, '2026-05-01T09:00:00.000Z' as Instant, to, 9, zones)).toHaveLength(0);
    expect(occurrences(once, '2026-05-01T08:59:00.000Z' as Instant, to, 9, zones)).toHaveLength(1);
  });

  it('lies all day where the day lies in its zone', () => {
    const day: Schedule = { start: '2026-05-01', end: '2026-05-02', allDay: true, timeZone: oslo };
    expect(occurrences(day, from, '2026-04-30T22:00:00.000Z' as Instant, 9, zones)).toHaveLength(0);
    expect(occurrences(day, from, '2026-04-30T22:00:01.000Z' as Instant, 9, zones)).toHaveLength(1);
  });

  it('with times that are none takes place never', () => {
    expect(occurrences({ start: 'x', end: 'y', timeZone: oslo }, from, to, 9, zones)).toEqual([]);
    expect(lastEnd({ start: 'x', end: 'y', timeZone: oslo }, zones)).toBeUndefined();
  });
});

describe('the last end', () => {
  it('is that of the appointment, of the last occurrence, or there is none', () => {
    expect(lastEnd({ start: '2026-05-01', end: '2026-05-02', allDay: true, timeZone: oslo }, zones)).toBe(
      '2026-05-01T22:00:00.000Z',
    );
    const daily: Recurrence = { frequency: 'daily' };
    expect(lastEnd(timed('2026-05-01T08:00:00.000Z', daily), zones)).toBeUndefined();
    expect(lastEnd(timed('2026-05-01T08:00:00.000Z', { ...daily, count: 3 }), zones)).toBe('2026-05-03T09:00:00.000Z');
    const until = { ...daily, until: '2046-05-01T08:00:00.000Z' };
    expect(lastEnd(timed('2026-05-01T08:00:00.000Z', until), zones)).toBe('2046-05-01T09:00:00.000Z');
  });

  it('is that of the latest occurrence that takes place, wherever it has moved to', () => {
    fc.assert(
      fc.property(appointment(zones, { series: 'always' }), (series) => {
        const end = lastEnd(series, zones);
        if (end === undefined) {
          expect(series.recurrence).not.toHaveProperty('until');
          expect(series.recurrence).not.toHaveProperty('count');
          return;
        }
        const all = occurrences(
          series,
          '1990-01-01T00:00:00.000Z' as Instant,
          '2301-01-01T00:00:00.000Z' as Instant,
          5_000,
          zones,
        );
        const midnight = (day: string): number => zones.toEpochMs(series.timeZone as TimeZoneName, Date.parse(day));
        const ends = all.map((found) => (found.allDay ? midnight(found.end) : Date.parse(found.end)));
        if (ends.length > 0) expect(Date.parse(end)).toBe(Math.max(...ends));
      }),
      { numRuns: 100 },
    );
  });
});

describe('the occurrence that is meant', () => {
  const series = timed('2026-03-01T08:00:00.000Z', { frequency: 'weekly', byDay: ['SU'] });

  it('is the one that starts just then, else the one on that day in the zone of the series', () => {
    expect(occurrenceKey(series, '2026-03-08T08:00:00.000Z', zones)).toBe('2026-03-08T08:00:00.000Z');
    // An hour off after the change of summer time, and a device that says only the day.
    expect(occurrenceKey(series, '2026-03-29T08:00:00.000Z', zones)).toBe('2026-03-29T07:00:00.000Z');
    expect(occurrenceKey(series, '2026-03-28T23:00:00.000Z', zones)).toBe('2026-03-29T07:00:00.000Z');
  });

  it('is none on a day without one', () => {
    expect(occurrenceKey(series, '2026-03-09T08:00:00.000Z', zones)).toBeUndefined();
    expect(occurrenceKey(series, 'soon', zones)).toBeUndefined();
  });
});
