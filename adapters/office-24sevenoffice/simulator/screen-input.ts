import { dayOf, dayStart } from '../../office/time.ts';
import { type Change, hasField, type ScreenKind } from './records.ts';

/** Other names a caller may use, by kind. */
const otherNames: Readonly<Record<ScreenKind, Readonly<Record<string, string>>>> = {
  contacts: {
    givenName: 'firstName',
    familyName: 'lastName',
    surname: 'lastName',
    email1: 'email',
    emailAddress: 'email',
    email2: 'homeEmail',
    email3: 'alternativeEmail',
    mobilePhone: 'mobile',
    businessPhone: 'phone',
    workPhone: 'phone',
    homePhone: 'privatePhone',
    companyName: 'company',
    workplace: 'company',
    jobTitle: 'position',
    title: 'position',
    comment: 'note',
    notes: 'note',
    body: 'note',
    zip: 'postalCode',
    zipCode: 'postalCode',
    webPage: 'url',
    dateOfBirth: 'birthday',
  },
  appointments: {
    subject: 'title',
    summary: 'title',
    body: 'description',
    notes: 'description',
    text: 'description',
    note: 'description',
    startTime: 'start',
    startUtc: 'start',
    endTime: 'end',
    endUtc: 'end',
    isAllDay: 'allDay',
    isPrivate: 'private',
    attendees: 'participants',
    reminderAt: 'reminder',
    timezone: 'timeZone',
  },
  tasks: {
    subject: 'title',
    summary: 'title',
    body: 'description',
    notes: 'description',
    text: 'description',
    note: 'description',
    due: 'end',
    dueDate: 'end',
    startDate: 'start',
    endDate: 'end',
    percentComplete: 'percent',
    reminderAt: 'reminder',
  },
  notes: { title: 'subject', body: 'text', description: 'text', content: 'text', note: 'text' },
  companies: { orgNumber: 'organizationNumber', orgNo: 'organizationNumber', zip: 'postalCode' },
};

const priorities: Readonly<Record<string, number>> = { low: 0, normal: 1, high: 2 };

export interface ScreenInput {
  readonly change: Change;
  /** Names that mean nothing here. */
  readonly ignored: readonly string[];
}

/** What a caller wrote, in the office's names. */
export function screenInput(kind: ScreenKind, given: Readonly<Record<string, unknown>>): ScreenInput {
  const change: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const known = hasField(kind, name)
      ? name
      : Object.hasOwn(otherNames[kind], name)
        ? otherNames[kind][name]
        : undefined;
    if (known !== undefined) change[known] = value;
    else if (kind === 'contacts' && (name === 'name' || name === 'displayName') && typeof value === 'string') {
      const words = value.trim().split(/\s+/);
      change.lastName = words.length > 1 ? words.pop() : null;
      change.firstName = words.join(' ');
    } else if (kind === 'tasks' && (name === 'complete' || name === 'completed' || name === 'done')) {
      change.percent = value === true ? 100 : 0;
    } else if (kind === 'tasks' && name === 'importance' && typeof value === 'string') {
      change.priority = priorities[value] ?? value;
    } else if (kind === 'appointments' && name === 'reminderMinutes') {
      change.reminderMinutes = value;
    } else if (!['id', 'changedAt', 'externalId'].includes(name)) ignored.push(name);
  }
  return { change, ignored };
}

const minuteMs = 60_000;
const isDay = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);

const plusDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * 24 * 60 * minuteMs).toISOString().slice(0, 10);

/** What a new record has when the caller did not say. */
function defaults(kind: ScreenKind, change: Change, nowMs: number, timeZone: string): Change {
  const today = dayOf(new Date(nowMs).toISOString(), timeZone);
  switch (kind) {
    case 'appointments': {
      const allDay = change.allDay === true;
      const nextHour = new Date(Math.ceil(nowMs / (60 * minuteMs)) * 60 * minuteMs).toISOString();
      return { title: 'Ny avtale', timeZone, start: allDay ? today : nextHour };
    }
    case 'tasks':
      return { title: 'Ny oppgave', percent: 0, priority: 1 };
    case 'notes':
      return { subject: 'Notat' };
    case 'companies':
      return { name: 'Nytt firma', active: true };
    case 'contacts': {
      const named = ['firstName', 'lastName', 'company'].some((name) => typeof change[name] === 'string');
      return named ? {} : { firstName: 'Ny', lastName: 'kontakt' };
    }
  }
}

/** A change made whole: defaults for a new record, the end after the start, the reminder as an absolute time. */
export function complete(
  kind: ScreenKind,
  change: Change,
  before: object | undefined,
  nowMs: number,
  timeZone: string,
): Change {
  const whole: Record<string, unknown> =
    before === undefined ? { ...defaults(kind, change, nowMs, timeZone), ...change } : { ...change };
  if (kind !== 'appointments') return whole;
  const { reminderMinutes, ...rest } = whole;
  const now = { ...before, ...rest } as Record<string, unknown>;
  const zone = typeof now.timeZone === 'string' ? now.timeZone : timeZone;
  const ms = (value: unknown) => Date.parse(isDay(value) ? dayStart(value, zone) : String(value));
  const startMs = ms(now.start);
  if (Number.isNaN(startMs)) return rest;
  if (
    rest.end === undefined &&
    (now.end === undefined || ms(now.end) < startMs || (now.allDay === true && ms(now.end) === startMs))
  ) {
    const was = before as { start?: string; end?: string } | undefined;
    const lengthMs = was?.start !== undefined && was.end !== undefined ? ms(was.end) - ms(was.start) : 60 * minuteMs;
    const start = dayOf(new Date(startMs).toISOString(), zone);
    rest.end =
      now.allDay === true
        ? plusDays(start, Math.max(Math.round(lengthMs / (24 * 60 * minuteMs)), 1))
        : new Date(startMs + lengthMs).toISOString();
  }
  if (typeof reminderMinutes === 'number') rest.reminder = new Date(startMs - reminderMinutes * minuteMs).toISOString();
  if (reminderMinutes === null) rest.reminder = null;
  return rest;
}
