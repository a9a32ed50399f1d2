/**
 * Exceptions of a series, from the wire: as a list up to 14.1 (MS-ASCAL 2.2.2.22), one by one from 16.0.
 */
import type { AppointmentFields, Exception } from '../../../../domain/appointment/fields.ts';
import { occurrenceKey } from '../../../../domain/appointment/recurrence.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { dateOf, dayOf, dayOfMs, epochMsOf, instantOf, MS_PER_DAY } from '../../../../domain/shared/time.ts';
import { zoneArithmetic } from '../../time-zone/index.ts';
import { Calendar } from '../../wbxml/code-pages/index.ts';
import { childrenOf, type Element, textOf } from '../../wbxml/element.ts';
import type { ParseContext } from '../port.ts';
import { originalStartIn, parseOccurrence } from './parse-occurrence.ts';
import { Refusal } from './refusal.ts';
import { exceptionsUntold } from './render.ts';
import type { TimeFrame } from './times.ts';
import { booleanOf } from './wire-values.ts';

export type Exceptions = Record<string, Exception>;

/** The specification allows 256; some devices keep years of changes. */
const exceptionsMax = 1_000;

export interface ExceptionsContext extends Pick<ParseContext, 'version' | 'bodyPreferences'> {
  readonly frame: TimeFrame;
  /** What the device had of the series' exceptions. */
  readonly known?: Readonly<Exceptions>;
}

/**
 * The whole list; what the device leaves out is no exception any more. `series` is the series as it will be. An exception
 * whose original start is on no occurrence is kept under what was sent.
 */
export function parseExceptions(
  element: Element,
  series: AppointmentFields,
  context: ExceptionsContext,
): Exceptions | Refusal {
  const { frame, known } = context;
  const read: Exceptions = exceptionsUntold(known);
  const exceptions = childrenOf(element, Calendar.Exception);
  if (exceptions.length > exceptionsMax) return new Refusal('Too many exceptions');
  for (const exception of exceptions) {
    const originalStart = originalStartIn(exception, series.allDay === true, frame);
    if (originalStart === undefined) return new Refusal('Exception without its original start');
    if (originalStart instanceof Refusal) return originalStart;
    const key = keyOf(series, originalStart, known) ?? originalStart;
    if (booleanOf(textOf(exception, Calendar.Deleted))) {
      read[key] ??= { deleted: true };
      continue;
    }
    const before = known?.[key];
    const own = before && 'changed' in before ? before.changed : undefined;
    const changed = parseOccurrence(exception, { ...context, key, series, known: own, partial: false });
    if (changed instanceof Refusal) return changed;
    read[key] = { changed };
  }
  return read;
}

/** The occurrence that an original start means: a known exception's, else the pattern's on that day. */
export function keyOf(
  series: AppointmentFields,
  originalStart: string,
  known: Readonly<Exceptions> | undefined,
): string | undefined {
  if (known && Object.hasOwn(known, originalStart)) return originalStart;
  return occurrenceKey(series, originalStart, zoneArithmetic);
}

/**
 * The exceptions after the series' hour, zone or all-day nature has changed: each stays with the occurrence of its day.
 * One whose day has no occurrence any more keeps its key, so that nothing is lost should the series move back.
 */
export function rekeyed(
  exceptions: Readonly<Exceptions>,
  before: AppointmentFields,
  after: AppointmentFields,
): Readonly<Exceptions> {
  const isSame = (name: 'start' | 'allDay' | 'timeZone'): boolean => (before[name] ?? false) === (after[name] ?? false);
  if (isSame('start') && isSame('allDay') && isSame('timeZone')) return exceptions;
  const moved: Exceptions = {};
  for (const [key, exception] of Object.entries(exceptions)) {
    moved[occurrenceKey(after, onDay(key, before, after), zoneArithmetic) ?? key] = exception;
  }
  return moved;
}

/** The day of the key in the old series, as an original start of the new one. */
function onDay(key: string, before: AppointmentFields, after: AppointmentFields): string {
  const day = before.allDay
    ? dayOf(key)
    : dayOfMs(zoneArithmetic.toWallClock(before.timeZone as TimeZoneName, epochMsOf(key)));
  if (!(Math.abs(day) < 1e6)) return key;
  const noon = day * MS_PER_DAY + MS_PER_DAY / 2;
  return after.allDay ? dateOf(day) : instantOf(zoneArithmetic.toEpochMs(after.timeZone as TimeZoneName, noon));
}
