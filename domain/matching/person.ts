/** Whom a contact speaks of: its name by parts, and the signs that tell two people of one name apart. */
import type { ContactFields } from '../contact/fields.ts';
import { bySound, isTransposed, normalMail, words } from './text.ts';

/** What the domain must be told from outside: numbers need the plans of all countries, spelling a measure. */
export interface Likening {
  /** A telephone number in one form (E.164 where it can be told), '' for what is none. */
  readonly number: (text: string) => string;
  /** How many letters must be changed to make one word of the other (Levenshtein). */
  readonly distance: (a: string, b: string) => number;
}

export interface Person {
  /** All words of the name, in no order; '' for a contact without a name. */
  readonly name: string;
  readonly given: readonly string[];
  readonly middle: readonly string[];
  readonly family: readonly string[];
  /** A company as such: nobody is named. */
  readonly isCompany: boolean;
  /** For whom the person works, word by word, without the legal form. */
  readonly company: readonly string[];
  /** `jr`, `sr`, `iii`: the father is not the son. */
  readonly generation: string;
  readonly mails: readonly string[];
  /** Numbers in the place of a mobile telephone. */
  readonly mobiles: readonly string[];
  /** All numbers, mobiles included. */
  readonly numbers: readonly string[];
  readonly birthday: string;
}

export const numberFields = [
  'mobilePhone',
  'homePhone',
  'homePhone2',
  'businessPhone',
  'businessPhone2',
  'carPhone',
  'companyMainPhone',
  'assistantPhone',
  'radioPhone',
  'pager',
  'homeFax',
  'businessFax',
  'mms',
] as const satisfies readonly (keyof ContactFields)[];
export const mailFields = ['email1', 'email2', 'email3'] as const;

/** Written before a name, or for the company: not part of it. */
const titles = new Set('dr prof professor mr mrs ms miss herr fru froken ing siving adv advokat phd cand'.split(' '));
const legalForms = new Set('as asa ab oy oyj aps a s enk da ans nuf gmbh ag ltd llc inc plc bv norge'.split(' '));
const generations: Readonly<Record<string, string>> = {
  jr: 'jr',
  jun: 'jr',
  junior: 'jr',
  sr: 'sr',
  sen: 'sr',
  senior: 'sr',
  ii: 'ii',
  iii: 'iii',
  iv: 'iv',
};
/** The local part of addresses that nobody has alone. */
const roles = new Set(
  'post firmapost info kontakt contact office kontor mail epost admin salg sales support service kundeservice faktura regnskap booking hello hei'.split(
    ' ',
  ),
);

/** What a contact is known by. Without a person's name it is the company. */
export function personOf(contact: ContactFields, { number }: Pick<Likening, 'number'>): Person {
  const parts = partsOf(contact);
  const isCompany = parts.given.length + parts.middle.length + parts.family.length === 0;
  const company = withoutAll(words(contact.company), legalForms);
  const all = isCompany ? company : [...parts.given, ...parts.middle, ...parts.family];
  const numbers = (fields: readonly (keyof ContactFields)[]) =>
    distinct(fields.map((field) => number((contact[field] as string | undefined) ?? '')));
  return {
    ...parts,
    ...(isCompany ? { family: company } : {}),
    name: [...all].sort().join(' '),
    company,
    isCompany,
    mails: distinct(mailFields.map((field) => normalMail(contact[field]))),
    mobiles: numbers(['mobilePhone']),
    numbers: numbers(numberFields),
    birthday: contact.birthday ?? '',
  };
}

type Parts = Pick<Person, 'given' | 'middle' | 'family' | 'generation'>;

/** Name parts where they are told apart; else the display name, as `Family, Given Middle` or `Given Middle Family`. */
function partsOf(contact: ContactFields): Parts {
  const { givenName, middleName, familyName, suffix, fileAs } = contact;
  const generation = generations[words(suffix)[0] ?? ''] ?? '';
  if (givenName?.trim() && familyName?.trim()) {
    return cleared(words(givenName), words(middleName), words(familyName), generation);
  }
  // Some write the whole name into one field.
  const whole = [givenName, middleName, familyName].filter((part) => part?.trim()).join(' ') || (fileAs ?? '');
  const isOfCompany = !givenName?.trim() && !familyName?.trim() && sameWords(whole, contact.company);
  if (isOfCompany) return cleared([], [], [], generation);
  const comma = whole.indexOf(',');
  if (comma > 0) {
    const [first, ...rest] = words(whole.slice(comma + 1));
    return cleared(first ? [first] : [], rest, words(whole.slice(0, comma)), generation);
  }
  const all = withoutAll(words(whole), titles);
  if (all.length < 2) return cleared(all, [], [], generation);
  return cleared(all.slice(0, 1), all.slice(1, -1), all.slice(-1), generation);
}

function cleared(given: string[], middle: string[], family: string[], generation: string): Parts {
  const last = generations[family.at(-1) ?? ''];
  const isGeneration = last !== undefined && family.length > 1;
  return {
    given: withoutAll(given, titles),
    middle,
    family: isGeneration ? family.slice(0, -1) : family,
    generation: generation || (isGeneration ? last : ''),
  };
}

/** `equal`: the same words. `near`: a small difference of spelling, or a middle name that one of them leaves out. */
export function compareNames(a: Person, b: Person, likening: Pick<Likening, 'distance'>): 'equal' | 'near' | 'other' {
  if (a.name === '' || b.name === '' || a.isCompany !== b.isCompany || a.generation !== b.generation) return 'other';
  if (a.name === b.name) return 'equal';
  if (!isNearFamily(a.family, b.family, likening)) return 'other';
  if (a.isCompany) return 'near';
  const isSameGiven =
    a.given.length > 0 &&
    a.given.length === b.given.length &&
    a.given.every((word, at) => isSpelledAlike(word, b.given[at] as string));
  return isSameGiven && areMiddlesOfOne(a.middle, b.middle) ? 'near' : 'other';
}

/** A given name that differs by a letter is mostly another name (Kari and Kåre), so only its sound may be written otherwise. */
function isSpelledAlike(a: string, b: string): boolean {
  return a === b || bySound(a) === bySound(b) || (a.length >= 5 && isTransposed(a, b));
}

/** A middle name may be left out or be an initial, but not another. */
function areMiddlesOfOne(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  const [less, more] = a.length <= b.length ? [a, b] : [b, a];
  return less.every((word) =>
    more.some((other) => isSpelledAlike(word, other) || initialOf(word, other) || initialOf(other, word)),
  );
}

function initialOf(initial: string, word: string): boolean {
  return initial.length === 1 && word.startsWith(initial);
}

/** One word may be misspelled by a letter, a long one by two. */
function isNearFamily(a: readonly string[], b: readonly string[], { distance }: Pick<Likening, 'distance'>): boolean {
  if (a.length !== b.length) return false;
  let misspelled = 0;
  for (const [at, word] of a.entries()) {
    const other = b[at] as string;
    if (isSpelledAlike(word, other)) continue;
    const length = Math.min(word.length, other.length);
    const allowed = length >= 9 ? 2 : length >= 5 ? 1 : 0;
    if (allowed === 0 || Math.abs(word.length - other.length) > allowed || distance(word, other) > allowed)
      return false;
    if (++misspelled > 1) return false;
  }
  return true;
}

/**
 * Both work somewhere, and not at the same place: perhaps two positions of one person, that are two contacts on
 * purpose. Spelling does not count, nor that one says more of the company than the other.
 */
export function workElsewhere(a: Person, b: Person, { distance }: Pick<Likening, 'distance'>): boolean {
  if (a.company.length === 0 || b.company.length === 0) return false;
  const [less, more] = a.company.length <= b.company.length ? [a.company, b.company] : [b.company, a.company];
  if (less.every((word) => more.includes(word))) return false;
  const [one, other] = [less.join(''), more.join('')];
  const isSpelled = one.length >= 6 && !/\d/.test(one + other) && Math.abs(one.length - other.length) <= 2;
  return !isSpelled || distance(one, other) > 2;
}

/** Nobody shares it by its nature, as one shares `post@` and `info@`. */
export function isPersonalMail(mail: string): boolean {
  return !roles.has(mail.slice(0, mail.indexOf('@')));
}

/** Whether a display name is that of the company. */
function sameWords(a: string, b: string | undefined): boolean {
  const [one, other] = [words(a), words(b)].map((all) => withoutAll(all, legalForms).join(' '));
  return one !== '' && one === other;
}

function withoutAll(all: readonly string[], left: ReadonlySet<string>): string[] {
  const rest = all.filter((word) => !left.has(word));
  return rest.length > 0 ? rest : [...all];
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].filter((value) => value !== '');
}
