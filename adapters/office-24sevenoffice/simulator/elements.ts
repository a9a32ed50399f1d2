import { dayOf, dayStart } from '../../office/time.ts';
import {
  boolean,
  child,
  children,
  dateTime,
  instant,
  integer,
  isNil,
  nil,
  text,
  type XmlElement,
  type XmlNode,
} from '../xml.ts';
import type { AppointmentRecord, Change, ContactRecord, NoteRecord, TaskRecord } from './records.ts';
import type { OwnKind } from './state.ts';

/** Elements and record names of the plain texts of each kind. */
const texts = {
  contacts: {
    FirstName: 'firstName',
    LastName: 'lastName',
    Nickname: 'nickname',
    Workplace: 'company',
    WorkPosition: 'position',
    Department: 'department',
    Url: 'url',
    Comment: 'note',
  },
  appointments: {
    Title: 'title',
    Location: 'location',
    Description: 'description',
    TimeZone: 'timeZone',
    Category: 'category',
  },
  tasks: { Title: 'title', Description: 'description', Location: 'location' },
  notes: { Subject: 'subject', Description: 'text' },
} as const;

const emailTypes = { Primary: 'email', Home: 'homeEmail', Alternative: 'alternativeEmail' } as const;
const phoneTypes = {
  Primary: 'phone',
  Mobile: 'mobile',
  Private: 'privatePhone',
  SecondMobile: 'secondMobile',
} as const;
const addressParts = {
  Street: 'street',
  PostalCode: 'postalCode',
  PostalArea: 'city',
  State: 'state',
  Country: 'country',
} as const;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const small = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** Absent elements keep what was there, nil ones clear it, others set it. */
function settle(
  change: Record<string, unknown>,
  from: XmlElement,
  element: string,
  name: string,
  value: unknown,
): void {
  if (from[element] === undefined) return;
  change[name] = isNil(from, element) || value === undefined || value === '' ? null : value;
}

function typedChange(
  change: Record<string, unknown>,
  from: XmlElement,
  list: string,
  item: string,
  types: Readonly<Record<string, string>>,
): void {
  if (from[list] === undefined) return;
  for (const name of Object.values(types)) change[name] = null;
  for (const entry of children(child(from, list), item)) {
    const name = types[text(entry, 'Type') ?? ''];
    if (name === undefined) throw new TypeError(`${item}Type`);
    change[name] = text(entry, 'Value') ?? null;
  }
}

function contactChange(from: XmlElement, change: Record<string, unknown>): void {
  typedChange(change, from, 'EmailAddresses', 'EmailAddress', emailTypes);
  typedChange(change, from, 'PhoneNumbers', 'PhoneNumber', phoneTypes);
  settle(change, from, 'FaxNumber', 'fax', text(child(from, 'FaxNumber'), 'Value'));
  settle(change, from, 'DateOfBirth', 'birthday', text(from, 'DateOfBirth')?.slice(0, 10));
  if (from.PostAddress === undefined) return;
  for (const [element, name] of Object.entries(addressParts)) {
    change[name] = text(child(from, 'PostAddress'), element) ?? null;
  }
}

const exceptionChange = (from: XmlNode, seriesAllDay: boolean, timeZone: string): Change => {
  const allDay = boolean(from, 'AllDay') ?? seriesAllDay;
  const when = (element: string, days: boolean) => {
    const at = instant(from, element);
    return at !== undefined && days ? dayOf(at, timeZone) : at;
  };
  const given = {
    originalStart: when('OriginalStart', seriesAllDay),
    deleted: boolean(from, 'Deleted'),
    title: text(from, 'Title'),
    location: text(from, 'Location'),
    description: text(from, 'Description'),
    start: when('Start', allDay),
    end: when('End', allDay),
    allDay: boolean(from, 'AllDay'),
    noReminder: boolean(from, 'NoReminder'),
    reminder: instant(from, 'Reminder'),
    busy: boolean(from, 'Busy'),
    private: boolean(from, 'Private'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
};

function appointmentChange(
  from: XmlElement,
  change: Record<string, unknown>,
  before: AppointmentRecord | undefined,
  ownTimeZone: string,
): void {
  const timeZone = text(from, 'TimeZone') ?? before?.timeZone ?? ownTimeZone;
  const allDay = boolean(from, 'AllDay') ?? before?.allDay ?? false;
  change.timeZone = timeZone;
  for (const [element, name] of [
    ['Start', 'start'],
    ['End', 'end'],
  ] as const) {
    const at = instant(from, element);
    if (at !== undefined) change[name] = allDay ? dayOf(at, timeZone) : at;
  }
  settle(change, from, 'Reminder', 'reminder', instant(from, 'Reminder'));
  settle(change, from, 'AllDay', 'allDay', boolean(from, 'AllDay'));
  settle(change, from, 'Busy', 'busy', boolean(from, 'Busy'));
  settle(change, from, 'Private', 'private', boolean(from, 'Private'));
  const organizer = child(from, 'Organizer');
  const email = text(organizer, 'Email');
  settle(
    change,
    from,
    'Organizer',
    'organizer',
    email === undefined ? undefined : { email, name: text(organizer, 'Name') },
  );
  const people = children(child(from, 'Participants'), 'Participant').map((each) => ({
    email: text(each, 'Email'),
    name: text(each, 'Name'),
    status: small(text(each, 'Status') ?? 'Unseen'),
  }));
  settle(change, from, 'Participants', 'participants', people.length === 0 ? undefined : people);
  settle(change, from, 'Recurrence', 'recurrence', recurrenceChange(child(from, 'Recurrence'), allDay, timeZone));
  const exceptions = children(child(from, 'Exceptions'), 'Exception').map((each) =>
    exceptionChange(each, allDay, timeZone),
  );
  settle(change, from, 'Exceptions', 'exceptions', exceptions.length === 0 ? undefined : exceptions);
}

function recurrenceChange(from: XmlElement | undefined, allDay: boolean, timeZone: string): Change | undefined {
  const frequency = text(from, 'Frequency');
  if (frequency === undefined) return undefined;
  const until = instant(from, 'Until');
  const given = {
    frequency: small(frequency),
    interval: integer(from, 'Interval'),
    count: integer(from, 'Count'),
    until: until !== undefined && allDay ? dayOf(until, timeZone) : until,
    byDay: text(from, 'ByDay')?.split(' '),
    dayOfMonth: integer(from, 'DayOfMonth'),
    weekOfMonth: integer(from, 'WeekOfMonth'),
    monthOfYear: integer(from, 'MonthOfYear'),
    firstDayOfWeek: text(from, 'FirstDayOfWeek'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** What a save asks to change. Throws TypeError, named after the type, for a value no enumeration has. */
export function changeOf(kind: OwnKind, from: XmlElement, before: unknown, ownTimeZone: string): Change {
  const change: Record<string, unknown> = {};
  for (const [element, name] of Object.entries(texts[kind])) settle(change, from, element, name, text(from, element));
  if (kind === 'contacts') contactChange(from, change);
  if (kind === 'appointments') appointmentChange(from, change, before as AppointmentRecord | undefined, ownTimeZone);
  if (kind === 'tasks') {
    for (const [element, name] of [
      ['Start', 'start'],
      ['End', 'end'],
    ] as const) {
      const at = instant(from, element);
      settle(change, from, element, name, at === undefined ? undefined : dayOf(at, ownTimeZone));
    }
    settle(change, from, 'Reminder', 'reminder', instant(from, 'Reminder'));
    settle(change, from, 'PercentComplete', 'percent', integer(from, 'PercentComplete'));
    settle(change, from, 'Priority', 'priority', integer(from, 'Priority'));
  }
  return change;
}

/** Absent texts are told as nil, as the office does also where its WSDL does not say so (facts 3a). */
const plain = (kind: OwnKind, record: object): XmlElement =>
  Object.fromEntries(
    Object.entries(texts[kind]).map(([element, name]) => [
      element,
      (record as Record<string, string | undefined>)[name] ?? nil,
    ]),
  );

const given = (element: string, value: unknown): XmlElement =>
  value === undefined ? {} : { [element]: String(value) };

function contactElement(record: ContactRecord): XmlElement {
  const typed = (item: string, types: Readonly<Record<string, keyof ContactRecord>>): XmlNode => {
    const entries = Object.entries(types).flatMap(([Type, name]) => {
      const Value = record[name];
      return typeof Value === 'string' ? [{ Type, Value }] : [];
    });
    return entries.length === 0 ? nil : { [item]: entries };
  };
  const address = Object.entries(addressParts).flatMap(([element, name]) =>
    record[name] === undefined ? [] : [[element, record[name]]],
  );
  return {
    ...plain('contacts', record),
    // No value is told as the year 1 here, and as nil elsewhere.
    DateOfBirth: record.birthday === undefined ? '0001-01-01T00:00:00' : `${record.birthday}T00:00:00`,
    EmailAddresses: typed('EmailAddress', emailTypes),
    PhoneNumbers: typed('PhoneNumber', phoneTypes),
    ...(record.fax === undefined ? {} : { FaxNumber: { Type: 'Primary', Value: record.fax } }),
    PostAddress: address.length === 0 ? nil : { ...Object.fromEntries(address), Type: 'Post' },
    CustomerId: '-2147483648',
  };
}

function appointmentElement(record: AppointmentRecord): XmlElement {
  const { timeZone, recurrence, exceptions, participants, organizer } = record;
  const at = (time: string, allDay: boolean | undefined) => dateTime(allDay === true ? dayStart(time, timeZone) : time);
  return {
    ...plain('appointments', record),
    Start: at(record.start, record.allDay),
    End: at(record.end, record.allDay),
    ...given('AllDay', record.allDay),
    Reminder: record.reminder ?? '0001-01-01T00:00:00',
    ...given('Busy', record.busy),
    ...given('Private', record.private),
    ...(organizer === undefined ? {} : { Organizer: { Email: organizer.email, ...given('Name', organizer.name) } }),
    Participants:
      participants === undefined
        ? nil
        : {
            Participant: participants.map(({ email, name, status }) => ({
              Email: email,
              ...given('Name', name),
              Status: capital(status),
            })),
          },
    ...(recurrence === undefined
      ? {}
      : {
          Recurrence: {
            Frequency: capital(recurrence.frequency),
            ...given('Interval', recurrence.interval),
            ...given('Count', recurrence.count),
            ...(recurrence.until === undefined ? {} : { Until: at(recurrence.until, record.allDay) }),
            ...given('ByDay', recurrence.byDay?.join(' ')),
            ...given('DayOfMonth', recurrence.dayOfMonth),
            ...given('WeekOfMonth', recurrence.weekOfMonth),
            ...given('MonthOfYear', recurrence.monthOfYear),
            ...given('FirstDayOfWeek', recurrence.firstDayOfWeek),
          },
        }),
    ...(exceptions === undefined
      ? {}
      : {
          Exceptions: {
            Exception: exceptions.map((each) => {
              const allDay = each.allDay ?? record.allDay;
              return {
                OriginalStart: at(each.originalStart, record.allDay),
                ...given('Deleted', each.deleted),
                ...given('Title', each.title),
                ...given('Location', each.location),
                ...given('Description', each.description),
                ...(each.start === undefined ? {} : { Start: at(each.start, allDay) }),
                ...(each.end === undefined ? {} : { End: at(each.end, allDay) }),
                ...given('AllDay', each.allDay),
                ...given('NoReminder', each.noReminder),
                ...given('Reminder', each.reminder),
                ...given('Busy', each.busy),
                ...given('Private', each.private),
              };
            }),
          },
        }),
    ...(record.linkedCompanyIds === undefined
      ? {}
      : { LinkedCompanyIds: { int: record.linkedCompanyIds.map(String) } }),
  };
}

function taskElement(record: TaskRecord, ownTimeZone: string): XmlElement {
  const at = (day: string | undefined) => (day === undefined ? nil : dateTime(dayStart(day, ownTimeZone)));
  return {
    ...plain('tasks', record),
    Start: at(record.start),
    End: at(record.end),
    Reminder: record.reminder ?? nil,
    PercentComplete: String(record.percent ?? 0),
    Priority: String(record.priority ?? 1),
  };
}

/** A record as a listing shows it to those who may see all of it. */
export function elementOf(
  kind: OwnKind,
  record: ContactRecord | AppointmentRecord | TaskRecord | NoteRecord,
  ownTimeZone: string,
): XmlElement {
  const own =
    kind === 'contacts'
      ? contactElement(record as ContactRecord)
      : kind === 'appointments'
        ? appointmentElement(record as AppointmentRecord)
        : kind === 'tasks'
          ? taskElement(record as TaskRecord, ownTimeZone)
          : plain('notes', record);
  return {
    Id: String(record.id),
    ...(record.externalId === undefined ? {} : { ExternalId: record.externalId }),
    ...own,
    DateChanged: record.changedAt,
  };
}

const shownWhenBusy = new Set([
  'Id',
  'ExternalId',
  'Start',
  'End',
  'AllDay',
  'TimeZone',
  'Busy',
  'Recurrence',
  'DateChanged',
]);

/** An appointment as those see it who may only know whether its owner is busy. */
export const busyElement = (element: XmlElement): XmlElement =>
  Object.fromEntries(Object.entries(element).filter(([name]) => shownWhenBusy.has(name)));
