/**
 * Contacts on the wire: MS-ASCNTC.
 *
 * Birthday and Anniversary are days; `shared/dates.ts` tells how they are written and read. A contact without a name
 * to be filed under is given one, and a device that sends that one back has not named the contact.
 */
import type { ContactFields } from '../../../../domain/contact/fields.ts';
import type { Body } from '../../../../domain/item/fields.ts';
import { Contacts } from '../../wbxml/code-pages/index.ts';
import type { Element } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import { renderBody } from '../body.ts';
import type { ItemClass, ParseContext, Parsed, RenderContext } from '../port.ts';
import { parseBodyField } from '../shared/body-field.ts';
import { Draft } from '../shared/reading.ts';
import { elementsByTag, parseRows, renderRows } from '../shared/table.ts';
import { parseAddresses, renderAddresses } from './address.ts';
import { generatedFileAs } from './file-as.ts';
import { contactRows, contactRule } from './table.ts';

function render(writer: WbxmlWriter, fields: ContactFields, context: RenderContext): void {
  renderAddresses(writer, fields, context);
  if (!fields.fileAs) {
    const fileAs = generatedFileAs(fields);
    if (fileAs !== '') writer.element(Contacts.FileAs, fileAs);
  }
  renderRows(writer, contactRows, fields, context);
  renderBody(writer, fields.body as Body | undefined, context);
}

function parse(applicationData: Element, context: ParseContext): Parsed<ContactFields> {
  const elements = elementsByTag(applicationData);
  const draft = new Draft();
  parseRows(draft, contactRows, elements, context);
  parseAddresses(draft, elements, context);
  parseBodyField(draft, applicationData, context);
  dropGeneratedFileAs(draft, context);
  return draft.finish<ContactFields>(new Set(elements.keys()), context, contactRule);
}

/** A Change that brings back the FileAs we made up, from the old names or from the new ones, does not set it. */
function dropGeneratedFileAs(draft: Draft, context: ParseContext): void {
  const known = context.known as ContactFields | undefined;
  const sent = draft.set.fileAs;
  if (!known || known.fileAs || sent === undefined) return;
  const renamed = { ...known, ...draft.set } as ContactFields;
  if (sent !== generatedFileAs(known) && sent !== generatedFileAs(renamed)) return;
  delete draft.set.fileAs;
}

export const contactsClass: ItemClass<ContactFields> = { kind: 'contact', name: 'Contacts', render, parse };
