/**
 * What one occurrence has of its own, from the wire: an Exception (MS-ASCAL 2.2.2.21) or, from 16.0, the
 * ApplicationData of a Change with an InstanceId (MS-ASAIRS 2.2.2.25).
 */
import type { AppointmentFields, OccurrenceFields } from '../../../../domain/appointment/fields.ts';
import { epochMsOf } from '../../../../domain/shared/time.ts';
import type { ProtocolVersion } from '../../version.ts';
import { AirSyncBase, Calendar } from '../../wbxml/code-pages/index.ts';
import { child, type Element, textOf } from '../../wbxml/element.ts';
import { parseBody, reconcileBody } from '../body.ts';
import type { ParseContext } from '../port.ts';
import {
  saidAttendees,
  saidBusyStatus,
  saidCategories,
  saidLocation,
  saidNumber,
  saidSensitivity,
  saidText,
} from './parse-values.ts';
import { Refusal } from './refusal.ts';
import { busyText, effectiveTimes } from './render.ts';
import { sameValue } from './same-value.ts';
import { readTime, type TimeFrame } from './times.ts';
import { booleanOf, msOfCompact } from './wire-values.ts';

export interface OccurrenceContext extends Pick<ParseContext, 'version' | 'bodyPreferences'> {
  readonly frame: TimeFrame;
  readonly key: string;
  /** The series as it will be; what an occurrence says just like it is not its own. */
  readonly series: AppointmentFields;
  /** What the occurrence had of its own so far. */
  readonly known?: OccurrenceFields;
  /** 16.x: a part of the values; what is absent stays. Else the whole exception; what is absent is the series'. */
  readonly partial: boolean;
}

export function parseOccurrence(element: Element, context: OccurrenceContext): OccurrenceFields | Refusal {
  const { series, known = {}, partial, key, version } = context;
  const allDay = booleanOf(textOf(element, Calendar.AllDayEvent)) ?? (partial ? known.allDay : undefined);
  const times = parseTimes(element, allDay ?? series.allDay === true, context);
  if (times instanceof Refusal) return times;
  const sent = parseBody(element);
  if (sent === 'refused') return new Refusal('Body of an occurrence that cannot be kept');
  const body = sent && reconcileBody(known.body ?? series.body, sent, context);
  const said: OccurrenceFields = {
    ...times,
    subject: saidText(element, Calendar.Subject) ?? emptied(element, Calendar.Subject, ''),
    location: saidLocation(element) === null ? '' : (saidLocation(element) ?? undefined),
    // A device that has not fetched the body leaves it out.
    body: body === 'clear' ? { type: 'text', content: '' } : (body ?? known.body),
    // 12.1 has no attendees in an exception.
    attendees: version < 140 ? known.attendees : orEmpty(saidAttendees(element, known.attendees ?? series.attendees)),
    categories: orEmpty(saidCategories(element)),
    reminderMinutes: saidNumber(element, Calendar.Reminder, reminderMax),
    sensitivity: saidSensitivity(element) ?? undefined,
    busyStatus: isBusyEcho(element, known, version) ? known.busyStatus : (saidBusyStatus(element) ?? undefined),
    meetingStatus: saidNumber(element, Calendar.MeetingStatus, 15) ?? undefined,
    responseType: version < 140 ? known.responseType : (saidNumber(element, Calendar.ResponseType, 5) ?? undefined),
    allDay,
  };
  const own = partial ? { ...known, ...definedOf(said) } : said;
  return withoutSeriesValues(own, known, series, key);
}

/** A year of minutes: more is no reminder. */
export const reminderMax = 1_000_000;

/** An older device says of "working elsewhere" what it was told of it. */
export function isBusyEcho(
  element: Element,
  known: Pick<OccurrenceFields, 'busyStatus'> | undefined,
  version: ProtocolVersion,
): boolean {
  if (known?.busyStatus === undefined) return false;
  return busyText(known.busyStatus, { version }) === textOf(element, Calendar.BusyStatus)?.trim();
}

function emptied<T>(element: Element, tag: number, value: T): T | undefined {
  return child(element, tag) ? value : undefined;
}

function orEmpty<T>(said: readonly T[] | null | undefined): T[] | undefined {
  return said === null ? [] : (said as T[] | undefined);
}

function parseTimes(element: Element, allDay: boolean, context: OccurrenceContext): OccurrenceFields | Refusal {
  const start = timeIn(element, Calendar.StartTime, allDay, context.frame, 'start');
  const end = timeIn(element, Calendar.EndTime, allDay, context.frame, 'end');
  if (start instanceof Refusal) return start;
  if (end instanceof Refusal) return end;
  if (start === undefined && end === undefined) return {};
  const base = context.partial ? (context.known ?? {}) : {};
  const [knownStart, knownEnd] = effectiveTimes(context.key, { ...base, allDay }, context.series);
  const from = start ?? knownStart;
  // A start alone moves the occurrence, length and all.
  const to = end ?? (start === undefined ? knownEnd : effectiveTimes(context.key, { start }, context.series)[1]);
  if (epochMsOf(to) < epochMsOf(from)) return new Refusal('Occurrence that ends before it starts');
  return { start: from, end: to };
}

/** Undefined when the element is absent or empty. */
export function timeIn(
  element: Element,
  tag: number,
  allDay: boolean,
  frame: TimeFrame,
  bound: 'start' | 'end',
): string | undefined | Refusal {
  const text = textOf(element, tag)?.trim();
  if (text === undefined || text === '') return undefined;
  const ms = msOfCompact(text);
  return ms === undefined ? new Refusal('Time that cannot be read') : readTime(ms, allDay, frame, bound);
}

/** The original start that an Exception or a command names; undefined when it names none. */
export function originalStartIn(element: Element, allDay: boolean, frame: TimeFrame): string | undefined | Refusal {
  for (const tag of [AirSyncBase.InstanceId, Calendar.ExceptionStartTime, Calendar.StartTime]) {
    const start = timeIn(element, tag, allDay, frame, 'start');
    if (start !== undefined) return start;
  }
  return undefined;
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/**
 * Devices repeat the series' values in each exception. Kept as its own they would stay behind when the series
 * changes. What was its own before remains so.
 */
function withoutSeriesValues(
  own: OccurrenceFields,
  known: OccurrenceFields,
  series: AppointmentFields,
  key: string,
): OccurrenceFields {
  const [start, end] = effectiveTimes(key, {}, series);
  const inherited: Readonly<Record<string, unknown>> = { ...series, start, end, allDay: series.allDay ?? false };
  const entries = Object.entries(own).filter(([name, value]) => {
    if (value === undefined) return false;
    if (name in known && name !== 'start' && name !== 'end') return true;
    if (name === 'start' || name === 'end') return own.start !== start || own.end !== end;
    return !sameValue(value, inherited[name]);
  });
  return Object.fromEntries(entries);
}
