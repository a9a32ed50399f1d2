import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TimeZoneName } from '../../../domain/shared/ids.ts';
import { timeZones } from '../../../test/arbitraries/appointment.ts';
import { decodeZone, encodeZone, wallClockIn, zoneArithmetic } from './index.ts';
import { rulesOf } from './rules.ts';
import { decodeTimeZone, encodeTimeZone, noTransition, type TransitionRule } from './time-zone-information.ts';

const oslo = 'Europe/Oslo' as TimeZoneName;
const zone = (name: string): TimeZoneName => name as TimeZoneName;

/** As Outlook and Exchange send them. */
const westEurope =
  'xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAAFcALgAgAEUAdQByAG8AcABlACAARABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w==';
const westEuropeDisplayed =
  'xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAACgAVQBUAEMAKwAwADEAOgAwADAAKQAgAEEAbQBzAHQAZQByAGQAYQBtACwAIABCAGUAcgBsAGkAbgAsACAAQgAAAAMAAAAFAAIAAAAAAAAAxP///w==';
const pacific =
  '4AEAACgARwBNAFQALQAwADgAOgAwADAAKQAgAFAAYQBjAGkAZgBpAGMAIABUAGkAbQBlACAAKABVAFMAIAAmACAAQwAAAAsAAAABAAIAAAAAAAAAAAAAACgARwBNAFQALQAwADgAOgAwADAAKQAgAFAAYQBjAGkAZgBpAGMAIABUAGkAbQBlACAAKABVAFMAIAAmACAAQwAAAAMAAAACAAIAAAAAAAAAxP///w==';

function rule(month: number, day: number, dayOfWeek: number, hour: number, minute = 0): TransitionRule {
  return { ...noTransition, month, day, dayOfWeek, hour, minute };
}

/** Windows' own definitions: bias, the end and the begin of summer time. */
const windowsZones: [name: string, iana: string, bias: number, standard?: TransitionRule, daylight?: TransitionRule][] =
  [
    ['W. Europe Standard Time', 'Europe/Oslo', -60, rule(10, 5, 0, 3), rule(3, 5, 0, 2)],
    ['GMT Standard Time', 'Europe/London', 0, rule(10, 5, 0, 2), rule(3, 5, 0, 1)],
    ['FLE Standard Time', 'Europe/Helsinki', -120, rule(10, 5, 0, 4), rule(3, 5, 0, 3)],
    ['Pacific Standard Time', 'America/Los_Angeles', 480, rule(11, 1, 0, 2), rule(3, 2, 0, 2)],
    ['Newfoundland Standard Time', 'America/St_Johns', 210, rule(11, 1, 0, 2), rule(3, 2, 0, 2)],
    ['AUS Eastern Standard Time', 'Australia/Sydney', -600, rule(4, 1, 0, 3), rule(10, 1, 0, 2)],
    ['New Zealand Standard Time', 'Pacific/Auckland', -720, rule(4, 1, 0, 3), rule(9, 5, 0, 2)],
    ['India Standard Time', 'Asia/Kolkata', -330],
    ['Tokyo Standard Time', 'Asia/Tokyo', -540],
    ['Line Islands Standard Time', 'Pacific/Kiritimati', -840],
    ['Dateline Standard Time', 'Etc/GMT+12', 720],
  ];

function structure(
  bias: number,
  standard: TransitionRule | undefined,
  daylight: TransitionRule | undefined,
  name: string,
) {
  return encodeTimeZone({
    bias,
    standardName: name,
    standardDate: standard ?? noTransition,
    standardBias: 0,
    daylightName: name.replace('Standard', 'Daylight'),
    daylightDate: daylight ?? noTransition,
    daylightBias: standard ? -60 : 0,
  });
}

describe('a zone as a TimeZone structure', () => {
  it('is, for Oslo, what Windows has, to the byte', () => {
    expect(encodeZone('Europe/Oslo', 2026)).toBe(westEurope);
  });

  it.each(windowsZones)('has the rules Windows gives %s', (name, iana, bias, standard, daylight) => {
    expect(decodeTimeZone(encodeZone(iana, 2026))).toEqual(decodeTimeZone(structure(bias, standard, daylight, name)));
  });

  it('says half an hour of summer time where there is half an hour', () => {
    expect(rulesOf('Australia/Lord_Howe', 2026)).toMatchObject({ bias: -630, daylightBias: -30 });
  });

  it('says a change at the end of a Thursday as Windows does, when the Friday would be no rule', () => {
    expect(rulesOf('Africa/Cairo', 2026).standardDate).toMatchObject({ month: 10, dayOfWeek: 4, day: 5, hour: 23 });
  });

  it('keeps the wall clock of the zone through the whole year of the rules', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...timeZones),
        fc.integer({ min: 2015, max: 2035 }),
        fc.integer({ min: 1, max: 8_700 }),
        (name, year, hour) => {
          const epochMs = Date.UTC(year, 0, 1) + hour * 3_600_000 + 12 * 3_600_000;
          const information = decodeTimeZone(encodeZone(name, year))!;
          // A zone that changes its mind within a year has no rules.
          fc.pre(new Date(epochMs).getUTCFullYear() === year && !(name === 'Africa/Cairo' && year === 2023));
          expect(wallClockIn(information, epochMs)).toBe(zoneArithmetic.toWallClock(name, epochMs));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('a TimeZone structure from a device', () => {
  it('means the zone of the person among those that Windows calls by one name', () => {
    expect(decodeZone(westEurope, 2026, [oslo]).zone).toBe('Europe/Oslo');
    expect(decodeZone(westEuropeDisplayed, 2026, [oslo]).zone).toBe('Europe/Oslo');
    expect(decodeZone(westEurope, 2026, [zone('Europe/Stockholm')]).zone).toBe('Europe/Stockholm');
    expect(decodeZone(westEurope, 2026, [zone('America/New_York')]).zone).toBe('Europe/Berlin');
  });

  it('means the zone that the item had, before that of the person', () => {
    expect(decodeZone(westEurope, 2026, [zone('Europe/Rome'), oslo]).zone).toBe('Europe/Rome');
  });

  it('goes back to the zone it was made of, for every zone there is', () => {
    for (const name of Intl.supportedValuesOf('timeZone')) {
      expect(decodeZone(encodeZone(name, 2026), 2026, [zone(name), oslo]).zone).toBe(name);
    }
  });

  it.each(windowsZones)('without any name means a zone with the rules of %s', (_, iana, bias, standard, daylight) => {
    const { zone: found } = decodeZone(structure(bias, standard, daylight, ''), 2026, [zone('Asia/Kathmandu')]);
    expect({ ...rulesOf(found, 2026) }).toEqual(rulesOf(iana, 2026));
  });

  it.each([
    ['(UTC+01:00) Amsterdam, Berlin, Bern, Rome', -60, 'Europe/Oslo', 'Europe/Oslo'],
    ['(UTC+01:00) Amsterdam, Berlin, Bern, Rome', -60, 'Asia/Tokyo', 'Europe/Amsterdam'],
    ['Vest-Europa (normaltid)', -60, 'Europe/Oslo', 'Europe/Oslo'],
    ['Central European Standard Time', -60, 'Europe/Oslo', 'Europe/Oslo'],
    ['Europe/Oslo', -60, 'Asia/Tokyo', 'Europe/Oslo'],
  ])('understands the name %s', (name, bias, account, expected) => {
    const sent = structure(bias, rule(10, 5, 0, 3), rule(3, 5, 0, 2), name);
    expect(decodeZone(sent, 2026, [zone(account)]).zone).toBe(expected);
  });

  it('is believed in its rules where its name says nothing', () => {
    expect(decodeZone(pacific, 2026, [oslo]).zone).toBe('America/Los_Angeles');
  });

  it('is believed in its bias where its name contradicts it', () => {
    expect(decodeZone(structure(-540, undefined, undefined, 'W. Europe Standard Time'), 2026, [oslo]).zone).toBe(
      'Asia/Tokyo',
    );
  });

  it('of nothing but zeros is UTC', () => {
    expect(decodeZone(Buffer.alloc(172).toString('base64'), 2026, [oslo]).zone).toBe('UTC');
  });

  it.each(['', 'x', '!!!!', westEurope.slice(0, 100), Buffer.alloc(172, 0xff).toString('base64'), 'A'.repeat(5000)])(
    'that cannot be read is the zone of the account: %#',
    (sent) => {
      expect(decodeZone(sent, 2026, [zone('Europe/Rome'), oslo])).toEqual({ zone: 'Europe/Oslo' });
    },
  );

  it('of any bytes gives a zone and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), fc.integer({ min: 1, max: 9999 }), (bytes, year) => {
        expect(decodeZone(Buffer.from(bytes).toString('base64'), year, [oslo]).zone).toBeTypeOf('string');
      }),
    );
  });
});

describe('the wall clock of a zone', () => {
  const at = (text: string): number => Date.parse(`${text}Z`);
  const instantAt = (text: string): string => new Date(zoneArithmetic.toEpochMs(oslo, at(text))).toISOString();

  it('jumps over an hour in spring: a time in it moves on by the hour', () => {
    expect(instantAt('2026-03-29T01:59:59')).toBe('2026-03-29T00:59:59.000Z');
    expect(instantAt('2026-03-29T02:30:00')).toBe('2026-03-29T01:30:00.000Z');
    expect(instantAt('2026-03-29T03:00:00')).toBe('2026-03-29T01:00:00.000Z');
  });

  it('repeats an hour in autumn: a time in it is the first of the two', () => {
    expect(instantAt('2026-10-25T01:59:59')).toBe('2026-10-24T23:59:59.000Z');
    expect(instantAt('2026-10-25T02:30:00')).toBe('2026-10-25T00:30:00.000Z');
    expect(instantAt('2026-10-25T03:00:00')).toBe('2026-10-25T02:00:00.000Z');
  });

  it('is that of Intl, at any moment', () => {
    const formats = new Map(
      timeZones.map((name) => [
        name,
        new Intl.DateTimeFormat('sv-SE', {
          timeZone: name,
          dateStyle: 'short',
          timeStyle: 'medium',
        }),
      ]),
    );
    fc.assert(
      fc.property(fc.constantFrom(...timeZones), fc.integer({ min: 0, max: 2_500_000_000 }), (name, seconds) => {
        const shown = new Date(zoneArithmetic.toWallClock(name, seconds * 1000)).toISOString();
        expect(formats.get(name)!.format(seconds * 1000)).toBe(shown.slice(0, 19).replace('T', ' '));
      }),
      { numRuns: 2_000 },
    );
  });

  it('goes there and back, but for the hour that comes twice', () => {
    fc.assert(
      fc.property(fc.constantFrom(...timeZones), fc.integer({ min: 0, max: 2_500_000_000 }), (name, seconds) => {
        const wallClock = zoneArithmetic.toWallClock(name, seconds * 1000);
        const back = zoneArithmetic.toEpochMs(name, wallClock);
        expect(zoneArithmetic.toWallClock(name, back)).toBe(wallClock);
        expect(back).toBeLessThanOrEqual(seconds * 1000);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a zone that nobody knows is UTC', () => {
    expect(zoneArithmetic.toWallClock(zone('Middle/Earth'), 1e12)).toBe(1e12);
  });
});
