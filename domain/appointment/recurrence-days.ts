/**
 * The days of a recurrence pattern: RFC 5545 RRULE as far as ActiveSync can say it (MS-ASCAL 2.2.2.37, 2.2.2.45 Type).
 * A day that a month does not have is its last day, as MS-ASCAL says and RFC 5545 does not. Pure and lazy; a pattern
 * that never strikes ends at `lastDay`.
 */
import type { Recurrence, Weekday } from '../item/schema.ts';
import { civilDay, dayNumber, daysInMonth, weekdayOf } from '../shared/time.ts';

export const weekdays: readonly Weekday[] = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];

/** Days from `startDay` on that lie in `fromDay`..`lastDay`, ascending, regardless of `count` and `until`. */
export function patternDays(
  recurrence: Recurrence,
  startDay: number,
  fromDay: number,
  lastDay: number,
): Generator<number, void> {
  const from = Math.max(startDay, fromDay);
  switch (recurrence.frequency) {
    case 'daily':
      return daily(recurrence, startDay, from, lastDay);
    case 'weekly':
      return weekly(recurrence, startDay, from, lastDay);
    default:
      return monthly(recurrence, startDay, from, lastDay);
  }
}

function intervalOf(recurrence: Recurrence): number {
  return Math.max(1, Math.floor(recurrence.interval ?? 1));
}

function weekdaySet(recurrence: Recurrence, startDay: number): ReadonlySet<number> {
  const { byDay } = recurrence;
  if (byDay === undefined || byDay.length === 0) return new Set([weekdayOf(startDay)]);
  return new Set(byDay.map((weekday) => weekdays.indexOf(weekday)));
}

function* daily(recurrence: Recurrence, startDay: number, from: number, lastDay: number): Generator<number, void> {
  const interval = intervalOf(recurrence);
  // Type 0 may carry a DayOfWeek: "every weekday".
  const allowed = recurrence.byDay === undefined ? undefined : weekdaySet(recurrence, startDay);
  let day = startDay + Math.ceil((from - startDay) / interval) * interval;
  for (; day <= lastDay; day += interval) if (allowed === undefined || allowed.has(weekdayOf(day))) yield day;
}

function* weekly(recurrence: Recurrence, startDay: number, from: number, lastDay: number): Generator<number, void> {
  const step = intervalOf(recurrence) * 7;
  const weekStart = weekdays.indexOf(recurrence.firstDayOfWeek ?? 'SU');
  const allowed = weekdaySet(recurrence, startDay);
  const firstWeek = startDay - ((weekdayOf(startDay) - weekStart + 7) % 7);
  for (
    let week = firstWeek + Math.max(0, Math.floor((from - firstWeek) / step)) * step;
    week <= lastDay;
    week += step
  ) {
    for (let day = Math.max(week, from); day < week + 7 && day <= lastDay; day++) {
      if (allowed.has(weekdayOf(day))) yield day;
    }
  }
}

function* monthly(recurrence: Recurrence, startDay: number, from: number, lastDay: number): Generator<number, void> {
  const { year, month } = civilDay(startDay);
  const isYearly = recurrence.frequency === 'yearly' || recurrence.frequency === 'yearlyNth';
  const step = intervalOf(recurrence) * (isYearly ? 12 : 1);
  const first = year * 12 + (isYearly && recurrence.monthOfYear !== undefined ? recurrence.monthOfYear : month) - 1;
  const begin = civilDay(from);
  const skipped = Math.max(0, Math.floor((begin.year * 12 + begin.month - 1 - first) / step));
  for (let index = first + skipped * step; ; index += step) {
    const at = { year: Math.floor(index / 12), month: (index % 12) + 1 };
    if (dayNumber(at.year, at.month, 1) > lastDay || at.year > 9999) return;
    const day = dayInMonth(recurrence, startDay, at.year, at.month);
    if (day !== undefined && day >= from && day <= lastDay) yield day;
  }
}

function dayInMonth(recurrence: Recurrence, startDay: number, year: number, month: number): number | undefined {
  const first = dayNumber(year, month, 1);
  const length = daysInMonth(year, month);
  if (recurrence.frequency === 'monthly' || recurrence.frequency === 'yearly') {
    return first + Math.min(recurrence.dayOfMonth ?? civilDay(startDay).dayOfMonth, length) - 1;
  }
  const allowed = weekdaySet(recurrence, startDay);
  const week = recurrence.weekOfMonth ?? Math.ceil(civilDay(startDay).dayOfMonth / 7);
  const days: number[] = [];
  for (let day = first; day < first + length; day++) if (allowed.has(weekdayOf(day))) days.push(day);
  // "Last" is 5, and also what a fifth Tuesday means in a month with four.
  return week >= 5 ? days.at(-1) : days[week - 1];
}
