import type { AppointmentFields, Attendee, Exception, OccurrenceFields } from '../../../domain/appointment/fields.ts';
import { untitled } from '../../office/limits.ts';
import { dayOf, dayStart, isTimeZone } from '../../office/time.ts';
import { bodyText, orNil, textBody } from '../mapping/common.ts';
import { boolean, child, children, dateTime, instant, nil, text, type XmlElement, type XmlNode } from '../xml.ts';
import { recurrenceElement, recurrenceFromElement } from './recurrence.ts';

const statuses: Readonly<Record<string, Attendee['status']>> = {
  Accepted: 'accepted',
  Declined: 'declined',
  Deferred: 'tentative',
};
const statusNames: Readonly<Record<string, string>> = {
  accepted: 'Accepted',
  declined: 'Declined',
  tentative: 'Deferred',
};

const minuteMs = 60_000;

/** A time of an appointment as an instant: a day is the midnight it begins with. */
const asInstant = (time: string, allDay: boolean, timeZone: string): string =>
  allDay ? dayStart(time, timeZone) : time;

const fromInstant = (time: string | undefined, allDay: boolean, timeZone: string): string | undefined =>
  time !== undefined && allDay ? dayOf(time, timeZone) : time;

/** The office has the absolute time of a reminder, the domain the minutes before the start. */
function reminderMinutes(item: XmlNode, start: string | undefined): number | undefined {
  const at = instant(item, 'Reminder');
  return at === undefined || start === undefined
    ? undefined
    : Math.round((Date.parse(start) - Date.parse(at)) / minuteMs);
}

const reminderAt = (start: string, minutes: number): string =>
  dateTime(new Date(Date.parse(start) - minutes * minuteMs).toISOString());

function participants(item: XmlElement): Attendee[] {
  return children(child(item, 'Participants'), 'Participant').flatMap((participant) => {
    const email = text(participant, 'Email');
    if (email === undefined) return [];
    return [{ email, name: text(participant, 'Name'), status: statuses[text(participant, 'Status') ?? ''] }];
  });
}

function exceptionFromElement(item: XmlNode, seriesAllDay: boolean, timeZone: string): [string, Exception] | undefined {
  const original = instant(item, 'OriginalStart');
  if (original === undefined) return undefined;
  const key = fromInstant(original, seriesAllDay, timeZone)!;
  if (boolean(item, 'Deleted') === true) return [key, { deleted: true }];
  const allDay = boolean(item, 'AllDay') ?? seriesAllDay;
  const start = instant(item, 'Start');
  const busy = boolean(item, 'Busy');
  const isPrivate = boolean(item, 'Private');
  const changed: OccurrenceFields = {
    subject: text(item, 'Title'),
    location: text(item, 'Location'),
    body: textBody(text(item, 'Description')),
    start: fromInstant(start, allDay, timeZone),
    end: fromInstant(instant(item, 'End'), allDay, timeZone),
    allDay: boolean(item, 'AllDay'),
    reminderMinutes: boolean(item, 'NoReminder') === true ? null : reminderMinutes(item, start ?? original),
    busyStatus: busy === undefined ? undefined : busy ? 'busy' : 'free',
    sensitivity: isPrivate === undefined ? undefined : isPrivate ? 'private' : 'normal',
  };
  return [key, { changed }];
}

/**
 * An assumed Appointment. `timeZone` is that of the calendar, for records that name none or one nobody knows.
 * Returns undefined for a record without times, which the office should not have.
 */
export function appointmentFromElement(item: XmlElement, calendarTimeZone: string): AppointmentFields | undefined {
  const [start, end] = [instant(item, 'Start'), instant(item, 'End')];
  if (start === undefined || end === undefined) return undefined;
  const named = text(item, 'TimeZone');
  const timeZone = named !== undefined && isTimeZone(named) ? named : calendarTimeZone;
  const allDay = boolean(item, 'AllDay') === true;
  const organizer = text(child(item, 'Organizer'), 'Email');
  const category = text(item, 'Category');
  const exceptions = children(child(item, 'Exceptions'), 'Exception').flatMap((each) => {
    const found = exceptionFromElement(each, allDay, timeZone);
    return found === undefined ? [] : [found];
  });
  return {
    subject: text(item, 'Title'),
    location: text(item, 'Location'),
    body: textBody(text(item, 'Description')),
    start: fromInstant(start, allDay, timeZone)!,
    end: fromInstant(end, allDay, timeZone)!,
    allDay,
    timeZone,
    recurrence: recurrenceFromElement(item, allDay, timeZone),
    exceptions: Object.fromEntries(exceptions),
    organizer: organizer === undefined ? undefined : { email: organizer, name: text(child(item, 'Organizer'), 'Name') },
    attendees: participants(item),
    reminderMinutes: reminderMinutes(item, start),
    sensitivity: boolean(item, 'Private') === true ? 'private' : undefined,
    busyStatus: boolean(item, 'Busy') === false ? 'free' : undefined,
    categories: category === undefined ? undefined : [category],
  };
}

const optional = (name: string, value: string | undefined): XmlElement =>
  value === undefined ? {} : { [name]: value };

function exceptionElement(original: string, exception: Exception, series: AppointmentFields): XmlElement {
  const { timeZone } = series;
  const seriesAllDay = series.allDay === true;
  const originalStart = asInstant(original, seriesAllDay, timeZone);
  if ('deleted' in exception) return { OriginalStart: dateTime(originalStart), Deleted: 'true' };
  const { changed } = exception;
  const allDay = changed.allDay ?? seriesAllDay;
  const time = (value: string | undefined) =>
    value === undefined ? undefined : dateTime(asInstant(value, allDay, timeZone));
  const start = changed.start === undefined ? originalStart : asInstant(changed.start, allDay, timeZone);
  const { reminderMinutes: minutes, busyStatus, sensitivity } = changed;
  return {
    OriginalStart: dateTime(originalStart),
    ...optional('Title', changed.subject),
    ...optional('Location', changed.location),
    ...optional('Description', bodyText(changed.body)),
    ...optional('Start', time(changed.start)),
    ...optional('End', time(changed.end)),
    ...optional('AllDay', changed.allDay === undefined ? undefined : String(changed.allDay)),
    ...optional('NoReminder', minutes === null ? 'true' : undefined),
    ...optional('Reminder', minutes === null || minutes === undefined ? undefined : reminderAt(start, minutes)),
    ...optional('Busy', busyStatus === undefined ? undefined : String(busyStatus !== 'free')),
    ...optional('Private', sensitivity === undefined ? undefined : String(sensitivity !== 'normal')),
  };
}

/** The element to save, of normalised fields. Throws a RangeError for times or a time zone that are none. */
export function appointmentElement(fields: AppointmentFields): XmlElement {
  const { timeZone } = fields;
  if (!isTimeZone(timeZone)) throw new RangeError('No such time zone');
  const allDay = fields.allDay === true;
  const start = asInstant(fields.start, allDay, timeZone);
  const end = asInstant(fields.end, allDay, timeZone);
  if (Number.isNaN(Date.parse(start)) || Number.isNaN(Date.parse(end))) throw new RangeError('No such time');
  const { organizer, attendees, exceptions, reminderMinutes: minutes } = fields;
  return {
    Title: fields.subject ?? untitled,
    Location: orNil(fields.location),
    Description: orNil(bodyText(fields.body)),
    Start: dateTime(start),
    End: dateTime(end),
    AllDay: String(allDay),
    TimeZone: timeZone,
    Reminder: orNil(minutes === undefined ? undefined : reminderAt(start, minutes)),
    Busy: String(fields.busyStatus !== 'free'),
    Private: String(fields.sensitivity === 'private'),
    Category: orNil(fields.categories?.[0]),
    Organizer: organizer === undefined ? nil : { Email: organizer.email, ...optional('Name', organizer.name) },
    Participants:
      attendees === undefined
        ? nil
        : {
            Participant: attendees.map(
              (attendee): XmlElement => ({
                Email: attendee.email,
                ...optional('Name', attendee.name),
                Status: statusNames[attendee.status ?? ''] ?? 'Unseen',
              }),
            ),
          },
    Recurrence: recurrenceElement(fields.recurrence, allDay, timeZone),
    Exceptions:
      exceptions === undefined
        ? nil
        : {
            Exception: Object.entries(exceptions).map(([original, exception]) =>
              exceptionElement(original, exception, fields),
            ),
          },
  };
}
