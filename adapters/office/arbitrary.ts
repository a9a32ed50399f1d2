import fc from 'fast-check';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';

const text = fc.oneof(
  fc.constantFrom(
    'Åse Ærlig Ødegård',
    ' blank ',
    '<b>&amp;</b>',
    ']]>',
    '(uten tittel)',
    'a\tb',
    '漢字 😀',
    '\u0000\u0001',
    '\ud800',
  ),
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.string({ maxLength: 300, unit: 'grapheme' }),
);
const multiline = fc.array(text, { maxLength: 4 }).map((parts) => parts.join('\r\n'));
const body = fc.oneof(
  multiline.map((content) => ({ type: 'text' as const, content })),
  multiline.map((content) => ({ type: 'html' as const, content: `<p>${content}</p><ul><li>én</li></ul>` })),
  fc.constant({ type: 'rtf' as const, content: 'eJw=' }),
);
const from = Date.UTC(1990, 0, 1);
const to = Date.UTC(2090, 0, 1);
const instant = fc.integer({ min: from, max: to }).map((ms) => new Date(ms).toISOString());
const day = instant.map((value) => value.slice(0, 10));
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const email = fc.oneof(
  fc.emailAddress(),
  fc.emailAddress().map((address) => `"Navn, Et" <${address}>`),
  text,
);

const contact = fc.record({
  givenName: some(text),
  familyName: some(text),
  middleName: some(text),
  email1: some(email),
  email2: some(email),
  email3: some(email),
  mobilePhone: some(text),
  homePhone: some(text),
  carPhone: some(text),
  businessPhone: some(text),
  businessFax: some(text),
  company: some(text),
  birthday: some(fc.oneof(day, instant, text)),
  homeAddress: some(
    fc.record({ street: some(multiline), locality: some(text), postalCode: some(text), country: some(text) }),
  ),
  otherAddress: some(fc.record({ street: some(text) })),
  photo: some(fc.constant('/9j/4AAQ')),
  body: some(body),
});

const weekday = fc.constantFrom('SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA');
const recurrence = (time: fc.Arbitrary<string>) =>
  fc.record({
    frequency: fc.constantFrom('daily', 'weekly', 'monthly', 'monthlyNth', 'yearly', 'yearlyNth'),
    interval: some(fc.integer({ min: 1, max: 99 })),
    count: some(fc.integer({ min: 1, max: 999 })),
    until: some(time),
    byDay: some(fc.array(weekday, { maxLength: 4 })),
    dayOfMonth: some(fc.integer({ min: 1, max: 31 })),
    weekOfMonth: some(fc.integer({ min: 1, max: 5 })),
    monthOfYear: some(fc.integer({ min: 1, max: 12 })),
    firstDayOfWeek: some(weekday),
    calendarType: some(fc.constant(1)),
  });
const sensitivity = fc.constantFrom('normal', 'personal', 'private', 'confidential');
const busyStatus = fc.constantFrom('free', 'tentative', 'busy', 'outOfOffice', 'workingElsewhere');
const attendee = fc.record({
  email,
  name: some(text),
  type: some(fc.constantFrom('required', 'optional', 'resource')),
  status: some(fc.constantFrom('unknown', 'tentative', 'accepted', 'declined', 'notResponded')),
});

const appointment = fc.boolean().chain((allDay) => {
  const time = allDay ? day : instant;
  const later = (start: string, minutes: number) => {
    const ms = Date.parse(start) + (allDay ? Math.max(Math.ceil(minutes / 1440), 1) * 1440 : minutes) * 60_000;
    return allDay ? new Date(ms).toISOString().slice(0, 10) : new Date(ms).toISOString();
  };
  const changed = fc.record({
    subject: some(text),
    location: some(text),
    start: some(time),
    end: some(time),
    body: some(body),
    reminderMinutes: some(fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: null })),
    sensitivity: some(sensitivity),
    busyStatus: some(busyStatus),
    attendees: some(fc.array(attendee, { maxLength: 2 })),
  });
  return fc
    .record({
      subject: some(text),
      location: some(text),
      body: some(body),
      start: time,
      minutes: fc.integer({ min: 0, max: 5000 }),
      timeZone: fc.constantFrom('Europe/Oslo', 'UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland'),
      recurrence: some(recurrence(time)),
      exceptions: some(
        fc.dictionary(
          time,
          fc.oneof(
            fc.constant({ deleted: true as const }),
            changed.map((fields) => ({ changed: fields })),
          ),
          { maxKeys: 3 },
        ),
      ),
      organizer: some(fc.record({ email, name: some(text) })),
      attendees: some(fc.array(attendee, { maxLength: 4 })),
      reminderMinutes: some(fc.integer({ min: 0, max: 40_000 })),
      sensitivity: some(sensitivity),
      busyStatus: some(busyStatus),
      categories: some(fc.array(text, { maxLength: 3 })),
      meetingStatus: some(fc.constant(1)),
      uid: some(fc.constant('040000008200E00074C5')),
    })
    .map(({ minutes, ...fields }) => ({ ...fields, allDay, end: later(fields.start, minutes) }));
});

const task = fc.record({
  subject: some(text),
  body: some(body),
  start: some(day),
  due: some(day),
  complete: some(fc.boolean()),
  percentComplete: some(fc.integer({ min: 0, max: 100 })),
  importance: some(fc.constantFrom('low', 'normal', 'high')),
  reminderAt: some(instant),
  recurrence: some(recurrence(day)),
  categories: some(fc.array(text, { maxLength: 2 })),
});

const note = fc.record({ subject: some(text), body: some(body), categories: some(fc.array(text, { maxLength: 2 })) });

const withoutAbsent = (fields: object): Fields => JSON.parse(JSON.stringify(fields)) as Fields;

/** Fields as phones may send them, with much that no office holds; for property tests. */
export const arbitraryFields: Readonly<Record<ItemKind, fc.Arbitrary<Fields>>> = {
  contact: contact.map(withoutAbsent),
  appointment: appointment.map(withoutAbsent),
  task: task.map(withoutAbsent),
  note: note.map(withoutAbsent),
};
