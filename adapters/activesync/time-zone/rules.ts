/**
 * Between the changes of offset that a zone really has and the yearly rules that a TimeZone structure can say.
 */
import {
  civilDay,
  dayNumber,
  dayOfMs,
  daysInMonth,
  MS_PER_DAY,
  MS_PER_MINUTE,
  weekdayOf,
} from '../../../domain/shared/time.ts';
import { hasSummerTime, noTransition, type TransitionRule, type ZoneRules } from './time-zone-information.ts';
import { type Transition, zoneYear } from './zone-arithmetic.ts';

/** Standard time and summer time of a zone in a year: the greater offset is summer time. */
interface SummerTime {
  readonly toDaylight: Transition;
  readonly toStandard: Transition;
}

/**
 * The rules of the zone in a UTC year. A zone whose year is not one winter and one summer (it gives summer time up, or
 * changes four times) is said to have none, with the offset that the year ends with.
 */
export function rulesOf(zone: string, year: number): ZoneRules {
  const summer = summerTimeOf(zone, year);
  const bias = standardBiasOf(zone, year);
  if (summer === undefined) return { bias, ...neverSummer };
  return {
    bias,
    standardBias: 0,
    standardDate: ruleOf(zone, year, 'toStandard', summer.toStandard),
    daylightBias: biasOf(summer.toDaylight.offsetAfterMs) - bias,
    daylightDate: ruleOf(zone, year, 'toDaylight', summer.toDaylight),
  };
}

const neverSummer = { standardBias: 0, standardDate: noTransition, daylightBias: 0, daylightDate: noTransition };

/** Minutes west of UTC outside of summer time. */
export function standardBiasOf(zone: string, year: number): number {
  const { offsetMs, transitions } = zoneYear(zone, year);
  return biasOf(summerTimeOf(zone, year)?.toStandard.offsetAfterMs ?? transitions.at(-1)?.offsetAfterMs ?? offsetMs);
}

function biasOf(offsetMs: number): number {
  // `0 -` rather than `-`: there must be no negative zero.
  return 0 - Math.round(offsetMs / MS_PER_MINUTE);
}

export function summerTimeOf(zone: string, year: number): SummerTime | undefined {
  const [first, second, third] = zoneYear(zone, year).transitions;
  if (first === undefined || second === undefined || third !== undefined) return undefined;
  if (first.offsetAfterMs !== second.offsetBeforeMs || first.offsetBeforeMs !== second.offsetAfterMs) return undefined;
  return first.offsetAfterMs > first.offsetBeforeMs
    ? { toDaylight: first, toStandard: second }
    : { toDaylight: second, toStandard: first };
}

interface Candidate {
  readonly day: number;
  readonly msOfDay: number;
  readonly nth: number;
}

/**
 * Any date is some weekday of its month; which reading is the rule (the fourth Sunday or the last? Friday at midnight
 * or the end of Thursday?) shows in the years beside it. A series renders one rule for all its years.
 */
function ruleOf(zone: string, year: number, direction: keyof SummerTime, transition: Transition): TransitionRule {
  const candidates = readingsOf(transition);
  const neighbours = [year - 1, year + 1, year - 2, year + 2].map((other) => summerTimeOf(zone, other)?.[direction]);
  const score = (candidate: Candidate): number =>
    neighbours.filter((other) => other !== undefined && followsRule(other, candidate)).length;
  let best = candidates[0]!;
  for (const candidate of candidates) if (score(candidate) > score(best)) best = candidate;
  return {
    year: 0,
    month: civilDay(best.day).month,
    dayOfWeek: weekdayOf(best.day),
    day: best.nth,
    hour: Math.floor(best.msOfDay / 3_600_000),
    minute: Math.floor(best.msOfDay / MS_PER_MINUTE) % 60,
    second: Math.floor(best.msOfDay / 1000) % 60,
    milliseconds: best.msOfDay % 1000,
  };
}

function readingsOf(transition: Transition): Candidate[] {
  const wallClock = transition.epochMs + transition.offsetBeforeMs;
  const readings = nthReadings(dayOfMs(wallClock), wallClock - dayOfMs(wallClock) * MS_PER_DAY);
  // Windows writes midnight at the end of a day as its last millisecond.
  return wallClock % MS_PER_DAY === 0
    ? [...readings, ...nthReadings(dayOfMs(wallClock) - 1, MS_PER_DAY - 1)]
    : readings;
}

function nthReadings(day: number, msOfDay: number): Candidate[] {
  const { year, month, dayOfMonth } = civilDay(day);
  const nth = Math.ceil(dayOfMonth / 7);
  const isLast = dayOfMonth + 7 > daysInMonth(year, month);
  const readings: Candidate[] = isLast ? [{ day, msOfDay, nth: 5 }] : [];
  if (nth < 5) readings.push({ day, msOfDay, nth });
  return readings;
}

function followsRule(transition: Transition, { day, msOfDay, nth }: Candidate): boolean {
  return readingsOf(transition).some(
    (other) =>
      other.nth === nth &&
      other.msOfDay === msOfDay &&
      weekdayOf(other.day) === weekdayOf(day) &&
      civilDay(other.day).month === civilDay(day).month,
  );
}

/** When the rule strikes in a year, on the wall clock before the change. */
export function wallClockOfRule(rule: TransitionRule, year: number): number {
  const time = ((rule.hour * 60 + rule.minute) * 60 + rule.second) * 1000 + rule.milliseconds;
  // 23:59:59.999 stands for the midnight that follows.
  const rounded = Math.ceil(time / 1000) * 1000;
  return dayOfRule(rule, year) * MS_PER_DAY + rounded;
}

function dayOfRule(rule: TransitionRule, year: number): number {
  if (rule.year > 0) return dayNumber(year, rule.month, Math.min(rule.day, daysInMonth(year, rule.month)));
  const first = dayNumber(year, rule.month, 1);
  const offset = (rule.dayOfWeek - weekdayOf(first) + 7) % 7;
  const day = offset + (Math.min(rule.day, 5) - 1) * 7;
  return first + (day >= daysInMonth(year, rule.month) ? day - 7 : day);
}

/** The wall clock of a structure's zone at a moment, in milliseconds. */
export function wallClockIn(information: ZoneRules, epochMs: number): number {
  const standardMs = -(information.bias + information.standardBias) * MS_PER_MINUTE;
  if (!hasSummerTime(information)) return epochMs + standardMs;
  const daylightMs = -(information.bias + information.daylightBias) * MS_PER_MINUTE;
  const year = new Date(epochMs + standardMs).getUTCFullYear();
  const start = wallClockOfRule(information.daylightDate, year) - standardMs;
  const end = wallClockOfRule(information.standardDate, year) - daylightMs;
  const inSummer = start < end ? epochMs >= start && epochMs < end : epochMs >= start || epochMs < end;
  return epochMs + (inSummer ? daylightMs : standardMs);
}
