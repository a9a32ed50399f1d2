import { Temporal } from 'temporal-polyfill';

/** Instants and days the office can hold: .NET's years, less the first, which stands for no value. */
const minMs = Date.UTC(1601, 0, 1);
const maxMs = Date.UTC(9998, 11, 31);

const day = /^\d{4}-\d{2}-\d{2}$/;
const wholeMinute = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:00\.000Z$/;

/** An ISO 8601 instant cut down to its minute; undefined when it is none, or out of the office's range. */
export function minuteInstant(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = Date.parse(value);
  if (Number.isNaN(ms) || ms < minMs || ms > maxMs) return undefined;
  if (wholeMinute.test(value)) return value;
  return new Date(ms - (((ms % 60_000) + 60_000) % 60_000)).toISOString();
}

/** A day `2026-03-29`, or the day an instant begins with; undefined when there is no such day. */
export function plainDay(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.slice(0, 10);
  if (!day.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00.000Z`);
  if (Number.isNaN(ms) || ms < minMs || ms > maxMs) return undefined;
  return new Date(ms).toISOString().slice(0, 10) === text ? text : undefined;
}

/** Whether this is a time zone that can be computed with. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The instant at which a day begins in a time zone. Throws a RangeError for a day or a zone that is none. */
export const dayStart = (value: string, timeZone: string): string =>
  new Date(Temporal.PlainDate.from(value).toZonedDateTime(timeZone).epochMilliseconds).toISOString();

/** The day an instant falls on in a time zone. Throws a RangeError for an instant or a zone that is none. */
export const dayOf = (instant: string, timeZone: string): string =>
  Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone).toPlainDate().toString();
