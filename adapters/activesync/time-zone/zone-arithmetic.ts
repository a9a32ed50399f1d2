/**
 * Offsets of IANA zones, from the zone database that Node carries (ICU). Temporal finds the changes of offset; they
 * are kept per zone and year, because rendering a calendar asks for the same few thousands of times.
 */
import { LRUCache } from 'lru-cache';
import { Temporal } from 'temporal-polyfill';
import type { TimeZoneName } from '../../../domain/shared/ids.ts';
import { MS_PER_MINUTE, type ZoneArithmetic } from '../../../domain/shared/time.ts';

export interface Transition {
  readonly epochMs: number;
  readonly offsetBeforeMs: number;
  readonly offsetAfterMs: number;
}

/** The offset with which a UTC year begins, and the changes in it, in order. */
export interface ZoneYear {
  readonly offsetMs: number;
  readonly transitions: readonly Transition[];
}

const utcYear: ZoneYear = { offsetMs: 0, transitions: [] };
// Beyond these years no zone database says anything, and a client must not be able to ask for any number of them.
const firstYear = 1850;
const lastYear = 2300;

const years = new LRUCache<string, ZoneYear>({ max: 20_000 });
const knownZones = new LRUCache<string, boolean>({ max: 2_000 });

/** Whether Node's zone database has the zone (in any letter case, aliases included). */
export function isTimeZone(name: string): name is TimeZoneName {
  const cached = knownZones.get(name);
  if (cached !== undefined) return cached;
  const known = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name) && isAcceptedByIntl(name);
  knownZones.set(name, known);
  return known;
}

function isAcceptedByIntl(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    // Intl has no question for this: a RangeError is its way to say no.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The changes of offset in a UTC year; an unknown zone counts as UTC. */
export function zoneYear(zone: string, year: number): ZoneYear {
  // A moment that is none has no year: its wall clock is none either.
  if (Number.isNaN(year)) return utcYear;
  const clamped = Math.min(Math.max(year, firstYear), lastYear);
  const key = `${zone}|${clamped}`;
  const cached = years.get(key);
  if (cached !== undefined) return cached;
  const made = isTimeZone(zone) ? readZoneYear(zone, clamped) : utcYear;
  years.set(key, made);
  return made;
}

function readZoneYear(zone: string, year: number): ZoneYear {
  const end = Date.UTC(year + 1, 0, 1);
  const begin = Temporal.Instant.fromEpochMilliseconds(Date.UTC(year, 0, 1) - 1).toZonedDateTimeISO(zone);
  const transitions: Transition[] = [];
  const offsetMs = begin.offsetNanoseconds / 1e6;
  let before = offsetMs;
  let next = begin.getTimeZoneTransition('next');
  while (next !== null && next.epochMilliseconds < end) {
    const after = next.offsetNanoseconds / 1e6;
    if (after !== before) {
      transitions.push({ epochMs: next.epochMilliseconds, offsetBeforeMs: before, offsetAfterMs: after });
    }
    before = after;
    next = next.getTimeZoneTransition('next');
  }
  return { offsetMs, transitions };
}

/** How far the zone's wall clock is ahead of UTC, in milliseconds. */
export function offsetMsAt(zone: string, epochMs: number): number {
  const { offsetMs, transitions } = zoneYear(zone, new Date(epochMs).getUTCFullYear());
  let offset = offsetMs;
  for (const transition of transitions) {
    if (transition.epochMs > epochMs) break;
    offset = transition.offsetAfterMs;
  }
  return offset;
}

function toEpochMs(zone: string, wallClockMs: number): number {
  // The true offset is in force within a day before or after. The earlier moment that shows this wall clock wins;
  // when none does, the offset before the gap carries the time over it.
  const before = offsetMsAt(zone, wallClockMs - 24 * 60 * MS_PER_MINUTE);
  const after = offsetMsAt(zone, wallClockMs + 24 * 60 * MS_PER_MINUTE);
  if (before === after) return wallClockMs - before;
  const first = wallClockMs - Math.max(before, after);
  if (offsetMsAt(zone, first) === Math.max(before, after)) return first;
  const second = wallClockMs - Math.min(before, after);
  if (offsetMsAt(zone, second) === Math.min(before, after)) return second;
  return wallClockMs - before;
}

export const zoneArithmetic: ZoneArithmetic = {
  toWallClock: (zone, epochMs) => epochMs + offsetMsAt(zone, epochMs),
  toEpochMs,
};
