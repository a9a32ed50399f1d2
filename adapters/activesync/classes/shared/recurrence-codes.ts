/** The numbers of a recurrence, the same for appointments and tasks: MS-ASCAL 2.2.2.37, MS-ASTASK 2.2.2.20. */
import { weekdays } from '../../../../domain/appointment/recurrence-days.ts';
import type { Recurrence, Weekday } from '../../../../domain/item/schema.ts';

/** Index is Type on the wire. The value 4 does not exist (MS-ASCAL 2.2.2.45). */
export const frequencies: readonly (Recurrence['frequency'] | undefined)[] = [
  'daily',
  'weekly',
  'monthly',
  'monthlyNth',
  undefined,
  'yearly',
  'yearlyNth',
];

/** MS-ASCAL 2.2.2.13 DayOfWeek: a sum of bits, Sunday is 1. */
export function maskOf(days: readonly Weekday[]): number {
  return days.reduce((mask, day) => mask | (1 << weekdays.indexOf(day)), 0);
}

export function daysOf(mask: number): Weekday[] {
  return weekdays.filter((_, index) => mask & (1 << index));
}
