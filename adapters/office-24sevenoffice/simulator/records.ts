import { z } from 'zod';
import { dayOf, isTimeZone, minuteInstant, plainDay } from '../../office/time.ts';

/** The kinds of `_screen`, as its paths name them. */
export const screenKinds = ['contacts', 'appointments', 'tasks', 'notes', 'companies'] as const;
export type ScreenKind = (typeof screenKinds)[number];

const text = z.string().max(100_000);
const short = z.string().max(1000);

const contact = z.object({
  firstName: short,
  lastName: short,
  nickname: short,
  email: short,
  /** E-mail addresses of the types Home and Alternative. */
  homeEmail: short,
  alternativeEmail: short,
  phone: short,
  mobile: short,
  privatePhone: short,
  secondMobile: short,
  fax: short,
  company: short,
  position: short,
  department: short,
  street: short,
  postalCode: short,
  city: short,
  state: short,
  country: short,
  url: short,
  /** `YYYY-MM-DD` */
  birthday: short,
  note: text,
});

const participant = z.object({
  email: short,
  name: short.optional(),
  status: z.enum(['unseen', 'accepted', 'declined', 'deferred']).default('unseen'),
});

/** Names and values as in the assumed interface, in lower case. */
const recurrence = z.object({
  frequency: z.enum(['daily', 'weekly', 'monthly', 'monthlyNth', 'yearly', 'yearlyNth']),
  interval: z.number().int().min(1).max(999).optional(),
  count: z.number().int().min(1).max(999).optional(),
  until: short.optional(),
  byDay: z.array(z.enum(['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'])).optional(),
  dayOfMonth: z.number().int().min(1).max(31).optional(),
  weekOfMonth: z.number().int().min(1).max(5).optional(),
  monthOfYear: z.number().int().min(1).max(12).optional(),
  firstDayOfWeek: z.enum(['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']).optional(),
});

const exception = z.object({
  /** When the occurrence would start; a day for all-day series. */
  originalStart: short,
  deleted: z.boolean().optional(),
  title: short.optional(),
  location: short.optional(),
  description: text.optional(),
  start: short.optional(),
  end: short.optional(),
  allDay: z.boolean().optional(),
  noReminder: z.boolean().optional(),
  reminder: short.optional(),
  busy: z.boolean().optional(),
  private: z.boolean().optional(),
});

const appointment = z.object({
  title: short,
  location: short,
  description: text,
  /** Instants at whole minutes, `2026-03-29T08:00:00Z`; of an all-day appointment days, `end` exclusive. */
  start: short,
  end: short,
  allDay: z.boolean(),
  timeZone: short,
  /** The absolute time of the reminder. */
  reminder: short,
  busy: z.boolean(),
  private: z.boolean(),
  category: short,
  organizer: z.object({ email: short, name: short.optional() }),
  participants: z.array(participant).max(1000),
  recurrence,
  exceptions: z.array(exception).max(1000),
  linkedCompanyIds: z.array(z.number().int()),
});

const task = z.object({
  title: short,
  description: text,
  /** Days. */
  start: short,
  end: short,
  reminder: short,
  percent: z.number().int().min(0).max(100),
  /** 0 low, 1 normal, 2 high. */
  priority: z.number().int().min(0).max(2),
  location: short,
});

const note = z.object({ subject: short, text });

const company = z.object({
  name: short,
  organizationNumber: short,
  email: short,
  invoiceEmail: short,
  phone: short,
  mobile: short,
  fax: short,
  street: short,
  postalCode: short,
  city: short,
  country: short,
  url: short,
  note: text,
  active: z.boolean(),
});

/** What a record may have; `null` clears a value. */
const shapes = {
  contacts: contact,
  appointments: appointment,
  tasks: task,
  notes: note,
  companies: company,
} as const;

type Shapes = { readonly [K in ScreenKind]: Partial<z.infer<(typeof shapes)[K]>> };

export interface Kept {
  readonly id: number;
  readonly externalId?: string;
  /** At whole minutes. */
  readonly changedAt: string;
}
export type ContactRecord = Kept & Shapes['contacts'];
export type AppointmentRecord = Kept &
  Shapes['appointments'] & {
    readonly title: string;
    readonly start: string;
    readonly end: string;
    readonly timeZone: string;
  };
export type TaskRecord = Kept & Shapes['tasks'] & { readonly title: string };
export type NoteRecord = Kept & Shapes['notes'];
export type CompanyRecord = Kept & Shapes['companies'];

export interface RecordOf {
  readonly contacts: ContactRecord;
  readonly appointments: AppointmentRecord;
  readonly tasks: TaskRecord;
  readonly notes: NoteRecord;
  readonly companies: CompanyRecord;
}
export type AnyRecord = RecordOf[ScreenKind];

/** A change of a record: `null` clears. */
export type Change = Readonly<Record<string, unknown>>;

/** Why the office does not take a record; becomes a fault or an HTTP 400. */
export class Invalid extends Error {
  override readonly name = 'Invalid';
}

const wire = (instant: string): string => instant.replace('.000Z', 'Z');

function time(value: unknown, allDay: boolean, timeZone: string, what: string): string {
  const days = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);
  if (allDay && days && plainDay(value) !== undefined) return value as string;
  const instant = minuteInstant(value);
  if (instant === undefined) throw new Invalid(`${what} is no time`);
  return allDay ? dayOf(instant, timeZone) : wire(instant);
}

/** The same value at the office's precision, and the rules every appointment keeps. */
function settleAppointment(given: Change): Change {
  const timeZone = typeof given.timeZone === 'string' ? given.timeZone : '';
  if (!isTimeZone(timeZone)) throw new Invalid('TimeZone is not known');
  const allDay = given.allDay === true;
  const start = time(given.start, allDay, timeZone, 'Start');
  const end = time(given.end, allDay, timeZone, 'End');
  if (end < start) throw new Invalid('End is before Start');
  const { reminder, exceptions } = given as Shapes['appointments'];
  return {
    ...given,
    start,
    end,
    ...(reminder === undefined ? {} : { reminder: time(reminder, false, timeZone, 'Reminder') }),
    ...(exceptions === undefined
      ? {}
      : {
          exceptions: exceptions.map((each) => {
            const own = each.allDay ?? allDay;
            return {
              ...each,
              originalStart: time(each.originalStart, allDay, timeZone, 'OriginalStart'),
              ...(each.start === undefined ? {} : { start: time(each.start, own, timeZone, 'Start') }),
              ...(each.end === undefined ? {} : { end: time(each.end, own, timeZone, 'End') }),
              ...(each.reminder === undefined ? {} : { reminder: time(each.reminder, false, timeZone, 'Reminder') }),
            };
          }),
        }),
  };
}

function settleTask(given: Change, timeZone: string): Change {
  const { start, end, reminder } = given;
  const held = {
    ...given,
    ...(start === undefined ? {} : { start: time(start, true, timeZone, 'Start') }),
    ...(end === undefined ? {} : { end: time(end, true, timeZone, 'End') }),
    ...(reminder === undefined ? {} : { reminder: time(reminder, false, timeZone, 'Reminder') }),
  };
  return held;
}

const partialShapes = Object.fromEntries(
  Object.entries(shapes).map(([kind, shape]) => [kind, (shape as z.ZodObject).partial()]),
) as Record<ScreenKind, z.ZodObject>;

/**
 * A record with a change done to it, checked: unknown names are left out. Throws Invalid. `timeZone` is the owner's.
 */
export function changed<K extends ScreenKind>(
  kind: K,
  before: RecordOf[K] | undefined,
  change: Change,
  kept: Kept,
  timeZone: string,
): RecordOf[K] {
  const given = Object.entries(change).filter(([, value]) => value !== null && value !== undefined);
  const parsed = partialShapes[kind].safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  const merged = Object.fromEntries(
    Object.entries({ ...before, ...parsed.data }).filter(
      ([name, value]) => change[name] !== null && value !== undefined && value !== '',
    ),
  );
  if ((kind === 'appointments' || kind === 'tasks') && typeof merged.title !== 'string') {
    throw new Invalid('Title is mandatory');
  }
  if (kept.externalId !== undefined && kept.externalId.length > 50) throw new Invalid('ExternalId is too long');
  const settled =
    kind === 'appointments' ? settleAppointment(merged) : kind === 'tasks' ? settleTask(merged, timeZone) : merged;
  return { ...settled, ...kept } as RecordOf[K];
}

/** Whether the kind has a field of this name. */
export const hasField = (kind: ScreenKind, name: string): boolean => name in shapes[kind].shape;
