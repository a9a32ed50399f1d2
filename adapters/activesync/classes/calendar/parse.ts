/**
 * Calendar class, from the wire: MS-ASCAL 2.2.2.
 *
 * What an absent element means (MS-ASCMD 2.2.3.24, 2.2.3.179): up to 14.1 the property stays, unless the device has
 * said at key 0 that it manages it, then it is cleared; from 16.0 it stays. An empty element clears in all versions.
 */
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import type { Patch } from '../../../../domain/item/fields.ts';
import { epochMsOf, instantOf } from '../../../../domain/shared/time.ts';
import { decodeZone, isTimeZone } from '../../time-zone/index.ts';
import { Calendar } from '../../wbxml/code-pages/index.ts';
import { child, type Element, type Tag, textOf } from '../../wbxml/element.ts';
import { parseBody, reconcileBody } from '../body.ts';
import type { ParseContext, Parsed } from '../port.ts';
import { parseExceptions, rekeyed } from './parse-exceptions.ts';
import { isBusyEcho, reminderMax, timeIn } from './parse-occurrence.ts';
import { parseRecurrence } from './parse-recurrence.ts';
import {
  type Said,
  saidAttendees,
  saidBusyStatus,
  saidCategories,
  saidLocation,
  saidNumber,
  saidSensitivity,
  saidText,
} from './parse-values.ts';
import { Refusal } from './refusal.ts';
import { sameValue } from './same-value.ts';
import { changedSpan, newSpan } from './span.ts';
import type { TimeFrame } from './times.ts';
import { booleanOf, msOfCompact } from './wire-values.ts';

type Name = keyof AppointmentFields & string;

/** A patch in the making. */
class Draft {
  readonly set: Partial<AppointmentFields> = {};
  readonly cleared = new Set<Name>();
  readonly known: AppointmentFields | undefined;

  constructor(known: AppointmentFields | undefined) {
    this.known = known;
  }

  put<N extends Name>(name: N, value: AppointmentFields[N] | null | undefined): void {
    if (value === undefined) return;
    if (value === null) {
      this.cleared.add(name);
      delete this.set[name];
    } else {
      this.cleared.delete(name);
      this.set[name] = value;
    }
  }

  /** The field as it will be. */
  get<N extends Name>(name: N): AppointmentFields[N] | undefined {
    if (this.cleared.has(name)) return undefined;
    return this.set[name] ?? this.known?.[name];
  }

  /** The appointment as it will be; its times must be known. */
  whole(): AppointmentFields {
    const fields: Partial<AppointmentFields> = { ...this.known, ...this.set };
    for (const name of this.cleared) delete fields[name];
    return fields as AppointmentFields;
  }

  /** Only what differs from what the device knew: the rest is nobody's change. */
  patch(): Patch<AppointmentFields> {
    const { known } = this;
    if (!known) return { set: this.set, cleared: [] };
    const changed = Object.entries(this.set).filter(([name, value]) => !sameValue(value, known[name as Name]));
    return { set: Object.fromEntries(changed), cleared: [...this.cleared].filter((name) => known[name] !== undefined) };
  }
}

/** Reads a whole appointment or a change of one. Commands that name an occurrence are not for this. */
export function parseAppointment(data: Element, context: ParseContext): Parsed<AppointmentFields> {
  const known = context.operation === 'change' ? (context.known as AppointmentFields | undefined) : undefined;
  const draft = new Draft(known);
  const refusal = readTimes(data, draft, context) ?? readSeries(data, draft, context) ?? readBody(data, draft, context);
  if (refusal !== undefined) return refusal;
  readValues(data, draft, context);
  readPeople(data, draft, context);
  clearAbsent(data, draft, context);
  return { kind: 'parsed', patch: draft.patch() };
}

/** The zone and the dialect to read times with; the zone that the client names, else the item's, else the account's. */
export function timeFrameOf(
  data: Element,
  known: AppointmentFields | undefined,
  { version, timeZone }: Pick<ParseContext, 'version' | 'timeZone'>,
): TimeFrame {
  const knownZone = known && isTimeZone(known.timeZone) ? known.timeZone : undefined;
  const blob = textOf(data, Calendar.Timezone)?.trim();
  const frame = { accountZone: timeZone, floatingDays: version >= 160 };
  if (!blob) return { ...frame, zone: knownZone ?? timeZone };
  const startMs = msOfCompact(textOf(data, Calendar.StartTime) ?? '') ?? epochMsOf(known?.start ?? '');
  const year = Number.isNaN(startMs) ? 2020 : new Date(startMs).getUTCFullYear();
  return { ...frame, ...decodeZone(blob, year, knownZone ? [knownZone, timeZone] : [timeZone]) };
}

function readTimes(data: Element, draft: Draft, context: ParseContext): Refusal | undefined {
  const { known } = draft;
  const frame = timeFrameOf(data, known, context);
  const allDay = booleanOf(textOf(data, Calendar.AllDayEvent)) ?? known?.allDay ?? false;
  const start = timeIn(data, Calendar.StartTime, allDay, frame, 'start');
  const end = timeIn(data, Calendar.EndTime, allDay, frame, 'end');
  if (start instanceof Refusal) return start;
  if (end instanceof Refusal) return end;
  const span = known
    ? changedSpan(known, start, end, allDay, frame)
    : newSpan(start, end, textOf(data, Calendar.DtStamp), allDay, frame);
  if (span instanceof Refusal) return span;
  draft.put('start', span.start);
  draft.put('end', span.end);
  draft.put('timeZone', frame.zone);
  draft.put('allDay', allDay ? true : null);
  return undefined;
}

function readSeries(data: Element, draft: Draft, context: ParseContext): Refusal | undefined {
  const { known } = draft;
  const element = child(data, Calendar.Recurrence);
  if (element && element.children.length === 0) {
    draft.put('recurrence', null);
    draft.put('exceptions', null);
    return undefined;
  }
  const frame = timeFrameOf(data, known, context);
  const { start, allDay } = draft.whole();
  if (element) {
    const series = { version: context.version, frame, start, allDay: allDay === true, known };
    const recurrence = parseRecurrence(element, series);
    if (recurrence instanceof Refusal) return recurrence;
    draft.put('recurrence', recurrence);
  }
  if (draft.get('recurrence') === undefined) return undefined;
  const exceptions = child(data, Calendar.Exceptions);
  if (!exceptions) {
    if (known?.exceptions) keepExceptions(known, draft, context);
    return undefined;
  }
  const read = parseExceptions(exceptions, draft.whole(), {
    frame,
    version: context.version,
    bodyPreferences: context.bodyPreferences,
    known: known?.exceptions && rekeyed(known.exceptions, known, draft.whole()),
  });
  if (read instanceof Refusal) return read;
  draft.put('exceptions', Object.keys(read).length === 0 ? null : read);
  return undefined;
}

/**
 * The exceptions of a series whose change says nothing of them. Up to 14.1 they stay with the occurrences of their
 * days. From 16.0 another pattern or other times delete them, and the device has done so (MS-ASCAL 2.2.2.22); another
 * end alone does not.
 */
function keepExceptions(known: AppointmentFields, draft: Draft, { version }: ParseContext): void {
  const after = draft.whole();
  const isSame = (name: 'start' | 'end' | 'allDay' | 'timeZone'): boolean => sameValue(known[name], after[name]);
  const samePattern = sameValue(patternOf(known), patternOf(after));
  const sameTimes = isSame('start') && isSame('end') && isSame('allDay');
  if (version >= 160 && !(sameTimes && samePattern)) draft.put('exceptions', null);
  else draft.put('exceptions', rekeyed(known.exceptions ?? {}, known, after));
}

function patternOf({ recurrence }: AppointmentFields): unknown {
  return { ...recurrence, until: undefined, count: undefined };
}

function readBody(data: Element, draft: Draft, context: ParseContext): Refusal | undefined {
  const sent = parseBody(data);
  if (sent === 'refused') return new Refusal('Body that cannot be kept');
  const body = sent && reconcileBody(draft.known?.body, sent, context);
  draft.put('body', body === 'clear' ? null : body);
  return undefined;
}

function readValues(data: Element, draft: Draft, context: ParseContext): void {
  const { known } = draft;
  draft.put('subject', saidText(data, Calendar.Subject));
  draft.put('location', saidLocation(data));
  draft.put('categories', saidCategories(data));
  draft.put('reminderMinutes', saidNumber(data, Calendar.Reminder, reminderMax));
  draft.put('sensitivity', saidSensitivity(data));
  const busy = saidBusyStatus(data);
  draft.put('busyStatus', isBusyEcho(data, known, context.version) ? known?.busyStatus : busy);
  // The UID is for life: it is how the calendars of several people know that they speak of one meeting.
  if (known?.uid === undefined) {
    draft.put('uid', saidText(data, Calendar.UID) ?? saidText(data, Calendar.ClientUid) ?? undefined);
  }
  // Each change brings a stamp of its own: taken for a value, it would set any two changes at odds.
  if (known === undefined) draft.put('dtStamp', saidInstant(data, Calendar.DtStamp) ?? undefined);
  if (context.version < 140) return;
  draft.put('disallowNewTimeProposal', saidBoolean(data, Calendar.DisallowNewTimeProposal));
  draft.put('responseRequested', saidBoolean(data, Calendar.ResponseRequested));
  draft.put('responseType', saidNumber(data, Calendar.ResponseType, 5));
  draft.put('appointmentReplyTime', saidInstant(data, Calendar.AppointmentReplyTime));
}

function saidBoolean(data: Element, tag: Tag): Said<boolean> {
  const text = textOf(data, tag);
  return text?.trim() === '' ? null : booleanOf(text);
}

/** One that cannot be read says nothing. */
function saidInstant(data: Element, tag: Tag): Said<string> {
  const text = textOf(data, tag);
  if (text === undefined) return undefined;
  if (text.trim() === '') return null;
  const ms = msOfCompact(text);
  return ms === undefined ? undefined : instantOf(ms);
}

function readPeople(data: Element, draft: Draft, context: ParseContext): void {
  const { known } = draft;
  draft.put('attendees', saidAttendees(data, known?.attendees));
  draft.put('meetingStatus', saidNumber(data, Calendar.MeetingStatus, 15) ?? undefined);
  // Who called the meeting does not change, whatever a guest's device says (EAS clients do not own what they echo).
  if (known?.organizer) return;
  const email = saidText(data, Calendar.OrganizerEmail) ?? undefined;
  const name = saidText(data, Calendar.OrganizerName) ?? undefined;
  const isMeeting = (draft.get('attendees')?.length ?? 0) > 0;
  if (email !== undefined) draft.put('organizer', { email, ...(name !== undefined && { name }) });
  else if (!known && isMeeting) draft.put('organizer', { email: context.email, ...(name !== undefined && { name }) });
  if (!known && isMeeting && draft.get('meetingStatus') === undefined) draft.put('meetingStatus', 1);
}

/** What a device that manages the property means by leaving it out. Times, zone and body are never meant so. */
const clearable: readonly (readonly [Tag, Name])[] = [
  [Calendar.Subject, 'subject'],
  [Calendar.Location, 'location'],
  [Calendar.Categories, 'categories'],
  [Calendar.Reminder, 'reminderMinutes'],
  [Calendar.Sensitivity, 'sensitivity'],
  [Calendar.BusyStatus, 'busyStatus'],
  [Calendar.Attendees, 'attendees'],
  [Calendar.Recurrence, 'recurrence'],
  [Calendar.Exceptions, 'exceptions'],
  [Calendar.DisallowNewTimeProposal, 'disallowNewTimeProposal'],
  [Calendar.ResponseRequested, 'responseRequested'],
];

function clearAbsent(data: Element, draft: Draft, { version, supported, operation }: ParseContext): void {
  if (operation !== 'change' || version >= 160 || supported === null) return;
  for (const [tag, name] of clearable) {
    if (supported.has(tag) && !child(data, tag)) draft.put(name, null);
  }
  if (draft.cleared.has('recurrence')) draft.put('exceptions', null);
}
