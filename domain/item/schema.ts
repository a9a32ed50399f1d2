import { z } from 'zod';

export const body = z.union([
  z.object({ type: z.enum(['text', 'html', 'rtf']), content: z.string() }),
  z.object({ type: z.enum(['text', 'html', 'rtf']), blob: z.string(), size: z.number() }),
]);

export const sensitivity = z.enum(['normal', 'personal', 'private', 'confidential']);

const weekday = z.enum(['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA']);

/**
 * iCalendar RRULE as far as ActiveSync can say it (MS-ASCAL 2.2.2.37 Recurrence, MS-ASTASK 2.2.2.18). `until` is an
 * instant for timed items and a day for all-day ones. `weekOfMonth` 5 is the last week. `regenerate` and `deadOccur`
 * are of tasks: the next one is made when this one is completed; this one is a finished leftover of a series.
 */
export const recurrence = z.object({
  frequency: z.enum(['daily', 'weekly', 'monthly', 'monthlyNth', 'yearly', 'yearlyNth']),
  interval: z.number().int().min(1).max(999).optional(),
  count: z.number().int().min(1).max(999).optional(),
  until: z.string().optional(),
  byDay: z.array(weekday).optional(),
  dayOfMonth: z.number().int().min(1).max(31).optional(),
  weekOfMonth: z.number().int().min(1).max(5).optional(),
  monthOfYear: z.number().int().min(1).max(12).optional(),
  firstDayOfWeek: weekday.optional(),
  /** MS-ASCAL CalendarType when it is not Gregorian: kept and sent back, not computed with. */
  calendarType: z.number().int().optional(),
  isLeapMonth: z.boolean().optional(),
  regenerate: z.boolean().optional(),
  deadOccur: z.boolean().optional(),
  /** The day a task's series starts from. */
  start: z.string().optional(),
});
export type Recurrence = z.infer<typeof recurrence>;
export type Weekday = z.infer<typeof weekday>;
