import { dayOf } from '../../office/time.ts';
import { boolean, child, children, instant, integer, isNil, text, type XmlElement, type XmlNode } from '../xml.ts';
import { addressParts, emailTypes, phoneTypes, small, texts } from './element-names.ts';
import type { AppointmentRecord, Change } from './records.ts';
import type { OwnKind } from './state.ts';

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
