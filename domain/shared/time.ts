/**
 * Calendar arithmetic without a clock and without a zone database. A moment is epoch milliseconds; a wall clock is the
 * same number read as if the place were UTC; a day is the number of days since 1970-01-01.
 */
import type { Instant, PlainDate, TimeZoneName } from './ids.ts';

export const MS_PER_MINUTE = 60_000;
export const MS_PER_DAY = 86_400_000;

/**
 * What the domain must know of time zones; given to it from outside, because it needs the zone database. Unknown zones
 * count as UTC.
 */
export interface ZoneArithmetic {
  /** What the wall clock of the zone shows at the moment. */
  toWallClock(zone: TimeZoneName, epochMs: number): number;
  /**
   * The moment when the wall clock shows this. A time that a spring change skips moves forward by the gap, one that an
   * autumn change repeats is its first occurrence (RFC 5545 3.3.5).
   */
  toEpochMs(zone: TimeZoneName, wallClockMs: number): number;
}

const plainDatePattern = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Epoch milliseconds; NaN when the text is no instant. */
export function epochMsOf(instant: string): number {
  return Date.parse(instant);
}

export function instantOf(epochMs: number): Instant {
  return new Date(epochMs).toISOString() as Instant;
}

export function isPlainDate(text: string): text is PlainDate {
  return !Number.isNaN(dayOf(text));
}

/** The day's number; NaN when the text is no existing day. */
export function dayOf(date: string): number {
  const match = plainDatePattern.exec(date);
  if (match === null) return Number.NaN;
  const day = dayNumber(Number(match[1]), Number(match[2]), Number(match[3]));
  return dateOf(day) === date ? day : Number.NaN;
}

export function dateOf(day: number): PlainDate {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10) as PlainDate;
}

/** `month` counts from 1; days outside of the month run over into its neighbours. */
export function dayNumber(year: number, month: number, dayOfMonth: number): number {
  return Math.floor(Date.UTC(year, month - 1, dayOfMonth) / MS_PER_DAY);
}

export interface CivilDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly dayOfMonth: number;
}

export function civilDay(day: number): CivilDay {
  const date = new Date(day * MS_PER_DAY);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, dayOfMonth: date.getUTCDate() };
}

/** 0 is Sunday. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

export function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The day that a moment or a wall clock falls on. */
export function dayOfMs(ms: number): number {
  return Math.floor(ms / MS_PER_DAY);
}
