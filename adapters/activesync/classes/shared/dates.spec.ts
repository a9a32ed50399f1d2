import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlainDate, TimeZoneName } from '../../../../domain/shared/ids.ts';
import { day, instant } from '../../../../test/arbitraries/note.ts';
import {
  dayInZone,
  formatBirthday,
  formatUtcDay,
  parseBirthday,
  parseInstant,
  parseLocalDay,
  parseTime,
  parseUtcDay,
  startOfDay,
} from './dates.ts';

const zone = (name: string): TimeZoneName => name as TimeZoneName;
const oslo = zone('Europe/Oslo');
/** `Etc/GMT+12` is twelve hours behind UTC. */
const fixedZone = (hours: number): TimeZoneName =>
  zone(hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`);
const zones = fc.constantFrom(
  ...Array.from({ length: 27 }, (_, index) => fixedZone(index - 12)),
  ...['Europe/Oslo', 'America/Los_Angeles', 'America/Sao_Paulo', 'Asia/Kolkata', 'Australia/Lord_Howe'].map(zone),
  ...['Pacific/Auckland', 'Pacific/Apia', 'Pacific/Chatham', 'Africa/Cairo', 'Asia/Kamchatka'].map(zone),
);
const living = fc
  .date({ min: new Date('1920-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10) as PlainDate);

describe('a time on the wire', () => {
  it('is read in each form that clients write', () => {
    for (const text of [
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:00:00Z',
      '20260329T010000Z',
      ' 2026-03-29 01:00Z',
      '2026-03-29T03:00:00+02:00',
      '2026-03-28T20:30:00.000000-0430',
      '2026-03-29T01:00:00',
    ]) {
      expect(parseInstant(text), text).toBe('2026-03-29T01:00:00.000Z');
    }
  });

  it('is none when no calendar has it', () => {
    for (const text of [
      '',
      'soon',
      '2026-02-30',
      '2026-13-01',
      '0000-01-01',
      '2026-01-01T25:00:00Z',
      '2026-01-01T00:61:00Z',
      '9999-12-31T23:59:59Z',
    ]) {
      expect(parseTime(text), text).toBeUndefined();
    }
  });

  it('never throws and never gives an instant that cannot be read again', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), instant, fc.stringMatching(/^[\d]{4}-?\d\d-?\d\d(T\d\d:?\d\d:?\d\d)?[+-]\d{4}$/)),
        (text) => {
          const parsed = parseInstant(text);
          if (parsed !== undefined) expect(parseInstant(parsed)).toBe(parsed);
        },
      ),
    );
  });
});

describe('a birthday', () => {
  it('is the day meant by a client that sends 00:00Z, 08:00Z, 11:00Z, 11:59Z or 12:00Z of it', () => {
    fc.assert(
      fc.property(living, fc.constantFrom('00:00', '08:00', '11:00', '11:59', '12:00'), (born, time) => {
        expect(parseBirthday(`${born}T${time}:00.000Z`, oslo)).toBe(born);
      }),
    );
  });

  it('is the day meant by a client that sends midnight in the zone of the person', () => {
    fc.assert(
      fc.property(living, zones, (born, at) => {
        const midnight = startOfDay(born, at);
        fc.pre(dayInZone(midnight, at) === born);
        expect(parseBirthday(new Date(midnight).toISOString(), at)).toBe(born);
      }),
      { numRuns: 500 },
    );
  });

  it('is the day meant by a person from Oslo who is away, from UTC-12 to UTC+11', () => {
    fc.assert(
      fc.property(living, fc.integer({ min: -12, max: 11 }), (born, hours) => {
        expect(parseBirthday(new Date(startOfDay(born, fixedZone(hours))).toISOString(), oslo)).toBe(born);
      }),
    );
  });

  it('is written so that it comes back as the same day in every zone', () => {
    fc.assert(
      fc.property(living, zones, (born, at) => {
        expect(parseBirthday(formatBirthday(born, at), at)).toBe(born);
      }),
      { numRuns: 500 },
    );
  });

  it('is written so that clients that read UTC and clients that read local time see the same day', () => {
    fc.assert(
      fc.property(living, zones, (born, at) => {
        fc.pre(at !== 'Etc/GMT+12');
        const wire = formatBirthday(born, at);
        expect(wire.slice(0, 10)).toBe(born);
        expect(dayInZone(Date.parse(wire), at)).toBe(born);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a day of a task', () => {
  it('comes back from its midnight in the zone', () => {
    fc.assert(
      fc.property(day, zones, (due, at) => {
        fc.pre(dayInZone(startOfDay(due as PlainDate, at), at) === due);
        expect(parseUtcDay(formatUtcDay(due as PlainDate, at), at)).toBe(due);
      }),
      { numRuns: 500 },
    );
  });

  it('begins after the gap where midnight does not exist', () => {
    // Cairo went from 23:59:59 on Thursday 2023-04-27 to 01:00 on Friday.
    expect(formatUtcDay('2023-04-28' as PlainDate, zone('Africa/Cairo'))).toBe('2023-04-27T22:00:00.000Z');
    expect(formatUtcDay('2018-11-04' as PlainDate, zone('America/Sao_Paulo'))).toBe('2018-11-04T03:00:00.000Z');
    expect(formatUtcDay('2026-03-29' as PlainDate, oslo)).toBe('2026-03-28T23:00:00.000Z');
    expect(formatUtcDay('2026-03-30' as PlainDate, oslo)).toBe('2026-03-29T22:00:00.000Z');
  });

  it('is read from local time and from the instant of midnight', () => {
    expect(parseLocalDay('2026-06-05T00:00:00.000Z', oslo)).toBe('2026-06-05');
    expect(parseLocalDay('2026-06-05T17:30:00.000Z', oslo)).toBe('2026-06-05');
    expect(parseLocalDay('2026-06-04T22:00:00.000Z', oslo)).toBe('2026-06-05');
  });
});
