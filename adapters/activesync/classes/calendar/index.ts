/**
 * The Calendar class (MS-ASCAL) in all served versions: two dialects, up to 14.1 and from 16.0.
 */
import type { AppointmentFields } from '../../../../domain/appointment/fields.ts';
import { Calendar } from '../../wbxml/code-pages/index.ts';
import { textOf } from '../../wbxml/element.ts';
import type { ItemClass } from '../port.ts';
import { parseInstant } from '../shared/dates.ts';
import { deleteOccurrence, parseOccurrenceChange } from './change-occurrence.ts';
import { parseAppointment } from './parse.ts';
import { renderAppointment } from './render.ts';

export { deleteOccurrence } from './change-occurrence.ts';
export { neutralSubject } from './private-matters.ts';

export const calendarClass: ItemClass<AppointmentFields> = {
  kind: 'appointment',
  name: 'Calendar',
  render: renderAppointment,
  parse: (data, context) =>
    context.instanceId === undefined
      ? parseAppointment(data, context)
      : parseOccurrenceChange(data, context.instanceId, context),
  claimedAt: (data) => parseInstant(textOf(data, Calendar.DtStamp) ?? ''),
  deleteInstance: ({ known, instanceId }) => deleteOccurrence(known as AppointmentFields | undefined, instanceId ?? ''),
};
