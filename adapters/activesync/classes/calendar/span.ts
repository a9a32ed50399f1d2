/**
 * When an appointment takes place, from what a device says of it, which may be half or nothing.
 */
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import { dateOf, dayOf, dayOfMs, epochMsOf, instantOf, MS_PER_DAY } from '../../../../domain/shared/time.ts';
import { zoneArithmetic } from '../../time-zone/index.ts';
import { Refusal } from './refusal.ts';
import type { TimeFrame } from './times.ts';
import { msOfCompact } from './wire-values.ts';

/** Start and end: instants or, for all-day appointments, days. */
export interface Span {
  readonly start: string;
  readonly end: string;
}

const halfHourMs = 30 * 60_000;

/**
 * A new appointment without one of its times lasts half an hour, or the day. One without either starts at the half
 * hour after it was made (MS-ASCAL 3.2.4.4, with the device's DtStamp for the clock).
 */
export function newSpan(
  start: string | undefined,
  end: string | undefined,
  dtStamp: string | undefined,
  allDay: boolean,
  frame: TimeFrame,
): Span | Refusal {
  if (start === undefined) {
    const madeMs = msOfCompact(dtStamp ?? '');
    if (end !== undefined) return { start: moved(end, allDay ? -MS_PER_DAY : -halfHourMs), end };
    if (madeMs === undefined) return new Refusal('Appointment without times');
    const startMs = Math.ceil(madeMs / halfHourMs) * halfHourMs;
    const day = dateOf(dayOfMs(zoneArithmetic.toWallClock(frame.zone, startMs)));
    return spanFrom(allDay ? day : instantOf(startMs), undefined, allDay);
  }
  return spanFrom(start, end, allDay);
}

function spanFrom(start: string, end: string | undefined, allDay: boolean): Span | Refusal {
  if (allDay) {
    // Some devices end an all-day event when it begins.
    return { start, end: end === undefined || end <= start ? moved(start, MS_PER_DAY) : end };
  }
  if (end === undefined) return { start, end: moved(start, halfHourMs) };
  return end < start ? new Refusal('Appointment that ends before it starts') : { start, end };
}

/** The same kind of time, so much later. */
function moved(time: string, ms: number): string {
  const day = dayOf(time);
  return Number.isNaN(day) ? instantOf(epochMsOf(time) + ms) : dateOf(day + Math.round(ms / MS_PER_DAY));
}

/** A start alone moves the appointment, length and all. */
export function changedSpan(
  known: AppointmentFields,
  start: string | undefined,
  end: string | undefined,
  allDay: boolean,
  frame: TimeFrame,
): Span | Refusal {
  const before = allDay === (known.allDay === true) ? known : convertedSpan(known, allDay, frame);
  if (start === undefined && end === undefined) return { start: before.start, end: before.end };
  const lengthMs = epochMsOf(before.end) - epochMsOf(before.start);
  if (start !== undefined && end === undefined && lengthMs >= 0) return { start, end: moved(start, lengthMs) };
  return spanFrom(start ?? before.start, end, allDay);
}

/** The days that a timed appointment touches, or the midnights of an all-day one. */
function convertedSpan({ start, end }: AppointmentFields, allDay: boolean, { zone }: TimeFrame): Span {
  if (!allDay) {
    const midnight = (day: string): string => {
      const ms = dayOf(day) * MS_PER_DAY;
      return Number.isNaN(ms) ? day : instantOf(zoneArithmetic.toEpochMs(zone, ms));
    };
    return { start: midnight(start), end: midnight(end) };
  }
  const first = zoneArithmetic.toWallClock(zone, epochMsOf(start)) / MS_PER_DAY;
  const last = zoneArithmetic.toWallClock(zone, epochMsOf(end)) / MS_PER_DAY;
  if (Number.isNaN(first) || Number.isNaN(last)) return { start, end };
  return { start: dateOf(Math.floor(first)), end: dateOf(Math.max(Math.ceil(last), Math.floor(first) + 1)) };
}
