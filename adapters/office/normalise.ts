import { createHash } from 'node:crypto';
import type { Fields } from '../../domain/item/fields.ts';
import { bodyMaxLength, lineMaxLength, present, title } from './limits.ts';
import { normaliseAppointment } from './normalise-appointment.ts';
import type { OfficeFieldsOf, OfficeHash, OfficeKind } from './port.ts';
import { bareAddress, line, lines, plainBody } from './text.ts';
import { minuteInstant, plainDay } from './time.ts';

const contactLines = [
  'givenName',
  'familyName',
  'nickname',
  'mobilePhone',
  'homePhone',
  'carPhone',
  'businessPhone',
  'businessFax',
  'company',
  'department',
  'jobTitle',
  'webPage',
] as const;
const contactAddresses = ['email1', 'email2', 'email3'] as const;

/** Fields the office holds, by kind. Everything else of an item is kept on our side. */
const held: Readonly<Record<OfficeKind, readonly string[]>> = {
  contact: [...contactLines, ...contactAddresses, 'homeAddress', 'birthday', 'body'],
  appointment: [
    'subject',
    'location',
    'body',
    'start',
    'end',
    'allDay',
    'timeZone',
    'recurrence',
    'exceptions',
    'organizer',
    'attendees',
    'reminderMinutes',
    'sensitivity',
    'busyStatus',
    'categories',
  ],
  task: ['subject', 'body', 'start', 'due', 'complete', 'percentComplete', 'importance', 'reminderAt'],
  note: ['subject', 'body'],
  company: [
    'company',
    'email1',
    'email2',
    'businessPhone',
    'mobilePhone',
    'businessFax',
    'businessAddress',
    'webPage',
    'customerId',
    'governmentId',
    'body',
  ],
};

/** Names of the fields the office holds of a kind. */
export const officeFields = (kind: OfficeKind): readonly string[] => held[kind];

function address(value: OfficeFieldsOf['contact']['homeAddress']): OfficeFieldsOf['contact']['homeAddress'] {
  if (value === undefined) return undefined;
  const held = present({
    street: lines(value.street, lineMaxLength),
    locality: line(value.locality, 100),
    region: line(value.region, 100),
    postalCode: line(value.postalCode, 16),
    country: line(value.country, 100),
  });
  return Object.keys(held).length === 0 ? undefined : held;
}

function normaliseContact(fields: OfficeFieldsOf['contact']): OfficeFieldsOf['contact'] {
  return present({
    ...Object.fromEntries(contactLines.map((name) => [name, line(fields[name], lineMaxLength)])),
    ...Object.fromEntries(contactAddresses.map((name) => [name, bareAddress(fields[name], lineMaxLength)])),
    homeAddress: address(fields.homeAddress),
    birthday: plainDay(fields.birthday),
    body: plainBody(fields.body, bodyMaxLength),
  });
}

function normaliseCompany(fields: OfficeFieldsOf['company']): OfficeFieldsOf['company'] {
  return present({
    ...Object.fromEntries(
      (
        ['company', 'businessPhone', 'mobilePhone', 'businessFax', 'webPage', 'customerId', 'governmentId'] as const
      ).map((name) => [name, line(fields[name], lineMaxLength)]),
    ),
    email1: bareAddress(fields.email1, lineMaxLength),
    email2: bareAddress(fields.email2, lineMaxLength),
    businessAddress: address(fields.businessAddress),
    body: plainBody(fields.body, bodyMaxLength),
  });
}

/** A task is complete when it is at 100 %: the office has one number for both. */
function normaliseTask(fields: OfficeFieldsOf['task']): OfficeFieldsOf['task'] {
  const complete = fields.complete ?? fields.percentComplete === 100;
  const percent = complete ? 100 : fields.percentComplete;
  return present({
    subject: title(fields.subject),
    body: plainBody(fields.body, bodyMaxLength),
    start: plainDay(fields.start),
    due: plainDay(fields.due),
    complete: complete ? true : undefined,
    percentComplete:
      percent === undefined || percent <= 0 || (percent >= 100 && !complete) ? undefined : Math.round(percent),
    importance: fields.importance === 'normal' ? undefined : fields.importance,
    reminderAt: minuteInstant(fields.reminderAt),
  });
}

function normaliseNote(fields: OfficeFieldsOf['note']): OfficeFieldsOf['note'] {
  return present({ subject: title(fields.subject), body: plainBody(fields.body, bodyMaxLength) });
}

const normalisers: { readonly [K in OfficeKind]: (fields: OfficeFieldsOf[K]) => OfficeFieldsOf[K] } = {
  contact: normaliseContact,
  appointment: normaliseAppointment,
  task: normaliseTask,
  note: normaliseNote,
  company: normaliseCompany,
};

/**
 * The fields as 24SevenOffice would give them back: only what it holds, times at the minute, text plain, defaults
 * absent. Idempotent. Throws a TypeError for a body that names a blob.
 */
export function normalise<K extends OfficeKind>(kind: K, fields: Fields): OfficeFieldsOf[K] {
  return normalisers[kind](fields as OfficeFieldsOf[K]);
}

/** JSON with the members of every object in order of their names. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/** SHA-256, in base64url, of what is normalised already. */
export const hashOfNormalised = (kind: OfficeKind, fields: Fields): OfficeHash =>
  createHash('sha256').update(kind).update('\n').update(canonicalJson(fields)).digest('base64url') as OfficeHash;

/** Equal for two field sets which the office would store equally. */
export const officeHash = (kind: OfficeKind, fields: Fields): OfficeHash =>
  hashOfNormalised(kind, normalise(kind, fields) as Fields);

/**
 * Names of the given fields which the office does not hold at all, or holds in another value than given; the caller
 * keeps them on its side.
 */
export function unsupportedFields(kind: OfficeKind, fields: Fields): readonly string[] {
  const kept = normalise(kind, fields) as Fields;
  const defaults: Fields = {
    importance: 'normal',
    busyStatus: 'busy',
    sensitivity: 'normal',
    allDay: false,
    complete: false,
    percentComplete: 0,
  };
  return Object.keys(fields)
    .filter((name) => {
      const given = fields[name];
      if (given === undefined) return false;
      if (kept[name] === undefined && given === defaults[name]) return false;
      return canonicalJson(given) !== (kept[name] === undefined ? undefined : canonicalJson(kept[name]));
    })
    .sort();
}
