import { dayStart } from '../../office/time.ts';
import { children, dateTime, nil, type XmlElement, type XmlNode } from '../xml.ts';
import { addressParts, capital, emailTypes, phoneTypes, texts } from './element-names.ts';
import type { AppointmentRecord, ContactRecord, NoteRecord, TaskRecord } from './records.ts';
import type { OwnKind } from './state.ts';

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
  'Exceptions',
  'DateChanged',
]);
const shownOfException = new Set(['OriginalStart', 'Deleted', 'Start', 'End', 'AllDay', 'Busy']);

const only = (element: XmlNode, names: ReadonlySet<string>): XmlElement =>
  Object.fromEntries(Object.entries(element).filter(([name]) => names.has(name)));

/** An appointment as those see it who may only know whether its owner is busy. */
export function busyElement(element: XmlElement): XmlElement {
  const shown = only(element, shownWhenBusy);
  const exceptions = children(shown.Exceptions, 'Exception');
  if (exceptions.length === 0) return shown;
  return { ...shown, Exceptions: { Exception: exceptions.map((each) => only(each, shownOfException)) } };
}
