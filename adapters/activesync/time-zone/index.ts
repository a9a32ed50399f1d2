/**
 * Time zones on the wire: the TimeZone structure of MS-ASDTYPE 2.7.6 from and to IANA names. Nothing here throws, and
 * what a client sent is looked up at most once per structure and year.
 */
import { LRUCache } from 'lru-cache';
import type { TimeZoneName } from '../../../domain/shared/ids.ts';
import { MS_PER_DAY } from '../../../domain/shared/time.ts';
import { rulesOf, standardBiasOf, summerTimeOf, wallClockOfRule } from './rules.ts';
import {
  decodeTimeZone,
  encodeTimeZone,
  hasSummerTime,
  isBlank,
  type TimeZoneInformation,
} from './time-zone-information.ts';
import { commonZones, englishStandardName, windowsNameOf, zonesNamed } from './zone-names.ts';

export { wallClockIn } from './rules.ts';
export type { TimeZoneInformation } from './time-zone-information.ts';
export { isTimeZone, zoneArithmetic } from './zone-arithmetic.ts';

const encoded = new LRUCache<string, string>({ max: 2_000 });

/** The structure for a zone in a year, in base64. An unknown zone gives that of UTC. */
export function encodeZone(zone: string, year: number): string {
  const key = `${zone}|${year}`;
  const cached = encoded.get(key);
  if (cached !== undefined) return cached;
  const standardName = windowsNameOf(zone) ?? (zone.length <= 31 ? zone : '');
  const daylightName = standardName.replace('Standard', 'Daylight');
  const made = encodeTimeZone({ ...rulesOf(zone, year), standardName, daylightName });
  encoded.set(key, made);
  return made;
}

/** What a client's structure says. `information` is absent when it could not be read and the fallback stands in. */
export interface ReadZone {
  readonly zone: TimeZoneName;
  readonly information?: TimeZoneInformation;
}

const UTC = 'UTC' as TimeZoneName;
const read = new LRUCache<string, ReadZone>({ max: 2_000 });

/**
 * The IANA zone that a structure means. Its name decides where it agrees with its own bias, else its rules in `year`;
 * where several zones fit, the first of `preferred` that does. A structure that says nothing is UTC; one that cannot
 * be read, or that fits no zone on earth, is the last of `preferred`: the account's zone.
 */
export function decodeZone(
  base64: string,
  year: number,
  preferred: readonly [TimeZoneName, ...TimeZoneName[]],
): ReadZone {
  if (base64.length > 1024) return { zone: preferred.at(-1)! };
  const key = `${preferred.join('|')}|${year}|${base64}`;
  const cached = read.get(key);
  if (cached !== undefined) return cached;
  const made = readZone(base64, year, preferred);
  read.set(key, made);
  return made;
}

function readZone(base64: string, year: number, preferred: readonly TimeZoneName[]): ReadZone {
  const information = decodeTimeZone(base64);
  const fallback = preferred.at(-1) ?? UTC;
  if (information === undefined) return { zone: fallback };
  if (isBlank(information))
    return { zone: preferred.find((zone) => windowsNameOf(zone) === 'UTC') ?? UTC, information };
  const zone = zoneByName(information, year, preferred) ?? zoneByRules(information, year, preferred) ?? fallback;
  return { zone, information };
}

function zoneByName(
  information: TimeZoneInformation,
  year: number,
  preferred: readonly TimeZoneName[],
): TimeZoneName | undefined {
  for (const name of [information.standardName, information.daylightName]) {
    const named = zonesNamed(name).filter((zone) => sameStandardTime(information, zone, year));
    const means = (zone: TimeZoneName): boolean =>
      named.includes(zone) ||
      (named[0] !== undefined && windowsNameOf(zone) === windowsNameOf(named[0])) ||
      englishStandardName(zone) === name;
    const favourite = preferred.find((zone) => means(zone) && sameStandardTime(information, zone, year));
    const zone = favourite ?? named[0];
    if (zone !== undefined) return zone;
  }
  return undefined;
}

function zoneByRules(
  information: TimeZoneInformation,
  year: number,
  preferred: readonly TimeZoneName[],
): TimeZoneName | undefined {
  // All zones of the earth are asked for a year, so the years that a client can name are few.
  const asked = Math.min(Math.max(year, 2000), 2040);
  const candidates = [...preferred, ...commonZones()];
  return (
    candidates.find((zone) => sameRules(information, zone, asked, 0)) ??
    // Devices disagree about the week of a rule more often than two zones of one offset lie so close.
    candidates.find((zone) => sameRules(information, zone, asked, 8 * MS_PER_DAY)) ??
    candidates.find((zone) => sameStandardTime(information, zone, asked))
  );
}

function sameStandardTime(information: TimeZoneInformation, zone: string, year: number): boolean {
  return standardBiasOf(zone, year) === information.bias + information.standardBias;
}

function sameRules(information: TimeZoneInformation, zone: string, year: number, toleranceMs: number): boolean {
  if (!sameStandardTime(information, zone, year)) return false;
  const summer = summerTimeOf(zone, year);
  if (summer === undefined || !hasSummerTime(information)) return summer === undefined && !hasSummerTime(information);
  const { toDaylight, toStandard } = summer;
  const saved = information.standardBias - information.daylightBias;
  return (
    toDaylight.offsetAfterMs - toDaylight.offsetBeforeMs === saved * 60_000 &&
    strikesAt(information.daylightDate, year, toDaylight.epochMs + toDaylight.offsetBeforeMs, toleranceMs) &&
    strikesAt(information.standardDate, year, toStandard.epochMs + toStandard.offsetBeforeMs, toleranceMs)
  );
}

function strikesAt(
  rule: TimeZoneInformation['standardDate'],
  year: number,
  wallClockMs: number,
  toleranceMs: number,
): boolean {
  return Math.abs(wallClockOfRule(rule, year) - wallClockMs) <= toleranceMs;
}
