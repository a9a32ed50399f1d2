/**
 * Appointments as they can be, for property tests: in the form that rendering and parsing agree on (an interval of 1
 * unsaid, empty lists absent, an occurrence's values different from the series').
 */
import fc from 'fast-check';
import type { AppointmentFields, Attendee, Exception, OccurrenceFields } from '../../domain/appointment/fields.ts';
import { occurrences } from '../../domain/appointment/recurrence.ts';
import { weekdays } from '../../domain/appointment/recurrence-days.ts';
import type { Recurrence } from '../../domain/item/schema.ts';
import type { Instant, TimeZoneName } from '../../domain/shared/ids.ts';
import {
  civilDay,
  dateOf,
  dayNumber,
  dayOfMs,
  instantOf,
  MS_PER_DAY,
  weekdayOf,
  type ZoneArithmetic,
} from '../../domain/shared/time.ts';

/** Zones from 12 hours west to 14 east: with and without summer time, on halves and quarters, north and south. */
export const timeZones: readonly TimeZoneName[] = [
  'Europe/Oslo',
  'Europe/London',
  'Europe/Kyiv',
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'America/Phoenix',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Tokyo',
  'Africa/Cairo',
  'Australia/Sydney',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Etc/GMT+12',
].map((name) => name as TimeZoneName);

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .map((value) => value.replaceAll('\0', '').trim())
  .filter((value) => value !== '');
const email = fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.example$/);
const firstDay = dayNumber(2015, 1, 1);
const lastDay = dayNumber(2035, 12, 31);

const attendees: fc.Arbitrary<Attendee[]> = fc.uniqueArray(
  fc.record(
    {
      email,
      name: text,
      type: fc.constantFrom('required', 'optional', 'resource'),
      status: fc.constantFrom('unknown', 'tentative', 'accepted', 'declined', 'notResponded'),
    },
    { requiredKeys: ['email'] },
  ),
  { minLength: 1, maxLength: 4, selector: (attendee) => attendee.email },
);

const sensitivity = fc.constantFrom('normal', 'personal', 'private', 'confidential');
const busyStatus = fc.constantFrom('free', 'tentative', 'busy', 'outOfOffice', 'workingElsewhere');
const categories = fc.array(text, { minLength: 1, maxLength: 3 });
const body = fc.record({ type: fc.constant('text' as const), content: text });

interface Times {
  readonly start: string;
  readonly end: string;
  readonly allDay?: true;
  readonly timeZone: TimeZoneName;
  /** The first day on the wall clock. */
  readonly day: number;
}

function times(zones: ZoneArithmetic, kind: 'timed' | 'allDay' | 'any'): fc.Arbitrary<Times> {
  return fc
    .record({
      day: fc.integer({ min: firstDay, max: lastDay }),
      minuteOfDay: fc.integer({ min: 0, max: 1439 }),
      lengthMinutes: fc.integer({ min: 0, max: 600 }),
      lengthDays: fc.integer({ min: 1, max: 5 }),
      timeZone: fc.constantFrom(...timeZones),
      allDay: kind === 'any' ? fc.boolean() : fc.constant(kind === 'allDay'),
    })
    .map(({ day, minuteOfDay, lengthMinutes, lengthDays, timeZone, allDay }) => {
      if (allDay) return { start: dateOf(day), end: dateOf(day + lengthDays), allDay: true as const, timeZone, day };
      const startMs = zones.toEpochMs(timeZone, day * MS_PER_DAY + minuteOfDay * 60_000);
      const wallClockDay = dayOfMs(zones.toWallClock(timeZone, startMs));
      return {
        start: instantOf(startMs),
        end: instantOf(startMs + lengthMinutes * 60_000),
        timeZone,
        day: wallClockDay,
      };
    });
}

function recurrence({ day, start, allDay }: Times): fc.Arbitrary<Recurrence> {
  const { month, dayOfMonth } = civilDay(day);
  const own = weekdays[weekdayOf(day)]!;
  const byDay = fc
    .subarray([...weekdays])
    .map((days) => weekdays.filter((name) => name === own || days.includes(name)));
  const pattern: fc.Arbitrary<Recurrence> = fc.oneof(
    fc.constant<Recurrence>({ frequency: 'daily' }),
    byDay.map((days): Recurrence => ({ frequency: 'weekly', byDay: days })),
    fc.constant<Recurrence>({ frequency: 'monthly', dayOfMonth }),
    fc.constant<Recurrence>({ frequency: 'monthlyNth', byDay: [own], weekOfMonth: Math.ceil(dayOfMonth / 7) }),
    fc.constant<Recurrence>({ frequency: 'yearly', dayOfMonth, monthOfYear: month }),
    fc.constant<Recurrence>({
      frequency: 'yearlyNth',
      byDay: [own],
      weekOfMonth: Math.ceil(dayOfMonth / 7),
      monthOfYear: month,
    }),
  );
  const end = fc.oneof(
    fc.constant({}),
    fc.integer({ min: 1, max: 99 }).map((count) => ({ count })),
    fc.integer({ min: 10, max: 400 }).map((days) => ({
      until: allDay ? dateOf(day + days) : instantOf(Date.parse(start) + days * MS_PER_DAY),
    })),
  );
  const interval = fc.option(fc.integer({ min: 2, max: 4 }), { nil: undefined });
  const firstDayOfWeek = fc.option(fc.constantFrom(...weekdays), { nil: undefined });
  return fc
    .tuple(pattern, end, interval, firstDayOfWeek)
    .map(([a, b, i, w]) => ({ ...a, ...b, ...(i && { interval: i }), ...(w && { firstDayOfWeek: w }) }));
}

/** Changed values get a mark that no series value has. */
function changedOccurrence(start: string, end: string, allDay: boolean): fc.Arbitrary<OccurrenceFields> {
  const later = fc
    .integer({ min: 1, max: 3 })
    .map((steps) =>
      allDay
        ? { start: dateOf(Date.parse(start) / MS_PER_DAY + steps), end: dateOf(Date.parse(end) / MS_PER_DAY + steps) }
        : { start: instantOf(Date.parse(start) + steps * 900_000), end: instantOf(Date.parse(end) + steps * 900_000) },
    );
  return fc
    .tuple(
      fc.option(later, { nil: undefined }),
      fc.record(
        {
          subject: text.map((value) => `${value} (moved)`),
          location: text.map((value) => `${value} (moved)`),
          reminderMinutes: fc.integer({ min: 1001, max: 2000 }),
          categories: categories.map((names) => ['moved', ...names]),
        },
        { requiredKeys: ['subject'] },
      ),
    )
    .map(([moved, values]) => ({ ...moved, ...values }));
}

function exceptionsOf(
  series: Times & { recurrence: Recurrence },
  zones: ZoneArithmetic,
): fc.Arbitrary<Record<string, Exception>> {
  const from = instantOf((series.day - 2) * MS_PER_DAY) as Instant;
  const to = instantOf((series.day + 1_500) * MS_PER_DAY) as Instant;
  const found = occurrences(series, from, to, 12, zones);
  return fc.subarray(found, { maxLength: Math.min(4, found.length) }).chain((picked) =>
    fc
      .tuple(
        ...picked.map(({ start, end }) =>
          fc.oneof(
            fc.constant<Exception>({ deleted: true }),
            changedOccurrence(start, end, series.allDay === true).map((changed): Exception => ({ changed })),
          ),
        ),
      )
      .map((exceptions) => Object.fromEntries(picked.map(({ key }, index) => [key, exceptions[index]!]))),
  );
}

export interface AppointmentOptions {
  readonly kind?: 'timed' | 'allDay' | 'any';
  /** `never` and `always` say whether it is a series. */
  readonly series?: 'never' | 'always' | 'any';
}

/** Fields of an appointment. The zone arithmetic comes from the caller: tests of the domain must not need an adapter. */
export function appointment(zones: ZoneArithmetic, options: AppointmentOptions = {}): fc.Arbitrary<AppointmentFields> {
  const { kind = 'any', series = 'any' } = options;
  const isSeries = series === 'any' ? fc.boolean() : fc.constant(series === 'always');
  return fc
    .tuple(times(zones, kind), isSeries)
    .chain(([when, repeats]) =>
      repeats
        ? recurrence(when).chain((rule) =>
            exceptionsOf({ ...when, recurrence: rule }, zones).map((exceptions) => ({
              ...when,
              recurrence: rule,
              ...(Object.keys(exceptions).length > 0 && { exceptions }),
            })),
          )
        : fc.constant(when),
    )
    .chain(({ day: _, ...when }) => values().map((rest): AppointmentFields => ({ ...rest, ...when })));
}

function values() {
  return fc
    .record(
      {
        uid: fc.uuid(),
        subject: text,
        location: text,
        body,
        organizer: fc.record({ email, name: text }, { requiredKeys: ['email'] }),
        reminderMinutes: fc.integer({ min: 0, max: 1000 }),
        sensitivity,
        busyStatus,
        categories,
        responseRequested: fc.boolean(),
        disallowNewTimeProposal: fc.boolean(),
        dtStamp: fc.integer({ min: 0, max: 2_000_000_000 }).map((seconds) => instantOf(seconds * 1000)),
      },
      { requiredKeys: [] },
    )
    .chain((fields) =>
      fc
        .option(fc.record({ attendees, meetingStatus: fc.constantFrom(1, 3, 5, 7, 9, 11) }), { nil: undefined })
        .map((meeting) =>
          // A meeting without an organizer gets one on the way, so it is not among the forms that stay as they are.
          meeting && fields.organizer ? { ...fields, ...meeting } : fields,
        ),
    );
}
