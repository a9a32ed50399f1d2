/**
 * Recurrence from the wire: MS-ASCAL 2.2.2.37.
 */
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import { weekdays } from '../../../../domain/appointment/recurrence-days.ts';
import type { Recurrence } from '../../../../domain/item/schema.ts';
import { epochMsOf, instantOf, MS_PER_DAY } from '../../../../domain/shared/time.ts';
import { zoneArithmetic } from '../../time-zone/index.ts';
import type { ProtocolVersion } from '../../version.ts';
import { Calendar } from '../../wbxml/code-pages/index.ts';
import { type Element, textOf } from '../../wbxml/element.ts';
import { daysOf, frequencies } from '../shared/recurrence-codes.ts';
import { Refusal } from './refusal.ts';
import { renderUntil } from './render-recurrence.ts';
import { readTime, type TimeFrame, wallClockOf } from './times.ts';
import { booleanOf, msOfCompact, numberOf } from './wire-values.ts';

/** What of the series the pattern is read against. */
export interface RecurrenceContext {
  readonly version: ProtocolVersion;
  readonly frame: TimeFrame;
  readonly start: string;
  readonly allDay: boolean;
  readonly known?: AppointmentFields;
}

const countMax = 999;

/** An interval of 1 is left unsaid. Numbers out of range are left out where the first day can stand in for them. */
export function parseRecurrence(element: Element, context: RecurrenceContext): Recurrence | Refusal {
  const frequency = frequencies[numberOf(textOf(element, Calendar.Type)) ?? -1];
  if (frequency === undefined) return new Refusal('Recurrence of unknown Type');
  const interval = numberOf(textOf(element, Calendar.Interval));
  if (interval !== undefined && interval > 999) return new Refusal('Recurrence Interval out of range');
  const until = parseUntil(textOf(element, Calendar.Until), context);
  if (until instanceof Refusal) return until;
  const count = numberOf(textOf(element, Calendar.Occurrences));
  const isNth = frequency === 'monthlyNth' || frequency === 'yearlyNth';
  const isYearly = frequency === 'yearly' || frequency === 'yearlyNth';
  const mask =
    frequency === 'monthly' || frequency === 'yearly' ? 0 : (numberOf(textOf(element, Calendar.DayOfWeek)) ?? 0);
  const firstDayOfWeek = weekdays[numberOf(textOf(element, Calendar.FirstDayOfWeek)) ?? -1];
  return {
    frequency,
    ...(interval !== undefined && interval > 1 && { interval }),
    ...(until !== undefined && { until }),
    ...(until === undefined && count !== undefined && count > 0 && { count: Math.min(count, countMax) }),
    ...(mask > 0 && mask < 128 && { byDay: daysOf(mask) }),
    ...(isNth && within(element, Calendar.WeekOfMonth, 5, 'weekOfMonth')),
    ...((frequency === 'monthly' || frequency === 'yearly') && within(element, Calendar.DayOfMonth, 31, 'dayOfMonth')),
    ...(isYearly && within(element, Calendar.MonthOfYear, 12, 'monthOfYear')),
    ...calendarOf(element),
    ...(firstDayOfWeek !== undefined && { firstDayOfWeek }),
    ...unsayable(context),
  };
}

function calendarOf(element: Element): Partial<Recurrence> {
  const calendarType = numberOf(textOf(element, Calendar.CalendarType));
  return {
    // 0 and 1 are the Gregorian calendar (MS-ASCAL 2.2.2.10).
    ...(calendarType !== undefined && calendarType > 1 && { calendarType }),
    ...(booleanOf(textOf(element, Calendar.IsLeapMonth)) && { isLeapMonth: true }),
  };
}

/** What the known pattern has and the version has no element for. */
function unsayable({ version, known }: RecurrenceContext): Partial<Recurrence> {
  const { firstDayOfWeek, calendarType, isLeapMonth } = known?.recurrence ?? {};
  return {
    ...(version < 141 && firstDayOfWeek && { firstDayOfWeek }),
    ...(version < 140 && calendarType && { calendarType }),
    ...(version < 140 && isLeapMonth && { isLeapMonth }),
  };
}

function within<K extends keyof Recurrence>(element: Element, tag: number, max: number, key: K): Partial<Recurrence> {
  const value = numberOf(textOf(element, tag));
  return value !== undefined && value >= 1 && value <= max ? { [key]: value } : {};
}

function parseUntil(text: string | undefined, context: RecurrenceContext): string | undefined | Refusal {
  if (text === undefined || text.trim() === '') return undefined;
  const { known, version, frame, allDay } = context;
  const knownUntil = known?.recurrence?.until;
  if (known && knownUntil !== undefined && renderUntil(knownUntil, known, version) === text) return knownUntil;
  const ms = msOfCompact(text);
  if (ms === undefined) {
    // Some say "for ever" as the year 4500 or 9999.
    return /^[3-9]\d{7}|^\d{4}-.*$/.test(text.trim()) && Number(text.trim().slice(0, 4)) >= 2300
      ? undefined
      : new Refusal('Recurrence Until is no time');
  }
  return allDay ? readTime(ms, true, frame, 'start') : instantOf(endOfTimed(ms, context));
}

/**
 * A midnight after which the day's occurrence still comes means the whole day: some devices say only the date of the
 * last occurrence.
 */
function endOfTimed(ms: number, { frame, start }: RecurrenceContext): number {
  const startWallClock = wallClockOf(epochMsOf(start), frame);
  const startMsOfDay = ((startWallClock % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY;
  const wallClock = wallClockOf(ms, frame);
  if (!Number.isFinite(startMsOfDay) || (wallClock - startWallClock) % MS_PER_DAY === 0) return ms;
  const midnight = [ms, wallClock].find((clock) => clock % MS_PER_DAY === 0);
  if (midnight === undefined) return ms;
  return Math.max(ms, zoneArithmetic.toEpochMs(frame.zone, midnight + startMsOfDay));
}
