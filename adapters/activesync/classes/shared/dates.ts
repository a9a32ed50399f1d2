/**
 * Times and days on the wire (MS-ASDTYPE 2.3 dateTime). The domain knows instants (`2026-03-29T01:00:00.000Z`) and
 * days (`2026-03-29`); the wire has only instants, so each kind of day has its rule here.
 */
import { LRUCache } from 'lru-cache';
import type { Instant, PlainDate, TimeZoneName } from '../../../../domain/shared/ids.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const wireTime =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Milliseconds since 1970 of a dateTime, also in the compact form of Calendar (`20260329T010000Z`), without seconds,
 * or as a bare day (midnight). Without an offset it is UTC. Undefined for what is no date of the years 1001 to
 * 9998: with any offset, a result has a year of four digits.
 */
export function parseTime(text: string): number | undefined {
  const match = wireTime.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset = 'Z'] = match;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day));
  if (Number(year) < 1001 || Number(year) > 9998 || Number(month) < 1 || Number(month) > 12) return undefined;
  if (new Date(date).getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return (
    date + Number(hour) * hourMs + Number(minute) * 60_000 + Number(second) * 1000 + milliseconds - offsetMs(offset)
  );
}

function offsetMs(offset: string): number {
  if (offset === 'Z' || offset === 'z') return 0;
  const digits = offset.replace(/\D/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** The instant as the domain writes it; undefined when the text is no time. */
export function parseInstant(text: string): Instant | undefined {
  const time = parseTime(text);
  return time === undefined ? undefined : instantOf(time);
}

function instantOf(time: number): Instant {
  return new Date(time).toISOString() as Instant;
}

const plainDate = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Whether the text is a day of the calendar. */
export function isPlainDate(text: string): text is PlainDate {
  return plainDate.test(text) && parseTime(text) !== undefined;
}

function dayOf(time: number): PlainDate {
  return new Date(time).toISOString().slice(0, 10) as PlainDate;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** The zone's offset from UTC at an instant, in milliseconds; east is positive. @throws RangeError: no such zone. */
export function zoneOffsetMs(time: number, zone: TimeZoneName): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const parts: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(time)) parts[type] = value;
  const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year);
  const local = Date.UTC(
    year,
    Number(parts.month) - 1,
    Number(parts.day),
    Number(parts.hour),
    Number(parts.minute),
    Number(parts.second),
  );
  return local - Math.floor(time / 1000) * 1000;
}

/** The instant at which a day begins in the zone (the first one after a gap at midnight). */
export function startOfDay(day: PlainDate, zone: TimeZoneName): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const first = midnight - zoneOffsetMs(midnight, zone);
  const offset = zoneOffsetMs(first, zone);
  const second = midnight - offset;
  return first === second || zoneOffsetMs(second, zone) === offset ? second : Math.max(first, second);
}

/** The day on which an instant falls in the zone. */
export function dayInZone(time: number, zone: TimeZoneName): PlainDate {
  return dayOf(time + zoneOffsetMs(time, zone));
}

function isMidnightIn(time: number, zone: TimeZoneName): boolean {
  return (time + zoneOffsetMs(time, zone)) % dayMs === 0;
}

/**
 * The day that a client means by a Birthday or Anniversary. Clients send 00:00Z, 08:00Z, 11:00Z, 11:59Z or 12:00Z of
 * the day, or the instant of its midnight in their own zone. The nearest midnight of UTC, noon counting back, is the
 * day meant in all of these, from UTC-12 to UTC+11, wherever the client is. Only further east is midnight as early as
 * others' noon: there the instant of midnight in the person's zone counts as that.
 */
export function parseBirthday(text: string, zone: TimeZoneName): PlainDate | undefined {
  const time = parseTime(text);
  if (time === undefined) return undefined;
  const offset = time % dayMs === 0 ? 0 : zoneOffsetMs(time, zone);
  if (offset >= 12 * hourMs && isMidnightIn(time, zone)) return dayOf(time + offset);
  return dayOf(Math.ceil((time - 12 * hourMs) / dayMs) * dayMs);
}

/** Zones that were ever so far east that 11:59Z is tomorrow there are few; for the others no offset is looked up. */
const farEast = new Map<string, boolean>();

function isFarEast(zone: TimeZoneName): boolean {
  let known = farEast.get(zone);
  if (known === undefined) {
    known = ['2000-01-01', '2000-07-01', '2024-01-01', '2024-07-01'].some(
      (day) => zoneOffsetMs(Date.parse(day), zone) > 12 * hourMs,
    );
    farEast.set(zone, known);
  }
  return known;
}

/**
 * A birthday on the wire: 11:59Z of the day, as Exchange writes it. It is the same day for clients that read the date
 * in UTC and for those that read it in their own zone, from UTC-11 to UTC+12; `parseBirthday` gives the day back.
 * People further east get 09:59Z, which is the same day up to UTC+14.
 */
export function formatBirthday(day: string, zone: TimeZoneName): string {
  const noon = `${day}T11:59:00.000Z`;
  if (!isFarEast(zone)) return noon;
  return dayInZone(Date.parse(noon), zone) === day ? noon : `${day}T09:59:00.000Z`;
}

/**
 * A day that the wire holds as local time with a Z (Tasks StartDate, DueDate, Recurrence Start and Until): midnight of
 * that day. Clients that send the instant of midnight instead are understood too.
 */
export function parseLocalDay(text: string, zone: TimeZoneName): PlainDate | undefined {
  const time = parseTime(text);
  if (time === undefined) return undefined;
  return time % dayMs !== 0 && isMidnightIn(time, zone) ? dayInZone(time, zone) : dayOf(time);
}

export function formatLocalDay(day: string): string {
  return `${day}T00:00:00.000Z`;
}

/** A day that the wire holds as the instant of its midnight in the person's zone; 00:00Z is taken for the day in UTC. */
export function parseUtcDay(text: string, zone: TimeZoneName): PlainDate | undefined {
  const time = parseTime(text);
  if (time === undefined) return undefined;
  return time % dayMs === 0 ? dayOf(time) : dayInZone(time, zone);
}

/** Looking up a zone's offset costs ten times the rest of a task, and tasks of one folder share their days. */
const midnights = new LRUCache<string, Instant>({ max: 4096 });

export function formatUtcDay(day: PlainDate, zone: TimeZoneName): string {
  const key = `${day} ${zone}`;
  let midnight = midnights.get(key);
  if (midnight === undefined) midnights.set(key, (midnight = instantOf(startOfDay(day, zone))));
  return midnight;
}
