/**
 * What others see of a private appointment in a shared folder: that the person is taken, and when.
 */
import type { AppointmentFields, Exception, OccurrenceFields } from '../../../../domain/appointment/fields.ts';
import type { Sensitivity } from '../../../../domain/item/fields.ts';

/** Reads the same to a Norwegian, a Dane and a Swede. */
export const neutralSubject = 'Privat';

function isPrivate(sensitivity: Sensitivity | undefined): boolean {
  return sensitivity === 'private' || sensitivity === 'confidential';
}

/** The fields with everything private left out; the same object when nothing is private. */
export function withoutPrivateMatters(fields: AppointmentFields): AppointmentFields {
  const wholly = isPrivate(fields.sensitivity);
  const exceptions = mapExceptions(fields.exceptions, (changed) =>
    wholly || isPrivate(changed.sensitivity) ? maskedOccurrence(changed) : changed,
  );
  if (!wholly) return exceptions === fields.exceptions ? fields : { ...fields, exceptions };
  const { uid, start, end, allDay, timeZone, recurrence, busyStatus, sensitivity, dtStamp } = fields;
  const subject = neutralSubject;
  return { uid, start, end, allDay, timeZone, recurrence, busyStatus, sensitivity, dtStamp, subject, exceptions };
}

function maskedOccurrence({ start, end, allDay, busyStatus, sensitivity }: OccurrenceFields): OccurrenceFields {
  return {
    start,
    end,
    allDay,
    busyStatus,
    sensitivity,
    // Without these the series' own would be shown for it.
    subject: neutralSubject,
    location: '',
    body: { type: 'text', content: '' },
    attendees: [],
    categories: [],
    reminderMinutes: null,
  };
}

function mapExceptions(
  exceptions: AppointmentFields['exceptions'],
  mask: (changed: OccurrenceFields) => OccurrenceFields,
): AppointmentFields['exceptions'] {
  if (exceptions === undefined) return undefined;
  let different = false;
  const mapped: Record<string, Exception> = {};
  for (const [key, exception] of Object.entries(exceptions)) {
    const changed = 'changed' in exception ? mask(exception.changed) : undefined;
    const isSame = changed === undefined || ('changed' in exception && changed === exception.changed);
    if (!isSame) different = true;
    mapped[key] = changed === undefined || isSame ? exception : { changed };
  }
  return different ? mapped : exceptions;
}
