import type { Recurrence, Weekday } from '../../../domain/item/schema.ts';
import { dayOf, dayStart } from '../../office/time.ts';
import { child, dateTime, instant, integer, nil, text, type XmlElement, type XmlNode } from '../xml.ts';

const frequencies: Readonly<Record<string, Recurrence['frequency']>> = {
  Daily: 'daily',
  Weekly: 'weekly',
  Monthly: 'monthly',
  MonthlyNth: 'monthlyNth',
  Yearly: 'yearly',
  YearlyNth: 'yearlyNth',
};
const frequencyNames = Object.fromEntries(Object.entries(frequencies).map(([wire, ours]) => [ours, wire]));

const weekdays: ReadonlySet<string> = new Set(['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']);
const isWeekday = (text: string): text is Weekday => weekdays.has(text);

/** The assumed Recurrence; undefined for none, and for one of a kind the domain does not know. */
export function recurrenceFromElement(item: XmlElement, allDay: boolean, timeZone: string): Recurrence | undefined {
  const from = child(item, 'Recurrence');
  const frequency = frequencies[text(from, 'Frequency') ?? ''];
  if (frequency === undefined) return undefined;
  const until = instant(from, 'Until');
  const firstDay = text(from, 'FirstDayOfWeek');
  return {
    frequency,
    interval: integer(from, 'Interval'),
    count: integer(from, 'Count'),
    until: until !== undefined && allDay ? dayOf(until, timeZone) : until,
    byDay: text(from, 'ByDay')?.split(/\s+/).filter(isWeekday),
    dayOfMonth: integer(from, 'DayOfMonth'),
    weekOfMonth: integer(from, 'WeekOfMonth'),
    monthOfYear: integer(from, 'MonthOfYear'),
    firstDayOfWeek: firstDay !== undefined && isWeekday(firstDay) ? firstDay : undefined,
  };
}

export function recurrenceElement(recurrence: Recurrence | undefined, allDay: boolean, timeZone: string): XmlNode {
  if (recurrence === undefined) return nil;
  const { until } = recurrence;
  const numbers = { Interval: recurrence.interval, Count: recurrence.count };
  const place = {
    DayOfMonth: recurrence.dayOfMonth,
    WeekOfMonth: recurrence.weekOfMonth,
    MonthOfYear: recurrence.monthOfYear,
  };
  const given = (values: Readonly<Record<string, number | undefined>>): XmlElement =>
    Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    );
  return {
    Frequency: frequencyNames[recurrence.frequency]!,
    ...given(numbers),
    ...(until === undefined ? {} : { Until: dateTime(allDay ? dayStart(until, timeZone) : until) }),
    ...(recurrence.byDay === undefined ? {} : { ByDay: recurrence.byDay.join(' ') }),
    ...given(place),
    ...(recurrence.firstDayOfWeek === undefined ? {} : { FirstDayOfWeek: recurrence.firstDayOfWeek }),
  };
}
