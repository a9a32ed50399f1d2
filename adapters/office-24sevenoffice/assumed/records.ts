import type { AppointmentFields } from '../../../domain/appointment/fields.ts';
import type { Fields, ItemKind } from '../../../domain/item/fields.ts';
import { normalise } from '../../office/normalise.ts';
import { contactElement, contactFromElement } from '../mapping/contact.ts';
import type { XmlElement } from '../xml.ts';
import { appointmentElement, appointmentFromElement } from './appointment.ts';
import { noteElement, noteFromElement, taskElement, taskFromElement } from './task-note.ts';

/** Domain fields of an assumed record, not normalised; undefined for an appointment without times. */
export function fieldsOf(kind: ItemKind, item: XmlElement, timeZone: string): Fields | undefined {
  switch (kind) {
    case 'appointment':
      return appointmentFromElement(item, timeZone) as Fields | undefined;
    case 'contact':
      return contactFromElement(item);
    case 'task':
      return taskFromElement(item, timeZone);
    case 'note':
      return noteFromElement(item);
  }
}

/** The element that makes a record have these fields. Throws a RangeError for times or a time zone that are none. */
export function elementOf(kind: ItemKind, fields: Fields, timeZone: string): XmlElement {
  switch (kind) {
    case 'appointment':
      return appointmentElement(normalise('appointment', fields as AppointmentFields));
    case 'contact':
      return contactElement(normalise('contact', fields));
    case 'task':
      return taskElement(normalise('task', fields), timeZone);
    case 'note':
      return noteElement(normalise('note', fields));
  }
}

const withoutPlace: Readonly<Record<ItemKind, readonly string[]>> = {
  appointment: ['LinkedCompanyIds', 'LinkedPersonIds'],
  task: ['Location', 'Members', 'CaseId', 'LinkedCompanyIds', 'LinkedPersonIds'],
  contact: ['Gender', 'CustomerId'],
  note: [],
};

/** Names of what a record holds that the domain has no place for; a save leaves them out and so as they are. */
export const unmapped = (kind: ItemKind, item: XmlElement): readonly string[] =>
  withoutPlace[kind].filter((name) => item[name] !== undefined && item[name] !== '');
