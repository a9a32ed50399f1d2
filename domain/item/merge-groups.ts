import type { ItemKind } from './fields.ts';

/** Fields that only make sense together: a start of one side with an end of the other is no appointment. */
export const mergeGroups: Readonly<Record<ItemKind, readonly (readonly string[])[]>> = {
  contact: [['fileAs', 'prefix', 'givenName', 'middleName', 'familyName', 'suffix']],
  appointment: [
    ['start', 'end', 'allDay', 'timeZone', 'recurrence'],
    ['meetingStatus', 'organizer', 'responseType', 'responseRequested', 'appointmentReplyTime'],
  ],
  task: [
    ['complete', 'completedAt', 'percentComplete'],
    ['start', 'due', 'recurrence'],
  ],
  note: [],
};
