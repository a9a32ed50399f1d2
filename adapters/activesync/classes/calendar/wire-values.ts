/**
 * The numbers and date forms of MS-ASCAL and what they mean in the domain.
 */
import type { Attendee, OccurrenceFields } from '../../../../domain/appointment/fields.ts';
import type { Sensitivity } from '../../../../domain/item/fields.ts';

export type BusyStatus = NonNullable<OccurrenceFields['busyStatus']>;

/** Index is the value on the wire. */
export const busyStatuses: readonly BusyStatus[] = ['free', 'tentative', 'busy', 'outOfOffice', 'workingElsewhere'];
export const sensitivities: readonly Sensitivity[] = ['normal', 'personal', 'private', 'confidential'];
/** The value 1 does not exist (MS-ASCAL 2.2.2.4). */
export const attendeeStatuses: readonly (Attendee['status'] | undefined)[] = [
  'unknown',
  undefined,
  'tentative',
  'accepted',
  'declined',
  'notResponded',
];
/** The value 0 does not exist (MS-ASCAL 2.2.2.5). */
export const attendeeTypes: readonly (Attendee['type'] | undefined)[] = [undefined, 'required', 'optional', 'resource'];
/** A whole number without sign, as all numbers of the class are; undefined for anything else. */
export function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim();
  return trimmed !== undefined && /^\d{1,9}$/.test(trimmed) ? Number(trimmed) : undefined;
}

/** Sloppy clients write words. */
export function booleanOf(text: string | undefined): boolean | undefined {
  const trimmed = text?.trim().toLowerCase();
  if (trimmed === '1' || trimmed === 'true') return true;
  return trimmed === '0' || trimmed === 'false' ? false : undefined;
}

const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Compact DateTime (MS-ASDTYPE 2.7.2) of an instant: `20260329T080000Z`; undefined when it is none. */
export function compactOf(instant: string): string | undefined {
  if (instantPattern.test(instant)) {
    return `${instant.slice(0, 4)}${instant.slice(5, 7)}${instant.slice(8, 13)}${instant.slice(14, 16)}${instant.slice(17, 19)}Z`;
  }
  const ms = Date.parse(instant);
  return isTellable(ms) ? compactOfMs(ms) : undefined;
}

/** Undefined outside of the years that four digits and our zones can tell. */
export function compactOfMs(ms: number): string | undefined {
  return isTellable(ms) ? compactOf(new Date(ms).toISOString()) : undefined;
}

const firstMs = Date.UTC(1601, 0, 1);
const lastMs = Date.UTC(2299, 11, 31);

function isTellable(ms: number): boolean {
  return ms >= firstMs && ms <= lastMs;
}

const dateTimePattern = /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2})(?:\.\d{1,7})?Z?)?$/;

/**
 * Reads a Compact DateTime, a long one (MS-ASDTYPE 2.7.1) or a bare day as epoch milliseconds, whole seconds.
 * Undefined when the text is neither, names no existing moment, or lies outside of the years 1601 to 2299.
 */
export function msOfCompact(text: string): number | undefined {
  const match = dateTimePattern.exec(text.trim());
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  const ms = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  const read = new Date(ms);
  const exists =
    read.getUTCDate() === day && read.getUTCMonth() === month! - 1 && hour! < 24 && minute! < 60 && second! < 60;
  return exists && isTellable(ms) ? ms : undefined;
}
