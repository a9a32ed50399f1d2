import type { AppointmentFields, Attendee, Exception, OccurrenceFields } from '../../domain/appointment/fields.ts';
import type { Recurrence, Weekday } from '../../domain/item/schema.ts';
import { bodyMaxLength, lineMaxLength, listMaxLength, present, title } from './limits.ts';
import { bareAddress, line, plainBody } from './text.ts';
import { minuteInstant, plainDay } from './time.ts';

const weekdays: readonly Weekday[] = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];

/** Ten years: an earlier absolute reminder is not one anybody meant. */
const reminderMaxMinutes = 10 * 366 * 24 * 60;

const reminder = (minutes: number | undefined): number | undefined =>
  minutes === undefined || Math.abs(minutes) > reminderMaxMinutes ? undefined : minutes;

/** The office has four states, and holds neither the role nor the kind of a participant. */
function status(given: Attendee['status']): Attendee['status'] {
  return given === 'accepted' || given === 'declined' || given === 'tentative' ? given : undefined;
}

function attendees(given: readonly Attendee[] | undefined): Attendee[] | undefined {
  const byAddress = new Map<string, Attendee>();
  for (const attendee of given ?? []) {
    const email = bareAddress(attendee.email, lineMaxLength)?.toLowerCase();
    if (email === undefined || byAddress.size >= listMaxLength) continue;
    byAddress.set(email, present({ email, name: line(attendee.name, lineMaxLength), status: status(attendee.status) }));
  }
  if (byAddress.size === 0) return undefined;
  return [...byAddress.values()].sort((a, b) => (a.email < b.email ? -1 : 1));
}

function organizer(given: AppointmentFields['organizer']): AppointmentFields['organizer'] {
  const email = bareAddress(given?.email, lineMaxLength)?.toLowerCase();
  return email === undefined ? undefined : present({ email, name: line(given?.name, lineMaxLength) });
}

/** One category, as the office has it. */
function categories(given: readonly string[] | undefined): string[] | undefined {
  const first = given?.map((name) => line(name, lineMaxLength)).find((name) => name !== undefined);
  return first === undefined ? undefined : [first];
}

function recurrence(given: Recurrence | undefined, allDay: boolean): Recurrence | undefined {
  if (given === undefined) return undefined;
  const days = weekdays.filter((day) => given.byDay?.includes(day));
  return present({
    frequency: given.frequency,
    interval: given.interval === 1 ? undefined : given.interval,
    count: given.count,
    until: allDay ? plainDay(given.until) : minuteInstant(given.until),
    byDay: days.length === 0 ? undefined : days,
    dayOfMonth: given.dayOfMonth,
    weekOfMonth: given.weekOfMonth,
    monthOfYear: given.monthOfYear,
    firstDayOfWeek: given.firstDayOfWeek,
  });
}

/** Attendees, body kinds and meeting states of a single occurrence have no place in the office. */
function occurrence(given: OccurrenceFields, seriesAllDay: boolean): OccurrenceFields | undefined {
  const allDay = given.allDay ?? seriesAllDay;
  const when = allDay ? plainDay : minuteInstant;
  const held = present({
    subject: title(given.subject),
    location: line(given.location, lineMaxLength),
    start: when(given.start),
    end: when(given.end),
    allDay: given.allDay === undefined || given.allDay === seriesAllDay ? undefined : given.allDay,
    body: plainBody(given.body, bodyMaxLength),
    reminderMinutes: given.reminderMinutes === null ? null : reminder(given.reminderMinutes),
    sensitivity:
      given.sensitivity === undefined
        ? undefined
        : given.sensitivity === 'normal'
          ? ('normal' as const)
          : ('private' as const),
    busyStatus:
      given.busyStatus === undefined ? undefined : given.busyStatus === 'free' ? ('free' as const) : ('busy' as const),
  });
  return Object.keys(held).length === 0 ? undefined : held;
}

function exceptions(given: AppointmentFields['exceptions'], allDay: boolean): AppointmentFields['exceptions'] {
  const held: [string, Exception][] = [];
  for (const [original, exception] of Object.entries(given ?? {})) {
    const key = allDay ? plainDay(original) : minuteInstant(original);
    if (key === undefined || held.length >= listMaxLength) continue;
    if ('deleted' in exception) {
      held.push([key, { deleted: true }]);
      continue;
    }
    const changed = occurrence(exception.changed, allDay);
    if (changed !== undefined) held.push([key, { changed }]);
  }
  if (held.length === 0) return undefined;
  return Object.fromEntries(held.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * An appointment as the office holds it: minutes, plain text, busy or free, private or not, one category, participants
 * in order of their addresses. Times that are none stay as given, so that the office refuses them rather than we.
 */
export function normaliseAppointment(fields: AppointmentFields): AppointmentFields {
  const allDay = fields.allDay === true;
  const when = allDay ? plainDay : minuteInstant;
  const series = recurrence(fields.recurrence, allDay);
  return present({
    subject: title(fields.subject),
    location: line(fields.location, lineMaxLength),
    body: plainBody(fields.body, bodyMaxLength),
    start: when(fields.start) ?? fields.start,
    end: when(fields.end) ?? fields.end,
    allDay: allDay ? true : undefined,
    timeZone: fields.timeZone,
    recurrence: series,
    exceptions: series === undefined ? undefined : exceptions(fields.exceptions, allDay),
    organizer: organizer(fields.organizer),
    attendees: attendees(fields.attendees),
    reminderMinutes: reminder(fields.reminderMinutes),
    sensitivity: fields.sensitivity === undefined || fields.sensitivity === 'normal' ? undefined : ('private' as const),
    busyStatus: fields.busyStatus === 'free' ? ('free' as const) : undefined,
    categories: categories(fields.categories),
  });
}
