/** What comparing items needs from outside: the numbering plans of all countries, and a measure of spelling. */
import { distance } from 'fastest-levenshtein';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { LRUCache } from 'lru-cache';
import type { Likening } from '../../domain/matching/person.ts';
import type { TimeZoneName } from '../../domain/shared/ids.ts';

/** Where a number without a country code is meant to be; else Norway, where this is used. */
const countryOf: Readonly<Record<string, CountryCode>> = {
  'Europe/Oslo': 'NO',
  'Arctic/Longyearbyen': 'NO',
  'Europe/Stockholm': 'SE',
  'Europe/Copenhagen': 'DK',
  'Europe/Helsinki': 'FI',
  'Atlantic/Reykjavik': 'IS',
  'Atlantic/Faroe': 'FO',
  'Europe/London': 'GB',
  'Europe/Dublin': 'IE',
  'Europe/Berlin': 'DE',
  'Europe/Amsterdam': 'NL',
  'Europe/Brussels': 'BE',
  'Europe/Paris': 'FR',
  'Europe/Madrid': 'ES',
  'Europe/Rome': 'IT',
  'Europe/Vienna': 'AT',
  'Europe/Zurich': 'CH',
  'Europe/Warsaw': 'PL',
  'Europe/Tallinn': 'EE',
  'Europe/Riga': 'LV',
  'Europe/Vilnius': 'LT',
};

/** Fewer digits are an extension or a short code, which every company has. */
const digitsMin = 5;
const numberLengthMax = 60;
const remembered = new LRUCache<string, string>({ max: 20_000 });

/** @param timeZone the person's: in which country a telephone number without its code is. */
export function likeningFor(timeZone: TimeZoneName): Likening {
  const country = countryOf[timeZone] ?? 'NO';
  return { distance, number: (text) => normalNumber(text, country) };
}

function normalNumber(text: string, country: CountryCode): string {
  if (text.length > numberLengthMax) return '';
  const name = `${country} ${text}`;
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const digits = text.replaceAll(/\D/g, '');
  const parsed = digits.length < digitsMin ? undefined : parsePhoneNumberFromString(text, country);
  // With its extension it is another's: a switchboard has many.
  const number = parsed?.isPossible() ? `${parsed.number}${parsed.ext ? `x${parsed.ext}` : ''}` : digits;
  const normal = digits.length < digitsMin ? '' : number;
  remembered.set(name, normal);
  return normal;
}
