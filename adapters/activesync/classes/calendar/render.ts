/**
 * Calendar class, to the wire: MS-ASCAL 2.2.2.
 */
import type { AppointmentFields, Attendee, OccurrenceFields } from '../../../../domain/appointment/fields.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { dateOf, dayOf, epochMsOf, instantOf, MS_PER_DAY } from '../../../../domain/shared/time.ts';
import { encodeZone, isTimeZone } from '../../time-zone/index.ts';
import { AirSyncBase, Calendar } from '../../wbxml/code-pages/index.ts';
import type { Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import { renderBody, renderNativeBodyType } from '../body.ts';
import type { RenderContext } from '../port.ts';
import { withoutPrivateMatters } from './private-matters.ts';
import { renderRecurrence } from './render-recurrence.ts';
import { renderTime } from './times.ts';
import { attendeeStatuses, attendeeTypes, busyStatuses, compactOf, sensitivities } from './wire-values.ts';

/** Writes the children of `ApplicationData`. Values that the wire has no form for are left out. */
export function renderAppointment(writer: WbxmlWriter, whole: AppointmentFields, context: RenderContext): void {
  const zoned = isTimeZone(whole.timeZone) ? whole : { ...whole, timeZone: context.timeZone };
  const fields = context.foreign ? withoutPrivateMatters(zoned) : zoned;
  const floatingDays = context.version >= 160;
  const allDay = fields.allDay === true;
  const zone = fields.timeZone as TimeZoneName;
  if (!(allDay && floatingDays)) writer.element(Calendar.Timezone, encodeZone(zone, yearOf(fields.start)));
  element(writer, Calendar.DtStamp, fields.dtStamp === undefined ? undefined : compactOf(fields.dtStamp));
  element(writer, Calendar.StartTime, renderTime(fields.start, allDay, zone, floatingDays));
  element(writer, Calendar.Subject, fields.subject);
  element(writer, Calendar.UID, fields.uid);
  renderOrganizer(writer, fields, context);
  renderAttendees(writer, fields.attendees);
  renderLocation(writer, fields.location, context);
  element(writer, Calendar.EndTime, renderTime(fields.end, allDay, zone, floatingDays));
  if (fields.recurrence) renderRecurrence(writer, fields.recurrence, fields, context.version);
  renderBody(writer, fields.body, context);
  renderCategories(writer, fields.categories);
  element(writer, Calendar.Sensitivity, indexText(sensitivities, fields.sensitivity));
  element(writer, Calendar.BusyStatus, busyText(fields.busyStatus, context));
  writer.element(Calendar.AllDayEvent, allDay ? '1' : '0');
  element(writer, Calendar.Reminder, numberText(fields.reminderMinutes));
  if (fields.recurrence && fields.exceptions) renderExceptions(writer, fields, context);
  element(writer, Calendar.MeetingStatus, meetingStatusText(fields));
  renderNativeBodyType(writer, fields.body);
  if (context.version >= 140) renderResponse(writer, fields);
}

function element(writer: WbxmlWriter, tag: Tag, text: string | undefined): void {
  if (text !== undefined) writer.element(tag, text);
}

function numberText(value: number | null | undefined): string | undefined {
  return value === undefined || value === null || value < 0 ? undefined : String(value);
}

function indexText<T>(values: readonly T[], value: T | undefined): string | undefined {
  return value === undefined ? undefined : String(values.indexOf(value));
}

function flag(writer: WbxmlWriter, tag: Tag, value: boolean | undefined): void {
  if (value !== undefined) writer.element(tag, value ? '1' : '0');
}

/** The year whose summer time the zone is described with. */
function yearOf(start: string): number {
  const year = Number(start.slice(0, 4));
  return Number.isInteger(year) ? year : 2000;
}

/** Before 16.0 nobody knows of working elsewhere: the person is working. */
export function busyText(
  status: OccurrenceFields['busyStatus'],
  { version }: Pick<RenderContext, 'version'>,
): string | undefined {
  return status === 'workingElsewhere' && version < 160 ? '2' : indexText(busyStatuses, status);
}

/** Bit 1: a meeting; bit 2: not ours (MS-ASCAL 2.2.2.28). */
const receivedBit = 2;

function renderOrganizer(writer: WbxmlWriter, fields: AppointmentFields, { email }: RenderContext): void {
  const { organizer, attendees, meetingStatus = 0 } = fields;
  if (organizer) {
    element(writer, Calendar.OrganizerName, organizer.name);
    writer.element(Calendar.OrganizerEmail, organizer.email);
  } else if (attendees && attendees.length > 0 && !(meetingStatus & receivedBit)) {
    // Some devices create meetings without naming their own user, and hide a meeting that has no organizer.
    writer.element(Calendar.OrganizerEmail, email);
  }
}

function meetingStatusText({ meetingStatus, attendees }: AppointmentFields): string | undefined {
  if (meetingStatus !== undefined) return numberText(meetingStatus);
  return attendees && attendees.length > 0 ? '1' : undefined;
}

function renderAttendees(writer: WbxmlWriter, attendees: readonly Attendee[] | undefined): void {
  if (!attendees) return;
  if (attendees.length === 0) {
    writer.empty(Calendar.Attendees);
    return;
  }
  writer.open(Calendar.Attendees);
  for (const { email, name, status, type } of attendees) {
    writer.open(Calendar.Attendee);
    writer.element(Calendar.Email, email);
    // Name is a required child (MS-ASCAL 2.2.2.3).
    writer.element(Calendar.Name, name ?? email);
    element(writer, Calendar.AttendeeStatus, indexText(attendeeStatuses, status));
    element(writer, Calendar.AttendeeType, indexText(attendeeTypes, type));
    writer.close();
  }
  writer.close();
}

function renderLocation(writer: WbxmlWriter, location: string | undefined, { version }: RenderContext): void {
  if (location === undefined) return;
  if (version < 160) {
    writer.element(Calendar.Location, location);
  } else if (location === '') {
    writer.empty(AirSyncBase.Location);
  } else {
    writer.open(AirSyncBase.Location).element(AirSyncBase.DisplayName, location).close();
  }
}

function renderCategories(writer: WbxmlWriter, categories: readonly string[] | undefined): void {
  if (!categories) return;
  if (categories.length === 0) {
    writer.empty(Calendar.Categories);
    return;
  }
  writer.open(Calendar.Categories);
  for (const category of categories) writer.element(Calendar.Category, category);
  writer.close();
}

/** Elements of 14.0 and later. */
function renderResponse(writer: WbxmlWriter, fields: AppointmentFields): void {
  flag(writer, Calendar.DisallowNewTimeProposal, fields.disallowNewTimeProposal);
  flag(writer, Calendar.ResponseRequested, fields.responseRequested);
  const { appointmentReplyTime } = fields;
  element(
    writer,
    Calendar.AppointmentReplyTime,
    appointmentReplyTime === undefined ? undefined : compactOf(appointmentReplyTime),
  );
  element(writer, Calendar.ResponseType, numberText(fields.responseType));
}

/** An Exceptions element holds at most 256 (MS-ASCAL 2.2.2.21); the latest matter. */
const exceptionsMax = 256;

type Exceptions = NonNullable<AppointmentFields['exceptions']>;

function exceptionsInOrder(exceptions: Exceptions | undefined): [string, Exceptions[string]][] {
  return Object.entries(exceptions ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The exceptions that no device is told of, being too many: a device that leaves them out does not mean it. */
export function exceptionsUntold(exceptions: Exceptions | undefined): Exceptions {
  return Object.fromEntries(exceptionsInOrder(exceptions).slice(0, -exceptionsMax));
}

function renderExceptions(writer: WbxmlWriter, fields: AppointmentFields, context: RenderContext): void {
  const zone = fields.timeZone as TimeZoneName;
  const allDay = fields.allDay === true;
  const floatingDays = context.version >= 160;
  writer.open(Calendar.Exceptions);
  for (const [key, exception] of exceptionsInOrder(fields.exceptions).slice(-exceptionsMax)) {
    const original = renderTime(key, allDay, zone, floatingDays);
    if (original === undefined) continue;
    writer.open(Calendar.Exception);
    // From 16.0 an occurrence is named by InstanceId, here too (MS-ASAIRS 2.2.2.25).
    writer.element(floatingDays ? AirSyncBase.InstanceId : Calendar.ExceptionStartTime, original);
    if ('deleted' in exception) writer.element(Calendar.Deleted, '1');
    else renderOccurrence(writer, key, exception.changed, fields, context);
    writer.close();
  }
  writer.close();
}

function renderOccurrence(
  writer: WbxmlWriter,
  key: string,
  changed: OccurrenceFields,
  series: AppointmentFields,
  context: RenderContext,
): void {
  const zone = series.timeZone as TimeZoneName;
  const allDay = changed.allDay ?? series.allDay === true;
  const floatingDays = context.version >= 160;
  // Devices take a missing time for that of the series' first day, so both are always written.
  const [start, end] = effectiveTimes(key, changed, series);
  element(writer, Calendar.StartTime, renderTime(start, allDay, zone, floatingDays));
  element(writer, Calendar.Subject, changed.subject);
  if (context.version >= 140) renderAttendees(writer, changed.attendees);
  renderLocation(writer, changed.location, context);
  element(writer, Calendar.EndTime, renderTime(end, allDay, zone, floatingDays));
  if (changed.body) renderBody(writer, changed.body, context);
  renderCategories(writer, changed.categories);
  element(writer, Calendar.Sensitivity, indexText(sensitivities, changed.sensitivity));
  element(writer, Calendar.BusyStatus, busyText(changed.busyStatus, context));
  flag(writer, Calendar.AllDayEvent, changed.allDay);
  if (changed.reminderMinutes === null) writer.empty(Calendar.Reminder);
  else element(writer, Calendar.Reminder, numberText(changed.reminderMinutes));
  element(writer, Calendar.MeetingStatus, numberText(changed.meetingStatus));
  if (context.version >= 140) element(writer, Calendar.ResponseType, numberText(changed.responseType));
}

/** The times of a changed occurrence: its own, else the original start and the series' length. */
export function effectiveTimes(
  key: string,
  changed: OccurrenceFields,
  series: Pick<AppointmentFields, 'start' | 'end' | 'allDay'>,
): readonly [start: string, end: string] {
  const start = changed.start ?? key;
  if (changed.end !== undefined) return [start, changed.end];
  const startDay = dayOf(start);
  if (!Number.isNaN(startDay)) {
    const days = dayOf(series.end) - dayOf(series.start);
    const end = startDay + (Number.isNaN(days) ? 1 : days);
    return [start, Math.abs(end) < 1e7 ? dateOf(end) : start];
  }
  const lengthMs = series.allDay ? MS_PER_DAY : epochMsOf(series.end) - epochMsOf(series.start);
  const endMs = epochMsOf(start) + lengthMs;
  return [start, Math.abs(endMs) < 8e15 ? instantOf(endMs) : start];
}
