import { describe, expect, it } from 'vitest';
import { difference } from '../conflict/paths.ts';
import { blanks } from './blank.ts';
import type { Fields } from './fields.ts';

const astrid: Fields = {
  fileAs: 'Bråthen, Astrid',
  givenName: 'Astrid',
  familyName: 'Bråthen',
  email1: 'astrid@fjord.example',
  mobilePhone: '+47 900 00 001',
  company: 'Fjord AS',
};
const meeting: Fields = {
  subject: 'Styremøte',
  location: 'Bergen',
  body: { type: 'text', content: 'Ta med regnskapet.' },
  start: '2026-03-02T08:00:00.000Z',
  end: '2026-03-02T09:00:00.000Z',
  timeZone: 'Europe/Oslo',
  dtStamp: '2026-03-01T08:00:00.000Z',
};
const only = (fields: Fields, ...names: string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
const isBlank = (before: Fields, after: Fields) => blanks(difference(before, after), after);

describe('a change', () => {
  it.each([
    ['everything but its name in the list', astrid, only(astrid, 'fileAs')],
    ['three words of five', astrid, only(astrid, 'fileAs', 'givenName', 'company')],
    ['every word by emptying it', astrid, { ...astrid, givenName: '', familyName: ' ', email1: '', mobilePhone: '' }],
    ['what an appointment says', meeting, only(meeting, 'start', 'end', 'timeZone')],
    ['the body and the place', meeting, { ...only(meeting, 'subject', 'start', 'end', 'timeZone'), dtStamp: 'later' }],
    ['the whole of a note', { subject: 'Kode', body: { type: 'text', content: '1234' } }, { lastModifiedAt: 'now' }],
    ['a long body', { body: { type: 'text', blob: 'f00', size: 90_000 } }, { body: { type: 'text', content: '' } }],
  ])('that takes away %s empties the item', (_, before, after) => {
    expect(isBlank(before, after)).toBe(true);
  });

  it.each([
    ['takes away one word of five', astrid, only(astrid, 'fileAs', 'givenName', 'familyName', 'email1', 'company')],
    ['takes away half', { subject: 'a', location: 'b' }, { subject: 'a' }],
    ['puts another number in the place of one', astrid, { ...only(astrid, 'fileAs', 'givenName'), homePhone: '22 00' }],
    ['moves an appointment', meeting, { ...meeting, start: '2026-03-03T08:00:00.000Z' }],
    ['says nothing new', astrid, astrid],
    ['takes an occurrence out', { ...meeting, exceptions: { a: { deleted: true } } }, meeting],
    ['fills what was empty', {}, astrid],
  ])('that %s does not', (_, before, after) => {
    expect(isBlank(before, after)).toBe(false);
  });
});
