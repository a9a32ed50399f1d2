import fc from 'fast-check';
import type { Recurrence } from '../../domain/item/schema.ts';
import type { TaskFields } from '../../domain/task/fields.ts';
import { body, categories, day, instant, wireText } from './note.ts';

const weekday = fc.constantFrom('SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA' as const);
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });

const recurrenceArbitrary = fc
  .record({
    frequency: fc.constantFrom('daily', 'weekly', 'monthly', 'monthlyNth', 'yearly', 'yearlyNth' as const),
    interval: optional(fc.integer({ min: 1, max: 999 })),
    count: optional(fc.integer({ min: 1, max: 999 })),
    until: optional(day),
    byDay: optional(fc.uniqueArray(weekday, { minLength: 1 })),
    dayOfMonth: optional(fc.integer({ min: 1, max: 31 })),
    weekOfMonth: optional(fc.integer({ min: 1, max: 5 })),
    monthOfYear: optional(fc.integer({ min: 1, max: 12 })),
    firstDayOfWeek: optional(weekday),
    calendarType: optional(fc.integer({ min: 0, max: 20 })),
    isLeapMonth: optional(fc.boolean()),
    regenerate: optional(fc.boolean()),
    deadOccur: optional(fc.boolean()),
    start: optional(day),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Recurrence);

/** Without percentComplete, which the wire cannot say; `completedAt` only of what is complete. */
export const taskFieldsArbitrary = fc
  .record(
    {
      subject: wireText,
      body,
      start: day,
      due: day,
      complete: fc.boolean(),
      completedAt: instant,
      importance: fc.constantFrom('low', 'normal', 'high'),
      reminderAt: instant,
      sensitivity: fc.constantFrom('normal', 'personal', 'private', 'confidential'),
      recurrence: recurrenceArbitrary,
      categories,
      ordinalDate: instant,
      subOrdinalDate: wireText,
    },
    { requiredKeys: [] },
  )
  .map(({ completedAt, ...rest }) =>
    rest.complete && completedAt ? { ...rest, completedAt } : rest,
  ) as fc.Arbitrary<TaskFields>;
