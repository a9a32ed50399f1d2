import type { AppointmentFields, Attendee, Exception } from '../../domain/appointment/fields.ts';
import type { Fields, Patch } from '../../domain/item/fields.ts';
import { canonicalJson, normalise, officeFields } from './normalise.ts';
import type { OfficeKind } from './port.ts';

/**
 * What the office changed between two normalised states of a record, to be done to our fields `ours`, which may hold
 * more: only fields that differ are named, and inside attendees and exceptions our finer values stay where the office
 * did not touch them. `seen` is absent for a record never seen: then everything the office holds is set.
 */
export function officePatch(kind: OfficeKind, ours: Fields, seen: Fields | undefined, now: Fields): Patch<Fields> {
  const set: Record<string, unknown> = {};
  const cleared: string[] = [];
  for (const name of officeFields(kind)) {
    const was = seen?.[name];
    const is = now[name];
    if (is === undefined) {
      if (was !== undefined) cleared.push(name);
    } else if (was === undefined || canonicalJson(was) !== canonicalJson(is)) {
      set[name] = kind === 'appointment' ? keepFiner(name, ours, is) : is;
    }
  }
  // Without recurrence our exceptions had no meaning to the office; they must not come to life with the office's.
  if (
    kind === 'appointment' &&
    'recurrence' in set &&
    now.exceptions === undefined &&
    !cleared.includes('exceptions')
  ) {
    if (ours.exceptions !== undefined) cleared.push('exceptions');
  }
  return { set, cleared };
}

function keepFiner(name: string, ours: Fields, is: unknown): unknown {
  const before = ours as Partial<AppointmentFields>;
  if (name === 'attendees') return mergeAttendees(before.attendees ?? [], is as Attendee[]);
  if (name === 'exceptions') return mergeExceptions(before, is as Record<string, Exception>);
  return is;
}

/** The office's people and states, with what only we know of them: their role and kind. */
function mergeAttendees(ours: readonly Attendee[], office: readonly Attendee[]): Attendee[] {
  const known = new Map(ours.map((attendee) => [attendee.email.toLowerCase(), attendee]));
  return office.map((attendee) => {
    const type = known.get(attendee.email)?.type;
    return type === undefined ? attendee : { ...attendee, type };
  });
}

function mergeExceptions(before: Partial<AppointmentFields>, office: Readonly<Record<string, Exception>>) {
  const merged: Record<string, Exception> = {};
  for (const [original, exception] of Object.entries(office)) {
    const known = before.exceptions?.[original];
    if ('deleted' in exception || known === undefined || 'deleted' in known) {
      merged[original] = exception;
      continue;
    }
    // What of our occurrence the office can hold is the office's to say; the rest stays ours.
    const inOffice = normalise('appointment', {
      ...before,
      recurrence: before.recurrence ?? { frequency: 'daily' },
      exceptions: { [original]: known },
    }).exceptions?.[original];
    const owned = inOffice !== undefined && 'changed' in inOffice ? inOffice.changed : {};
    const rest = Object.fromEntries(Object.entries(known.changed).filter(([name]) => !(name in owned)));
    merged[original] = { changed: { ...rest, ...exception.changed } };
  }
  return merged;
}
