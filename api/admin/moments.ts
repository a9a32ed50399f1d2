/** Times as people write them: instants, or days and times of day in the zone of whom they speak of. */
import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import type { Instant, Position, TimeZoneName } from '../../domain/shared/ids.ts';

const isoTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

export const momentText = z
  .string()
  .regex(isoTime, 'must be a day like 2026-11-17 or a time like 2026-11-17T08:30 or 2026-11-17T07:30:00Z')
  .refine((text) => instantOf(text, 'UTC' as TimeZoneName) !== undefined, { message: 'is no day of the calendar' });

/** A moment, or a position in the log of a tenant as other answers name it. */
export const atText = z
  .union([z.string().regex(/^\d{1,15}$/), momentText], {
    error: 'must be a position of the log, a day like 2026-11-17 or a time like 2026-11-17T08:30',
  })
  .describe("A position, a time, or a day (its beginning), in the person's time zone unless it says another");

/** Of a text that {@link atText} let pass. */
export function atOf(text: string, zone: TimeZoneName): Instant | Position | undefined {
  return /^\d+$/.test(text) ? (Number(text) as Position) : instantOf(text, zone);
}

/** A day means its beginning. Undefined for what is no time. */
export function instantOf(text: string, zone: TimeZoneName): Instant | undefined {
  try {
    const ms = /(Z|[+-]\d{2}:\d{2})$/.test(text.slice(10))
      ? Temporal.Instant.from(text).epochMilliseconds
      : Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds;
    return new Date(ms).toISOString() as Instant;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
