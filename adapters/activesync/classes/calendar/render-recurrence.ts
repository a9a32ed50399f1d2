/**
 * Recurrence to the wire: MS-ASCAL 2.2.2.37.
 */
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import { weekdays } from '../../../../domain/appointment/recurrence-days.ts';
import type { Recurrence } from '../../../../domain/item/schema.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { civilDay, dayOf, dayOfMs, epochMsOf, weekdayOf } from '../../../../domain/shared/time.ts';
import { zoneArithmetic } from '../../time-zone/index.ts';
import type { ProtocolVersion } from '../../version.ts';
import { Calendar } from '../../wbxml/code-pages/index.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import { frequencies, maskOf } from '../shared/recurrence-codes.ts';
import { renderTime } from './times.ts';

export function renderRecurrence(
  writer: WbxmlWriter,
  recurrence: Recurrence,
  series: Pick<AppointmentFields, 'start' | 'allDay' | 'timeZone'>,
  version: ProtocolVersion,
): void {
  const { frequency, interval, until, count, calendarType, isLeapMonth, firstDayOfWeek } = recurrence;
  writer.open(Calendar.Recurrence);
  writer.element(Calendar.Type, String(frequencies.indexOf(frequency)));
  writer.element(Calendar.Interval, String(interval ?? 1));
  // Until and Occurrences exclude each other (MS-ASCAL 2.2.2.31).
  if (until !== undefined) {
    const compact = renderUntil(until, series, version);
    if (compact !== undefined) writer.element(Calendar.Until, compact);
  } else if (count !== undefined) {
    writer.element(Calendar.Occurrences, String(count));
  }
  renderDays(writer, recurrence, series);
  if (version >= 140) {
    if (calendarType !== undefined) writer.element(Calendar.CalendarType, String(calendarType));
    if (isLeapMonth) writer.element(Calendar.IsLeapMonth, '1');
  }
  if (version >= 141 && firstDayOfWeek !== undefined) {
    writer.element(Calendar.FirstDayOfWeek, String(weekdays.indexOf(firstDayOfWeek)));
  }
  writer.close();
}

export function renderUntil(
  until: string,
  series: Pick<AppointmentFields, 'allDay' | 'timeZone'>,
  version: ProtocolVersion,
): string | undefined {
  return renderTime(until, series.allDay === true, series.timeZone as TimeZoneName, version >= 160);
}

/** What the pattern leaves to the first day is said: devices do not work it out. */
function renderDays(
  writer: WbxmlWriter,
  recurrence: Recurrence,
  series: Pick<AppointmentFields, 'start' | 'allDay' | 'timeZone'>,
): void {
  const { frequency, byDay } = recurrence;
  const first = firstDay(series);
  const isNth = frequency === 'monthlyNth' || frequency === 'yearlyNth';
  if (isNth) writer.element(Calendar.WeekOfMonth, String(recurrence.weekOfMonth ?? Math.ceil(first.dayOfMonth / 7)));
  if (frequency === 'monthly' || frequency === 'yearly') {
    writer.element(Calendar.DayOfMonth, String(recurrence.dayOfMonth ?? first.dayOfMonth));
  }
  if (isNth || frequency === 'weekly') {
    writer.element(Calendar.DayOfWeek, String(maskOf(byDay && byDay.length > 0 ? byDay : [first.weekday])));
  } else if (frequency === 'daily' && byDay && byDay.length > 0) {
    writer.element(Calendar.DayOfWeek, String(maskOf(byDay)));
  }
  if (frequency === 'yearly' || frequency === 'yearlyNth') {
    writer.element(Calendar.MonthOfYear, String(recurrence.monthOfYear ?? first.month));
  }
}

function firstDay(series: Pick<AppointmentFields, 'start' | 'allDay' | 'timeZone'>) {
  const day = series.allDay
    ? dayOf(series.start)
    : dayOfMs(zoneArithmetic.toWallClock(series.timeZone as TimeZoneName, epochMsOf(series.start)));
  const readable = Number.isFinite(day) ? day : 0;
  return { ...civilDay(readable), weekday: weekdays[weekdayOf(readable)]! };
}
