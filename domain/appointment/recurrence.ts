/**
 * The occurrences of an appointment: its pattern, less what was deleted, with what was changed. Times are computed on
 * the wall clock of the series' own zone, so a meeting at nine stays at nine through the changes of summer time.
 */
import type { Instant, TimeZoneName } from '../shared/ids.ts';
import { dateOf, dayOf, dayOfMs, epochMsOf, instantOf, MS_PER_DAY, type ZoneArithmetic } from '../shared/time.ts';
import type { AppointmentFields, OccurrenceFields } from './fields.ts';
import { patternDays } from './recurrence-days.ts';

/** What of an appointment says when it takes place. */
export type Schedule = Pick<AppointmentFields, 'start' | 'end' | 'allDay' | 'timeZone' | 'recurrence' | 'exceptions'>;

/** Instants for a timed occurrence; days (`end` exclusive) for an all-day one. */
export interface Occurrence {
  /** The original start, which names the occurrence in `exceptions` (RECURRENCE-ID). */
  readonly key: string;
  readonly start: string;
  readonly end: string;
  readonly allDay: boolean;
  /** What this one has of its own. */
  readonly changed?: OccurrenceFields;
}

/** Beyond these nothing is computed: 1600-01-01 and 2300-01-01. */
const firstDayEver = -135_140;
const lastDayEver = 120_530;

function isWithinTime(ms: number): boolean {
  return ms >= firstDayEver * MS_PER_DAY && ms <= lastDayEver * MS_PER_DAY;
}

/** One place of the pattern; of an all-day series in UTC. */
interface Slot {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Reads the schedule once. Undefined when its times are no times at all. */
interface Series {
  readonly zone: TimeZoneName;
  readonly allDay: boolean;
  readonly startDay: number;
  readonly msOfDay: number;
  readonly durationMs: number;
  /** Inclusive: a moment, or a day's midnight in UTC. */
  readonly untilMs: number;
}

function seriesOf(schedule: Schedule, zones: ZoneArithmetic): Series | undefined {
  const zone = schedule.timeZone as TimeZoneName;
  const allDay = schedule.allDay === true;
  const startMs = momentOf(schedule.start, allDay);
  const endMs = momentOf(schedule.end, allDay);
  if (!isWithinTime(startMs) || !isWithinTime(endMs)) return undefined;
  const wallClock = allDay ? startMs : zones.toWallClock(zone, startMs);
  const startDay = dayOfMs(wallClock);
  const until = schedule.recurrence?.until;
  return {
    zone,
    allDay,
    startDay,
    msOfDay: wallClock - startDay * MS_PER_DAY,
    durationMs: Math.max(0, endMs - startMs),
    untilMs: until === undefined ? Number.POSITIVE_INFINITY : untilOf(until, allDay),
  };
}

/** Epoch milliseconds of an instant, or of a day's midnight in UTC. */
function momentOf(text: string, allDay: boolean): number {
  return allDay ? dayOf(text) * MS_PER_DAY : epochMsOf(text);
}

/** Tolerates a day as the end of a timed series (its end) and an instant as that of an all-day one (its UTC day). */
function untilOf(until: string, allDay: boolean): number {
  const day = dayOf(until);
  if (!Number.isNaN(day)) return allDay ? day * MS_PER_DAY : (day + 1) * MS_PER_DAY - 1;
  const ms = epochMsOf(until);
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}

/** The pattern's slots from the day on, deleted and changed ones included. */
function* slots(schedule: Schedule, series: Series, zones: ZoneArithmetic, fromDay: number): Generator<Slot, void> {
  const { recurrence } = schedule;
  if (recurrence === undefined) {
    const startMs = momentOf(schedule.start, series.allDay);
    yield { key: schedule.start, startMs, endMs: startMs + series.durationMs };
    return;
  }
  const lastDay = Math.min(lastDayEver, dayOfMs(series.untilMs) + 1);
  const { count } = recurrence;
  // A counted series is counted from its start; an endless one is entered where it is wanted.
  let left = count ?? Number.POSITIVE_INFINITY;
  for (const day of patternDays(
    recurrence,
    series.startDay,
    count === undefined ? fromDay : series.startDay,
    lastDay,
  )) {
    if (left-- <= 0) return;
    if (day < fromDay) continue;
    const slot = slotOn(series, zones, day);
    if (slot.startMs > series.untilMs) return;
    yield slot;
  }
}

function slotOn(series: Series, zones: ZoneArithmetic, day: number): Slot {
  const wallClock = day * MS_PER_DAY + series.msOfDay;
  if (series.allDay) return { key: dateOf(day), startMs: wallClock, endMs: wallClock + series.durationMs };
  const startMs = zones.toEpochMs(series.zone, wallClock);
  return { key: instantOf(startMs), startMs, endMs: startMs + series.durationMs };
}

/**
 * The occurrences that overlap `from` (inclusive) to `to` (exclusive), by their own times, in order of start; at most
 * `limit`. All-day ones are laid onto the time line in the series' zone. A schedule whose times cannot be read has
 * none.
 */
export function occurrences(
  schedule: Schedule,
  from: Instant,
  to: Instant,
  limit: number,
  zones: ZoneArithmetic,
): Occurrence[] {
  const series = seriesOf(schedule, zones);
  if (series === undefined) return [];
  const range = { fromMs: epochMsOf(from), toMs: epochMsOf(to) };
  const exceptions = schedule.recurrence === undefined ? undefined : schedule.exceptions;
  const found: { occurrence: Occurrence; startMs: number }[] = [];
  const add = (occurrence: Occurrence): void => {
    const [startMs, endMs] = spanOf(occurrence, series.zone, zones);
    if (Number.isNaN(startMs) || Number.isNaN(endMs)) return;
    const overlaps = startMs < range.toMs && (endMs > range.fromMs || (startMs === endMs && startMs >= range.fromMs));
    if (overlaps) found.push({ occurrence, startMs });
  };
  // A day's slack covers every zone's distance from UTC.
  const firstDay = dayOfMs(range.fromMs - series.durationMs) - 2;
  for (const slot of slots(schedule, series, zones, firstDay)) {
    if (slot.startMs > range.toMs + 2 * MS_PER_DAY || found.length >= limit) break;
    // Changed ones may have moved anywhere: they follow below.
    if (exceptions?.[slot.key] === undefined) add(occurrenceOf(slot, series.allDay));
  }
  for (const [key, exception] of Object.entries(exceptions ?? {})) {
    if ('changed' in exception) add(changedOccurrence(key, exception.changed, series));
  }
  return found
    .sort((a, b) => a.startMs - b.startMs)
    .slice(0, limit)
    .map(({ occurrence }) => occurrence);
}

function occurrenceOf({ key, startMs, endMs }: Slot, allDay: boolean): Occurrence {
  return allDay
    ? { key, start: dateOf(dayOfMs(startMs)), end: dateOf(dayOfMs(endMs)), allDay }
    : { key, start: instantOf(startMs), end: instantOf(endMs), allDay };
}

/** An own start without an own end keeps the length, as does a key that is no time (then it is nowhere). */
function changedOccurrence(key: string, changed: OccurrenceFields, series: Series): Occurrence {
  const allDay = changed.allDay ?? series.allDay;
  const start = changed.start ?? key;
  if (changed.end !== undefined) return { key, start, end: changed.end, allDay, changed };
  const startMs = momentOf(start, allDay);
  const endMs = startMs + series.durationMs;
  if (!isWithinTime(startMs)) return { key, start, end: start, allDay, changed };
  return { key, start, end: allDay ? dateOf(dayOfMs(endMs)) : instantOf(endMs), allDay, changed };
}

function spanOf({ start, end, allDay }: Occurrence, zone: TimeZoneName, zones: ZoneArithmetic): [number, number] {
  if (!allDay) return [epochMsOf(start), epochMsOf(end)];
  return [zones.toEpochMs(zone, dayOf(start) * MS_PER_DAY), zones.toEpochMs(zone, dayOf(end) * MS_PER_DAY)];
}

/**
 * When the appointment is over for good: the end of its last occurrence; undefined for a series without end (or one
 * that goes on past 2300). An all-day end is midnight in the appointment's zone. A series of which nothing is left
 * ended when it began.
 */
export function lastEnd(schedule: Schedule, zones: ZoneArithmetic): Instant | undefined {
  const series = seriesOf(schedule, zones);
  if (series === undefined) return undefined;
  const { recurrence } = schedule;
  const endless = recurrence !== undefined && recurrence.count === undefined && dayOfMs(series.untilMs) >= lastDayEver;
  if (endless) return undefined;
  const exceptions = recurrence === undefined ? {} : (schedule.exceptions ?? {});
  const { start } = schedule;
  let [lastMs] = spanOf({ key: start, start, end: start, allDay: series.allDay }, series.zone, zones);
  const add = (occurrence: Occurrence): void => {
    const endMs = spanOf(occurrence, series.zone, zones)[1];
    if (endMs > lastMs && isWithinTime(endMs)) lastMs = endMs;
  };
  const last = lastSlot(schedule, series, zones, exceptions);
  if (last !== undefined) add(occurrenceOf(last, series.allDay));
  for (const [key, exception] of Object.entries(exceptions)) {
    if ('changed' in exception) add(changedOccurrence(key, exception.changed, series));
  }
  return instantOf(lastMs);
}

/** The last slot without an exception. Looks back from the end in growing steps: most series have one near it. */
function lastSlot(
  schedule: Schedule,
  series: Series,
  zones: ZoneArithmetic,
  exceptions: Readonly<Record<string, unknown>>,
): Slot | undefined {
  const counted = schedule.recurrence === undefined || schedule.recurrence.count !== undefined;
  const untilDay = dayOfMs(series.untilMs);
  for (let lookBackDays = 64; ; lookBackDays *= 8) {
    const fromDay = counted ? series.startDay : Math.max(series.startDay, untilDay - lookBackDays);
    let last: Slot | undefined;
    for (const slot of slots(schedule, series, zones, fromDay)) if (!(slot.key in exceptions)) last = slot;
    if (last !== undefined || fromDay <= series.startDay) return last;
  }
}

/**
 * The key of the occurrence that someone means by an original start: the one that starts just then, else the one on
 * that day in the series' zone (devices get the hour wrong when the series moved or summer time changed). Undefined
 * when the pattern has none on that day.
 */
export function occurrenceKey(schedule: Schedule, originalStart: string, zones: ZoneArithmetic): string | undefined {
  const series = seriesOf(schedule, zones);
  if (series === undefined || schedule.recurrence === undefined) return undefined;
  const meant = momentOf(originalStart, series.allDay);
  if (!isWithinTime(meant)) return undefined;
  const day = dayOfMs(series.allDay ? meant : zones.toWallClock(series.zone, meant));
  for (const slot of slots(schedule, series, zones, day)) {
    const onDay = series.allDay ? dayOfMs(slot.startMs) : dayOfMs(zones.toWallClock(series.zone, slot.startMs));
    return onDay === day ? slot.key : undefined;
  }
  return undefined;
}
