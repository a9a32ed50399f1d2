/**
 * An address book that is on two sides, as people have them: families with one number, colleagues with one switchboard
 * and one address, names that are alike, and the same people written differently on the phone and in the office.
 */
import type { ContactFields } from '../../domain/contact/fields.ts';
import type { Random } from '../simulator/random.ts';

export interface Entry {
  /** Who it is; the same on both sides. */
  readonly who: string;
  readonly fields: ContactFields;
}

export interface AddressBook {
  readonly server: readonly Entry[];
  readonly phone: readonly Entry[];
  /** Those who are on both sides. */
  readonly common: ReadonlySet<string>;
}

const givenNames =
  'Kari Kåre Karin Karen Ola Ole Olav Anne Ane Arne Anna Anita Marit Marie Mari Maria Martin Marvin Jan Jon Johan Johannes Hanne Hanna Henrik Henriette Kristian Kristin Kristine Kristina Thor Tore Tove Tone Torbjørn Thorbjørn Håkon Haakon Bjørn Bjarne Sofie Siri Sigrid Sissel Nina Tina Trine Stine Lars Lasse Per Pål Pernille Åse Åshild Øystein Øyvind Gunnar Gunn Ingrid Inger Ida Ivar Leif Liv Magnus Magne Geir Gerd Rolf Ragnhild Randi'.split(
    ' ',
  );
const familyNames =
  'Hansen Hanssen Jansen Johansen Johannessen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Christiansen Jensen Karlsen Johnsen Pettersen Eriksen Berg Haugen Hagen Bråthen Bakken Bakke Sørensen Solberg Sollie Moen Moe Lie Lien Strand Sæther Sætre Dahl Lund Lunde Iversen Myhre Myrvold Nygård Ødegård Aas Aasen Ruud Rud Fossum Foss'.split(
    ' ',
  );
const companies = ['Fjord AS', 'Nordlys Bygg AS', 'Vidde Regnskap', 'Hav og Land DA', 'Bråthen & Sønn AS'];

export function addressBook(random: Random, count: number, share: number): AddressBook {
  const people = peopleOf(random, Math.round(count * (2 - share)));
  const shared = Math.round(count * share);
  const common = people.slice(0, shared);
  const server = [...common, ...people.slice(shared, count)];
  const phone = [
    ...common.map((entry) => ({ ...entry, fields: rewritten(random, entry.fields) })),
    ...people.slice(count),
  ];
  return {
    server: shuffled(random, server),
    phone: shuffled(random, phone),
    common: new Set(common.map(({ who }) => who)),
  };
}

/** Nobody has the name of another with whom he shares a number or an address: no machine could tell those apart. */
function peopleOf(random: Random, count: number): Entry[] {
  const people: Entry[] = [];
  const names = new Set<string>();
  for (let household = 0; people.length < count; household++) {
    const family = random.pick(familyNames);
    const home = `22 ${two(household)} ${two(household / 100)} ${two(random.below(100))}`;
    const members = 1 + random.below(4);
    const sharesMobile = random.chance(0.15);
    const mobileOfAll = mobileOf(random, people.length);
    const known = new Set<string>();
    for (let member = 0; member < members && people.length < count; member++) {
      const given = random.pick(givenNames);
      // In one house no two bear one name, however it is written.
      if ([...known].some((other) => soundsLike(other, given))) continue;
      known.add(given);
      const who = `p${people.length}`;
      const hasCompany = random.chance(0.4);
      const company = random.pick(companies);
      const domain = `${plain(company).replaceAll(/[^a-z]/g, '')}.example`;
      if (hasCompany && names.has(`${company} ${plain(given)} ${plain(family)}`)) continue;
      names.add(`${company} ${plain(given)} ${plain(family)}`);
      const fields: ContactFields = {
        givenName: given,
        familyName: family,
        ...(random.chance(0.25) ? { middleName: random.pick(['Marie', 'Johan', 'Elise', 'Andreas']) } : {}),
        ...(members > 1 || random.chance(0.3) ? { homePhone: home } : {}),
        mobilePhone: sharesMobile ? mobileOfAll : mobileOf(random, people.length),
        ...(random.chance(0.5) ? { email1: `${plain(given)}.${plain(family)}${people.length}@post.example` } : {}),
        ...(hasCompany
          ? { company, businessPhone: `2300${two(companies.indexOf(company))}00`, email2: `post@${domain}` }
          : {}),
        ...(random.chance(0.2)
          ? { birthday: `19${50 + random.below(49)}-0${1 + random.below(9)}-1${random.below(10)}` }
          : {}),
      };
      people.push({ who, fields });
    }
  }
  return people;
}

/** Small differences, as they come of typing a contact twice. What is said of a person never contradicts itself. */
function rewritten(random: Random, fields: ContactFields): ContactFields {
  let { givenName = '', familyName = '', middleName, mobilePhone = '' } = fields;
  const isOwn = fields.email1 !== undefined || fields.homePhone === undefined;
  const kind = random.below(isOwn ? 9 : 6);
  if (kind === 1) [givenName, familyName] = [givenName.toUpperCase(), familyName.toUpperCase()];
  if (kind === 2) [givenName, familyName] = [unaccented(givenName), unaccented(familyName)];
  if (kind === 3) mobilePhone = `+47${mobilePhone.replaceAll(' ', '')}`;
  if (kind === 4) givenName = `${random.pick(['Dr.', 'Fru', 'Adv.'])} ${givenName}`;
  if (kind === 6) familyName = misspelled(random, familyName);
  if (kind === 7) middleName = undefined;
  if (kind === 8) givenName = givenName.replace(/^K(?=r)/, 'Ch').replace('bjørn', 'björn');
  const name =
    kind === 5
      ? { fileAs: `${familyName}, ${[givenName, middleName].filter(Boolean).join(' ')}` }
      : { givenName, familyName };
  const { email1, businessPhone, company } = fields;
  return {
    ...name,
    ...(kind !== 5 && middleName ? { middleName } : {}),
    mobilePhone,
    ...(fields.homePhone ? { homePhone: fields.homePhone.replaceAll(' ', '') } : {}),
    ...(email1
      ? { email1: random.chance(0.5) ? `"${givenName} ${familyName}" <${email1}>` : email1.toUpperCase() }
      : {}),
    ...(company ? { company: company.replace(/ (AS|DA)$/, ''), ...(businessPhone ? { businessPhone } : {}) } : {}),
    ...(fields.birthday ? { birthday: fields.birthday } : {}),
    // The phone alone knows this.
    ...(random.chance(0.3) ? { nickname: `Nick ${random.below(1_000)}` } : {}),
  };
}

/** One letter doubled, left out or changed: of a long name only. */
function misspelled(random: Random, name: string): string {
  if (!/^[A-Za-z]{6,}$/.test(name)) return name;
  const at = 1 + random.below(name.length - 2);
  const how = random.below(3);
  if (how === 0) return name.slice(0, at) + name[at] + name.slice(at);
  if (how === 1) return name.slice(0, at) + name.slice(at + 1);
  return name.slice(0, at) + (name[at + 1] as string) + (name[at] as string) + name.slice(at + 2);
}

function unaccented(name: string): string {
  return name.replace('å', 'aa').replace('Å', 'Aa').replace('ø', 'oe').replace('Ø', 'Oe').replace('æ', 'ae');
}

function plain(name: string): string {
  return unaccented(name)
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '');
}

/** Roughly, and by another measure than the one that is tested. */
function soundsLike(a: string, b: string): boolean {
  const bare = (name: string) => plain(name).replaceAll('aa', 'a').replaceAll('h', '').replaceAll(/(.)\1/g, '$1');
  return bare(a) === bare(b);
}

function mobileOf(random: Random, index: number): string {
  return `9${two(random.below(90) + 10)} ${two(index / 100)} ${two(index)}0`;
}

function two(value: number): string {
  return String(Math.floor(value) % 100).padStart(2, '0');
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [result[at], result[other]] = [result[other] as T, result[at] as T];
  }
  return result;
}
