/**
 * Commands of 16.0 and later that speak of one occurrence of a series (AirSyncBase InstanceId, MS-ASAIRS 2.2.2.25).
 */
import type { AppointmentFields, Exception } from '../../../../domain/appointment/fields.ts';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import type { Element } from '../../wbxml/element.ts';
import type { ParseContext, Parsed } from '../port.ts';
import { timeFrameOf } from './parse.ts';
import { keyOf } from './parse-exceptions.ts';
import { parseOccurrence } from './parse-occurrence.ts';
import { Refusal } from './refusal.ts';
import { sameValue } from './same-value.ts';
import { readTime, type TimeFrame } from './times.ts';
import { msOfCompact } from './wire-values.ts';

/** A Change with an InstanceId: the occurrence gets what is said, and keeps what it had of its own. */
export function parseOccurrenceChange(
  data: Element,
  instanceId: string,
  context: ParseContext,
): Parsed<AppointmentFields> {
  const series = context.known as AppointmentFields | undefined;
  if (!series?.recurrence) return new Refusal('InstanceId of what is no series');
  // A zone is sent for the occurrence, if at all: the series keeps its own, and its occurrences are found in it.
  const seriesFrame = frameOf(series);
  const key = keyOfInstance(series, instanceId, seriesFrame);
  if (key instanceof Refusal) return key;
  const frame = { ...timeFrameOf(data, series, context), accountZone: context.timeZone };
  const before = series.exceptions?.[key];
  const known = before && 'changed' in before ? before.changed : undefined;
  const { version, bodyPreferences } = context;
  const changed = parseOccurrence(data, { frame, version, bodyPreferences, key, series, known, partial: true });
  if (changed instanceof Refusal) return changed;
  return withException(series, key, { changed });
}

/**
 * A Delete with an InstanceId: the occurrence no longer takes place. Refused with Status 6 when `instanceId` is no
 * time or names no occurrence of the series.
 */
export function deleteOccurrence(fields: AppointmentFields | undefined, instanceId: string): Parsed<AppointmentFields> {
  if (!fields?.recurrence) return new Refusal('InstanceId of what is no series');
  const key = keyOfInstance(fields, instanceId, frameOf(fields));
  return key instanceof Refusal ? key : withException(fields, key, { deleted: true });
}

function frameOf(series: AppointmentFields): TimeFrame {
  const zone = series.timeZone as TimeZoneName;
  return { zone, accountZone: zone, floatingDays: true };
}

function keyOfInstance(series: AppointmentFields, instanceId: string, frame: TimeFrame): string | Refusal {
  const ms = msOfCompact(instanceId);
  if (ms === undefined) return new Refusal('InstanceId that is no time');
  const originalStart = readTime(ms, series.allDay === true, frame, 'start');
  return keyOf(series, originalStart, series.exceptions) ?? new Refusal('InstanceId of no occurrence');
}

function withException(series: AppointmentFields, key: string, exception: Exception): Parsed<AppointmentFields> {
  if (sameValue(series.exceptions?.[key], exception)) return { kind: 'parsed', patch: { set: {}, cleared: [] } };
  const exceptions = { ...series.exceptions, [key]: exception };
  return { kind: 'parsed', patch: { set: { exceptions }, cleared: [] } };
}
