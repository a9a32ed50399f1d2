/**
 * Days and instants on the wire. A timed value is an instant. An all-day one is a day; how it is written depends on the
 * dialect: up to 14.1 as the instant when that day begins in the item's zone, from 16.0 floating, as midnight that
 * belongs to no zone (MS-ASCAL 2.2.2.1, 2.2.2.42).
 */
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { dateOf, dayOf, instantOf, MS_PER_DAY } from '../../../../domain/shared/time.ts';
import { type TimeZoneInformation, wallClockIn, zoneArithmetic } from '../../time-zone/index.ts';
import { compactOf, compactOfMs } from './wire-values.ts';

/** What decides how times are written and read. */
export interface TimeFrame {
  readonly zone: TimeZoneName;
  /** What the client says of the zone: it computed its midnights with this, not with our zone. */
  readonly information?: TimeZoneInformation;
  /** The person's own zone: some devices name one zone and compute in another. */
  readonly accountZone: TimeZoneName;
  /** 16.0 and later: days float. */
  readonly floatingDays: boolean;
}

/** The compact form of an instant or, for all-day values, of a day; undefined when it is neither. */
export function renderTime(
  value: string,
  allDay: boolean,
  zone: TimeZoneName,
  floatingDays: boolean,
): string | undefined {
  if (!allDay) return compactOf(value);
  const day = dayOf(value);
  // What is kept as an instant although the item is all-day cannot be better than itself.
  if (Number.isNaN(day)) return compactOf(value);
  return compactOfMs(floatingDays ? day * MS_PER_DAY : zoneArithmetic.toEpochMs(zone, day * MS_PER_DAY));
}

/** An instant, or for all-day values the day: the one that begins there, `end` rounding up. */
export function readTime(ms: number, allDay: boolean, frame: TimeFrame, bound: 'start' | 'end'): string {
  return allDay ? dateOf(dayOfAllDay(ms, frame, bound)) : instantOf(ms);
}

/** The zone's wall clock, as the client computes it. */
export function wallClockOf(ms: number, frame: TimeFrame): number {
  return frame.information ? wallClockIn(frame.information, ms) : zoneArithmetic.toWallClock(frame.zone, ms);
}

const twoHoursMs = 2 * 3_600_000;
const quarterMs = 15 * 60_000;

/**
 * The day that an all-day value means. It should be a midnight; whose, is the question: of the item's zone, of no zone
 * (UTC), or of the person's. One that is nobody's midnight but near one, on a quarter of an hour, is a midnight
 * computed with another year's summer time.
 */
function dayOfAllDay(ms: number, frame: TimeFrame, bound: 'start' | 'end'): number {
  const wallClock = wallClockOf(ms, frame);
  const account = zoneArithmetic.toWallClock(frame.accountZone, ms);
  const midnights = frame.floatingDays ? [ms, wallClock, account] : [wallClock, ms, account];
  const midnight = midnights.find((clock) => clock % MS_PER_DAY === 0);
  if (midnight !== undefined) return midnight / MS_PER_DAY;
  const day = Math.floor(wallClock / MS_PER_DAY);
  const msOfDay = wallClock - day * MS_PER_DAY;
  if (wallClock % quarterMs === 0) {
    if (msOfDay <= twoHoursMs) return day;
    if (msOfDay >= MS_PER_DAY - twoHoursMs) return day + 1;
  }
  return bound === 'end' ? day + 1 : day;
}
