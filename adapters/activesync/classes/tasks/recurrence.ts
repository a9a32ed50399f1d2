/**
 * The recurrence of a task: MS-ASTASK 2.2.2.20 Recurrence and its children.
 */
import { weekdays } from '../../../../domain/appointment/recurrence-days.ts';
import { type Recurrence, recurrence as recurrenceSchema, type Weekday } from '../../../../domain/item/schema.ts';
import type { ProtocolVersion } from '../../version.ts';
import { Tasks } from '../../wbxml/code-pages/index.ts';
import { child, type Element, type Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import type { ParseContext } from '../port.ts';
import { parseFlag, plainText } from '../shared/codecs.ts';
import { formatLocalDay, isPlainDate, parseInstant, parseLocalDay } from '../shared/dates.ts';
import { cleared, equalValues, nothing, type Reading, refused, value } from '../shared/reading.ts';
import { daysOf, frequencies, maskOf } from '../shared/recurrence-codes.ts';

/** RFC 5545 WKST. */
const defaultFirstDay: Weekday = 'MO';

/** `start` is the day to say where the series has none of its own: a task's Recurrence must have one. */
export function renderRecurrence(
  writer: WbxmlWriter,
  recurrence: Recurrence,
  start: string | undefined,
  version: ProtocolVersion,
): void {
  const number = (tag: Tag, of: number | undefined): void => {
    if (of !== undefined) writer.element(tag, String(of));
  };
  const day = (tag: Tag, of: string | undefined): void => {
    const time = of === undefined ? undefined : isPlainDate(of) ? formatLocalDay(of) : parseInstant(of);
    if (time !== undefined) writer.element(tag, time);
  };
  writer.open(Tasks.Recurrence);
  writer.element(Tasks.Type, String(frequencies.indexOf(recurrence.frequency)));
  day(Tasks.Start, recurrence.start ?? start);
  day(Tasks.Until, recurrence.until);
  number(Tasks.Occurrences, recurrence.count);
  number(Tasks.Interval, recurrence.interval ?? 1);
  if (recurrence.byDay?.length) number(Tasks.DayOfWeek, maskOf(recurrence.byDay));
  number(Tasks.DayOfMonth, recurrence.dayOfMonth);
  number(Tasks.WeekOfMonth, recurrence.weekOfMonth);
  number(Tasks.MonthOfYear, recurrence.monthOfYear);
  writer.element(Tasks.Regenerate, recurrence.regenerate ? '1' : '0');
  writer.element(Tasks.DeadOccur, recurrence.deadOccur ? '1' : '0');
  if (version >= 140) {
    number(Tasks.CalendarType, recurrence.calendarType);
    if (recurrence.isLeapMonth) writer.element(Tasks.IsLeapMonth, '1');
  }
  if (version >= 141 && (recurrence.frequency === 'weekly' || recurrence.firstDayOfWeek)) {
    number(Tasks.FirstDayOfWeek, weekdays.indexOf(recurrence.firstDayOfWeek ?? defaultFirstDay));
  }
  writer.close();
}

/**
 * Reads a Recurrence. `knownStart` is what `renderRecurrence` was given as start of the series the device knew.
 * What the version has no element for stays as known. A series that means the same as the known one is no change.
 */
export function parseRecurrence(element: Element, context: ParseContext, knownStart: string | undefined): Reading {
  if (element.children.length === 0) return cleared;
  const type = numberText(element, Tasks.Type);
  const frequency = /^\d$/.test(type) ? frequencies[Number(type)] : undefined;
  if (!frequency) return refused('unknown type of recurrence');
  const known = context.known?.recurrence as Recurrence | undefined;
  const mask = integerOf(element, Tasks.DayOfWeek, 1, 127);
  const sent: Record<string, unknown> = {
    frequency,
    start: dayOf(element, Tasks.Start, context),
    until: dayOf(element, Tasks.Until, context),
    count: integerOf(element, Tasks.Occurrences, 1, 999),
    interval: integerOf(element, Tasks.Interval, 1, 999),
    byDay: mask === undefined ? undefined : daysOf(mask),
    dayOfMonth: integerOf(element, Tasks.DayOfMonth, 1, 31),
    weekOfMonth: integerOf(element, Tasks.WeekOfMonth, 1, 5),
    monthOfYear: integerOf(element, Tasks.MonthOfYear, 1, 12),
    regenerate: parseFlag(child(element, Tasks.Regenerate)) || undefined,
    deadOccur: parseFlag(child(element, Tasks.DeadOccur)) || undefined,
    calendarType: context.version >= 140 ? integerOf(element, Tasks.CalendarType, 0, 99) : known?.calendarType,
    isLeapMonth:
      context.version >= 140 ? parseFlag(child(element, Tasks.IsLeapMonth)) || undefined : known?.isLeapMonth,
    firstDayOfWeek:
      context.version >= 141 ? weekdays[integerOf(element, Tasks.FirstDayOfWeek, 0, 6) ?? -1] : known?.firstDayOfWeek,
  };
  for (const key of Object.keys(sent)) if (sent[key] === undefined) delete sent[key];
  const parsed = recurrenceSchema.safeParse(sent);
  if (!parsed.success) return refused('impossible recurrence');
  const same = known && equalValues(meaning(known, knownStart), meaning(parsed.data, undefined));
  return same ? nothing : value(parsed.data);
}

/** The recurrence with what is meant by what it leaves out. */
function meaning(recurrence: Recurrence, start: string | undefined): Recurrence {
  return {
    ...recurrence,
    start: recurrence.start ?? start,
    until: recurrence.until?.slice(0, 10),
    interval: recurrence.interval ?? 1,
    byDay: recurrence.byDay?.length ? weekdays.filter((day) => recurrence.byDay?.includes(day)) : undefined,
    firstDayOfWeek: recurrence.firstDayOfWeek ?? defaultFirstDay,
    regenerate: recurrence.regenerate ?? false,
    deadOccur: recurrence.deadOccur ?? false,
    isLeapMonth: recurrence.isLeapMonth ?? false,
    calendarType: recurrence.calendarType ?? 0,
  };
}

function numberText(element: Element, tag: Tag): string {
  const found = child(element, tag);
  return found ? plainText(found) : '';
}

/** A number in the range; out of it the nearest end (a thousand occurrences are as good as 999). */
function integerOf(element: Element, tag: Tag, min: number, max: number): number | undefined {
  const content = numberText(element, tag);
  const number = Number(content);
  if (content === '' || !Number.isFinite(number)) return undefined;
  return Math.min(max, Math.max(min, Math.trunc(number)));
}

function dayOf(element: Element, tag: Tag, context: ParseContext): string | undefined {
  const content = numberText(element, tag);
  return content === '' ? undefined : parseLocalDay(content, context.timeZone);
}
