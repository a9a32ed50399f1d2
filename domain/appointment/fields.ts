import { z } from 'zod';
import { body, recurrence, sensitivity } from '../item/schema.ts';

export const attendee = z.object({
  email: z.string(),
  name: z.string().optional(),
  /** iCalendar ROLE and CUTYPE as ActiveSync folds them (MS-ASCAL AttendeeType). */
  type: z.enum(['required', 'optional', 'resource']).optional(),
  /** iCalendar PARTSTAT (MS-ASCAL AttendeeStatus). */
  status: z.enum(['unknown', 'tentative', 'accepted', 'declined', 'notResponded']).optional(),
});
export type Attendee = z.infer<typeof attendee>;

const busyStatus = z.enum(['free', 'tentative', 'busy', 'outOfOffice', 'workingElsewhere']);

/** What one occurrence has of its own. Absent fields are those of the series. */
export const occurrenceFields = z.object({
  subject: z.string().optional(),
  location: z.string().optional(),
  start: z.string().optional(),
  end: z.string().optional(),
  allDay: z.boolean().optional(),
  body: body.optional(),
  attendees: z.array(attendee).optional(),
  reminderMinutes: z.number().int().nullable().optional(),
  sensitivity: sensitivity.optional(),
  busyStatus: busyStatus.optional(),
  categories: z.array(z.string()).optional(),
  meetingStatus: z.number().int().optional(),
  responseType: z.number().int().optional(),
});
export type OccurrenceFields = z.infer<typeof occurrenceFields>;

/** Either the occurrence does not take place, or it differs. */
export const exception = z.union([z.object({ deleted: z.literal(true) }), z.object({ changed: occurrenceFields })]);
export type Exception = z.infer<typeof exception>;

/**
 * An appointment: iCalendar VEVENT in meaning. A timed one has `start` and `end` as UTC instants
 * (`2026-03-29T08:00:00.000Z`) and the IANA `timeZone` its recurrence is computed in. An all-day one floats: `start`
 * and `end` are days (`2026-03-29`), `end` exclusive, as in iCalendar. `exceptions` are keyed by the original start
 * of the occurrence, an instant or a day accordingly (RECURRENCE-ID).
 */
export const appointmentFields = z.object({
  uid: z.string().optional(),
  subject: z.string().optional(),
  location: z.string().optional(),
  body: body.optional(),
  start: z.string(),
  end: z.string(),
  allDay: z.boolean().optional(),
  timeZone: z.string(),
  recurrence: recurrence.optional(),
  exceptions: z.record(z.string(), exception).optional(),
  organizer: z.object({ email: z.string(), name: z.string().optional() }).optional(),
  attendees: z.array(attendee).optional(),
  reminderMinutes: z.number().int().optional(),
  sensitivity: sensitivity.optional(),
  busyStatus: busyStatus.optional(),
  categories: z.array(z.string()).optional(),
  /** MS-ASCAL 2.2.2.28 MeetingStatus bits; 0 is an appointment without attendees. */
  meetingStatus: z.number().int().optional(),
  responseRequested: z.boolean().optional(),
  responseType: z.number().int().optional(),
  disallowNewTimeProposal: z.boolean().optional(),
  appointmentReplyTime: z.string().optional(),
  dtStamp: z.string().optional(),
});
export type AppointmentFields = z.infer<typeof appointmentFields>;
