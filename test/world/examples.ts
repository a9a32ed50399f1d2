/** Kari and Ola, the same in every spec, and their items as a phone would write them. */
import { calendarClass } from '../../adapters/activesync/classes/calendar/index.ts';
import { contactsClass } from '../../adapters/activesync/classes/contacts/contacts-class.ts';
import { notesClass } from '../../adapters/activesync/classes/notes/notes-class.ts';
import type { ItemClass, RenderContext } from '../../adapters/activesync/classes/port.ts';
import { tasksClass } from '../../adapters/activesync/classes/tasks/tasks-class.ts';
import type { ProtocolVersion } from '../../adapters/activesync/version.ts';
import { AirSync } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { Writer } from '../../adapters/activesync/wbxml/writer.ts';
import type { ContactFields } from '../../domain/contact/fields.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { TimeZoneName } from '../../domain/shared/ids.ts';

export const kari = 'kari@demo.example';
export const ola = 'ola@demo.example';

export const astrid: ContactFields = {
  fileAs: 'Bråthen, Astrid',
  givenName: 'Astrid',
  familyName: 'Bråthen',
  email1: 'astrid@fjord.example',
  mobilePhone: '+47 900 00 001',
  company: 'Fjord AS',
};

const classes: Record<ItemKind, ItemClass> = {
  contact: contactsClass as ItemClass,
  appointment: calendarClass as ItemClass,
  task: tasksClass as ItemClass,
  note: notesClass as ItemClass,
};

/** `ApplicationData` as a phone of this version sends it. */
export function applicationData(kind: ItemKind, fields: Fields, version: ProtocolVersion = 141): Element {
  const context: RenderContext = {
    version,
    bodyPreferences: [],
    email: kari,
    timeZone: 'Europe/Oslo' as TimeZoneName,
  };
  const writer = new Writer();
  writer.open(AirSync.ApplicationData);
  classes[kind].render(writer, fields, context);
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

/** The fields that `ApplicationData` stands for. */
export function fieldsOf(kind: ItemKind, data: Element, version: ProtocolVersion = 141): Fields {
  const parsed = classes[kind].parse(data, {
    version,
    operation: 'add',
    supported: null,
    timeZone: 'Europe/Oslo' as TimeZoneName,
    email: kari,
  });
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed.patch.set as Fields;
}

export function contact(fields: Partial<ContactFields> = {}): Element {
  return applicationData('contact', { ...astrid, ...fields });
}
