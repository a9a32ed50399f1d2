import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContactFields } from '../contact/fields.ts';
import type { Fields, ItemKind } from '../item/fields.ts';
import { judge } from './judge.ts';
import { match, suspect } from './match.ts';
import type { Likening } from './person.ts';
import { bySound, normalMail, normalText } from './text.ts';
import { traitsOf } from './traits.ts';

/** By the book (Wagner and Fischer), and eight digits: what stands outside of the domain is tested there. */
const likening: Likening = {
  number: (text) => text.replaceAll(/\D/g, '').slice(-8),
  distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, at) => at);
    for (const [i, letter] of [...a].entries()) {
      const next = [i + 1];
      for (let j = 0; j < b.length; j++) {
        const swap = (row[j] as number) + (letter === b[j] ? 0 : 1);
        next.push(Math.min(swap, (row[j + 1] as number) + 1, (next[j] as number) + 1));
      }
      row = next;
    }
    return row.at(-1) as number;
  },
};

const traits = (kind: ItemKind, fields: Fields) => traitsOf(kind, fields, likening);
const matched = (kind: ItemKind, left: readonly Fields[], right: readonly Fields[]) =>
  match(
    left.map((fields) => traits(kind, fields)),
    right.map((fields) => traits(kind, fields)),
    likening,
  ).map((pair) => [pair.left, pair.right]);
const same = (kind: ItemKind, a: Fields, b: Fields) => matched(kind, [a], [b]).length === 1;

const kari: ContactFields = { givenName: 'Kari', familyName: 'Hansen', mobilePhone: '+47 900 11 222' };

describe('text', () => {
  it.each([
    ['Håkon', 'Haakon'],
    ['Sørensen', 'Soerensen'],
    ['Sørensen', 'SORENSEN'],
    ['Sæther', 'Saether'],
    ['Groß', 'gross'],
    ['Møte: budsjett!', 'møte  budsjett'],
    ['A\u030asa', 'Åsa'],
  ])('%s and %s are the same text', (a, b) => expect(normalText(a)).toBe(normalText(b)));

  it.each([
    ['christian', 'kristian'],
    ['thorbjorn', 'torbjorn'],
    ['ohlsen', 'olsen'],
    ['sofie', 'sophie'],
    ['hanssen', 'hansen'],
  ])('%s and %s sound alike', (a, b) => expect(bySound(a)).toBe(bySound(b)));

  it.each([
    ['kari', 'kare'],
    ['martin', 'marvin'],
    ['anne', 'arne'],
    ['marit', 'marie'],
    ['kristina', 'kristine'],
  ])('%s and %s do not', (a, b) => expect(bySound(a)).not.toBe(bySound(b)));

  it('finds the address in what phones write', () => {
    expect(normalMail('"Hansen, Kari" <Kari.Hansen@Fjord.example>')).toBe('kari.hansen@fjord.example');
    expect(normalMail(' KARI@fjord.example')).toBe('kari@fjord.example');
  });
});

describe('the same contact', () => {
  it.each<[string, ContactFields, ContactFields]>([
    ['case, and the way a number is written', kari, { ...kari, givenName: 'KARI', mobilePhone: '0047 90011222' }],
    ['a display name alone', kari, { fileAs: 'Hansen, Kari', mobilePhone: '90011222' }],
    [
      'given name and family name changed about',
      kari,
      { givenName: 'Hansen', familyName: 'Kari', mobilePhone: '90011222' },
    ],
    ['a title', kari, { givenName: 'Dr. Kari', familyName: 'Hansen', mobilePhone: '90011222' }],
    ['spelled otherwise, with the same own number', kari, { ...kari, familyName: 'Hanssen' }],
    [
      'a wrong letter, with the same own number',
      { ...kari, familyName: 'Johansen' },
      { ...kari, familyName: 'Johanden' },
    ],
    ['a middle name left out', { ...kari, middleName: 'Marie' }, kari],
    ['a number that stands elsewhere', kari, { givenName: 'Kari', familyName: 'Hansen', homePhone: '900 11 222' }],
    [
      'the same address, with and without a name',
      { givenName: 'Kari', familyName: 'Hansen', email1: '"Kari" <Kari@fjord.example>' },
      { givenName: 'Kari', familyName: 'Hansen', email2: 'kari@fjord.example' },
    ],
    ['a name alone, when nothing else is said', { givenName: 'Mamma' }, { fileAs: 'Mamma', givenName: 'mamma' }],
    ['an employer that is named more fully', { ...kari, company: 'Nordlys' }, { ...kari, company: 'Nordlys Bygg AS' }],
    [
      'a company',
      { company: 'Fjord AS', businessPhone: '22001122' },
      { fileAs: 'Fjord', company: 'FJORD A/S', businessPhone: '22 00 11 22' },
    ],
  ])('%s', (_, a, b) => expect(same('contact', a, b)).toBe(true));
});

describe('two contacts', () => {
  it.each<[string, ContactFields, ContactFields]>([
    ['Kari and Kåre of one family, even with one number as mobile', kari, { ...kari, givenName: 'Kåre' }],
    ['Anne and Anne Marie', { ...kari, givenName: 'Anne' }, { ...kari, givenName: 'Anne Marie' }],
    ['father and son', { ...kari, suffix: 'Jr.' }, kari],
    ['one name, nothing shared', kari, { givenName: 'Kari', familyName: 'Hansen', email1: 'kari@other.example' }],
    [
      'one name at one switchboard, with mobiles of their own',
      { ...kari, businessPhone: '22001122' },
      { ...kari, mobilePhone: '90099999', businessPhone: '22001122' },
    ],
    [
      'spelled otherwise, sharing only the address of the office',
      { givenName: 'Kari', familyName: 'Hansen', email1: 'post@fjord.example' },
      { givenName: 'Kari', familyName: 'Hanssen', email1: 'post@fjord.example' },
    ],
    [
      'one name and number, born on other days',
      { ...kari, birthday: '1980-01-02' },
      { ...kari, birthday: '2008-01-02' },
    ],
    ['a person with two positions', { ...kari, company: 'Fjord AS' }, { ...kari, company: 'Hav AS' }],
    [
      'a company and one who works there',
      { company: 'Fjord AS', businessPhone: '22001122' },
      { ...kari, company: 'Fjord AS', businessPhone: '22001122' },
    ],
  ])('%s', (_, a, b) => expect(same('contact', a, b)).toBe(false));

  it('spelled alike, when a third has the number too', () => {
    const near = { ...kari, familyName: 'Hanssen' };
    expect(matched('contact', [kari], [near])).toEqual([[0, 0]]);
    expect(matched('contact', [kari], [near, { ...kari, givenName: 'Ola' }])).toEqual([]);
  });

  it('spelled alike, when another is as near', () => {
    const left = { ...kari, email1: 'kari@fjord.example' };
    const one = { givenName: 'Kari', familyName: 'Hanssen', email1: 'kari@fjord.example' };
    const other = { givenName: 'Kari', familyName: 'Hensen', mobilePhone: '90011222' };
    expect(matched('contact', [left], [one, other])).toEqual([]);
  });

  it('a name that fits whole goes before one that is near', () => {
    const right = [{ ...kari, familyName: 'Hanssen', mobilePhone: '90077777' }, kari];
    expect(matched('contact', [kari], right)).toEqual([[0, 1]]);
  });
});

describe('other classes', () => {
  const meeting = {
    subject: 'Møte om budsjett',
    start: '2026-03-02T09:00:00.000Z',
    end: '2026-03-02T10:00:00.000Z',
    timeZone: 'Europe/Oslo',
  };
  it('an appointment is itself by its UID, or by time and subject', () => {
    expect(
      same(
        'appointment',
        { ...meeting, uid: 'a' },
        { ...meeting, uid: 'a', subject: 'Flyttet', start: '2026-03-03T09:00:00.000Z' },
      ),
    ).toBe(true);
    expect(same('appointment', { ...meeting, uid: 'a' }, { ...meeting, uid: 'b', subject: 'MØTE om  budsjett.' })).toBe(
      true,
    );
    expect(same('appointment', meeting, { ...meeting, start: '2026-03-02T09:00:21.000Z' })).toBe(true);
    expect(same('appointment', meeting, { ...meeting, end: '2026-03-02T10:30:00.000Z' })).toBe(false);
    expect(same('appointment', meeting, { ...meeting, subject: 'Møte om lønn' })).toBe(false);
    expect(same('appointment', meeting, { ...meeting, recurrence: { frequency: 'weekly' } })).toBe(false);
    expect(same('appointment', { ...meeting, subject: '' }, { ...meeting, subject: '', location: 'Oslo' })).toBe(false);
  });
  it('a task by subject and dates', () => {
    const task = { subject: 'Ring Per', due: '2026-03-02' };
    expect(same('task', task, { ...task, subject: 'ring per', complete: true })).toBe(true);
    expect(same('task', task, { ...task, start: '2026-03-01' })).toBe(true);
    expect(same('task', { ...task, start: '2026-03-02' }, { ...task, start: '2026-03-01' })).toBe(false);
    expect(same('task', task, { ...task, due: '2026-03-09' })).toBe(false);
    expect(same('task', { subject: 'Ring Per' }, { subject: 'Ring Per', complete: true })).toBe(false);
  });
  it('a note by subject and body, whatever it is written in', () => {
    const body = { type: 'text', content: 'Melk & brød' };
    expect(
      same(
        'note',
        { subject: 'Handle', body },
        { subject: 'handle', body: { type: 'html', content: '<p>Melk &amp; <b>brød</b></p>' } },
      ),
    ).toBe(true);
    expect(
      same('note', { subject: 'Handle', body }, { subject: 'Handle', body: { type: 'text', content: 'Melk' } }),
    ).toBe(false);
  });
});

/** Few names, numbers and addresses, so that many people share them. */
const contact = fc.record(
  {
    givenName: fc.constantFrom('Kari', 'Kåre', 'Karri', 'Kristian', 'Christian'),
    familyName: fc.constantFrom('Hansen', 'Hanssen', 'Johansen', 'Johansson'),
    middleName: fc.constantFrom('Marie', 'M.'),
    mobilePhone: fc.constantFrom('90011222', '+4790011222', '90033444'),
    homePhone: fc.constantFrom('22001122', '90011222'),
    email1: fc.constantFrom('kari@fjord.example', 'post@fjord.example', 'KARI@fjord.example'),
    birthday: fc.constantFrom('1980-01-02', '1985-01-02'),
  },
  { requiredKeys: ['familyName'] },
);
const folder = fc.array(contact, { maxLength: 9 });

describe('always', () => {
  it('it does not matter which of two is asked about which', () => {
    fc.assert(
      fc.property(contact, contact, fc.boolean(), (a, b, isOwn) => {
        const [one, other] = [traits('contact', a), traits('contact', b)];
        const judged = judge(one, other, () => isOwn, likening);
        expect(judge(other, one, () => isOwn, likening)).toEqual(judged);
      }),
    );
  });

  it('nobody is claimed twice, so two of one side never become one', () => {
    fc.assert(
      fc.property(folder, folder, (left, right) => {
        const pairs = matched('contact', left, right);
        expect(new Set(pairs.map(([one]) => one)).size).toBe(pairs.length);
        expect(new Set(pairs.map(([, other]) => other)).size).toBe(pairs.length);
      }),
    );
  });

  it('Kari is never Kåre', () => {
    fc.assert(
      fc.property(folder, folder, (left, right) => {
        for (const [one, other] of matched('contact', left, right)) {
          const names = [left[one as number]?.givenName, right[other as number]?.givenName];
          expect(names.includes('Kåre') && new Set(names).size > 1).toBe(false);
        }
      }),
    );
  });

  it('a folder that is on both sides finds every item of its own again', () => {
    fc.assert(
      fc.property(folder, (contacts) => {
        const distinct = [...new Map(contacts.map((one) => [traits('contact', one).content, one])).values()];
        expect(matched('contact', distinct, distinct)).toEqual(distinct.map((_, at) => [at, at]));
      }),
    );
  });

  it('whatever a first sync would merge is a suspicion in one folder too', () => {
    fc.assert(
      fc.property(contact, contact, (a, b) => {
        const both = [traits('contact', a), traits('contact', b)];
        const isSuspected = suspect(both, likening).some(({ degree }) => degree !== 'perhaps');
        if (same('contact', a, b)) expect(isSuspected).toBe(true);
      }),
    );
  });
});
