/**
 * Names of zones: IANA, Windows (CLDR's table by `windows-iana`), and the display strings that devices put into a
 * TimeZone structure instead.
 */
import { LRUCache } from 'lru-cache';
import { findWindows, WINDOWS_TO_IANA_MAP } from 'windows-iana';
import type { TimeZoneName } from '../../../domain/shared/ids.ts';
import { isTimeZone } from './zone-arithmetic.ts';

/** Windows name, in lower case, to its zones; CLDR's choice for the whole group is the first. */
const zonesByWindowsName = new Map<string, TimeZoneName[]>();
/** The last part of each zone's name, in lower case: `oslo`, `new york`. */
const zonesByCity = new Map<string, TimeZoneName>();

for (const { windowsName, iana, territory } of WINDOWS_TO_IANA_MAP) {
  const zones = (iana as readonly string[]).filter(isTimeZone) as TimeZoneName[];
  const key = windowsName.toLowerCase();
  const group = zonesByWindowsName.get(key) ?? [];
  for (const zone of zones) if (!group.includes(zone)) territory === '001' ? group.unshift(zone) : group.push(zone);
  zonesByWindowsName.set(key, group);
  for (const zone of zones) {
    const city = zone
      .slice(zone.lastIndexOf('/') + 1)
      .replaceAll('_', ' ')
      .toLowerCase();
    if (!zonesByCity.has(city)) zonesByCity.set(city, zone);
  }
}

const windowsNames = new LRUCache<string, { name: string | undefined }>({ max: 1_000 });

/** `W. Europe Standard Time` of `Europe/Oslo`; undefined for a zone that Windows has no name for. */
export function windowsNameOf(zone: string): string | undefined {
  const cached = windowsNames.get(zone);
  if (cached !== undefined) return cached.name;
  const name: string | undefined = findWindows(zone)[0] ?? findWindows(canonicalName(zone))[0];
  windowsNames.set(zone, { name });
  return name;
}

/** The name that ICU, and with it CLDR's table, knows the zone by: `Europe/Kiev` for `Europe/Kyiv`. */
function canonicalName(zone: string): string {
  return isTimeZone(zone) ? new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone : zone;
}

/**
 * The zones that a name in a TimeZone structure can mean, best first; empty when it means nothing to us (a localized
 * name, say). Known are Windows names (also cut off), IANA names, and display strings with cities such as
 * `(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna`.
 */
export function zonesNamed(name: string): readonly TimeZoneName[] {
  if (name === '') return [];
  const key = name.toLowerCase();
  const group = zonesByWindowsName.get(key) ?? groupBeginning(key);
  if (group !== undefined) return group;
  if (name.includes('/') && isTimeZone(name)) return [name];
  return citiesIn(key);
}

/** The field holds 31 characters, so long names arrive without their end. */
function groupBeginning(key: string): readonly TimeZoneName[] | undefined {
  if (key.length < 28) return undefined;
  for (const [windowsName, zones] of zonesByWindowsName) if (windowsName.startsWith(key)) return zones;
  return undefined;
}

function citiesIn(key: string): TimeZoneName[] {
  const cities = key.replace(/^\((?:utc|gmt)[^)]*\)\s*/, '').split(/[,;/]/);
  const zones = cities.map((city) => zonesByCity.get(city.trim())).filter((zone) => zone !== undefined);
  return [...new Set(zones)];
}

const longNames = new LRUCache<string, string>({ max: 500 });

/** ICU's English name of a zone's standard time: what Apple devices may send (`Central European Standard Time`). */
export function englishStandardName(zone: string): string {
  const cached = longNames.get(zone);
  if (cached !== undefined) return cached;
  let name = '';
  for (const month of [0, 6]) {
    const parts = isTimeZone(zone)
      ? new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'long' }).formatToParts(Date.UTC(2026, month, 1))
      : [];
    const long = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    if (name === '' || long.includes('Standard')) name = long;
  }
  longNames.set(zone, name);
  return name;
}

/** All zones that have a Windows name, each once, those that a European company most likely means first. */
export function commonZones(): readonly TimeZoneName[] {
  allZones ??= [...new Set([...likely.filter(isTimeZone), ...[...zonesByWindowsName.values()].flat()])];
  return allZones;
}

let allZones: readonly TimeZoneName[] | undefined;

const likely = [
  'Europe/Oslo',
  'Europe/London',
  'Europe/Helsinki',
  'Europe/Lisbon',
  'Europe/Istanbul',
  'Europe/Moscow',
  'Atlantic/Reykjavik',
  'America/New_York',
  'America/Chicago',
  'America/Denver',
  'America/Los_Angeles',
  'Asia/Kolkata',
  'Asia/Shanghai',
  'Asia/Tokyo',
  'Australia/Sydney',
];
