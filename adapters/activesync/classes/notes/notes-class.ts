/**
 * Notes on the wire: MS-ASNOTE, from version 14.0. Earlier versions have no such class; who asks for one is the
 * caller's matter.
 */
import type { Body } from '../../../../domain/item/fields.ts';
import type { NoteFields } from '../../../../domain/note/fields.ts';
import { AirSyncBase, Notes } from '../../wbxml/code-pages/index.ts';
import { type Element, type Tag, textOf } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import { renderBody } from '../body.ts';
import type { ItemClass, ParseContext, Parsed, RenderContext } from '../port.ts';
import { parseBodyField } from '../shared/body-field.ts';
import { instant, listOf, text } from '../shared/codecs.ts';
import { parseInstant } from '../shared/dates.ts';
import type { AbsenceRule } from '../shared/ghosting.ts';
import { Draft } from '../shared/reading.ts';
import { elementsByTag, parseRows, type Row, renderRows } from '../shared/table.ts';

const rows: readonly Row<keyof NoteFields & string>[] = [
  { tag: Notes.Subject, field: 'subject', codec: text },
  { tag: Notes.MessageClass, field: 'messageClass', codec: text },
  { tag: Notes.LastModifiedDate, field: 'lastModifiedAt', codec: instant },
  { tag: Notes.Categories, field: 'categories', codec: listOf(Notes.Category) },
];

/** What a note is unless it says otherwise (MS-ASNOTE 2.2.2.5 MessageClass, which is required). */
const stickyNote = 'IPM.StickyNote';

const rule: AbsenceRule<keyof NoteFields & string> = {
  tags: new Map(rows.map(({ tag, field }) => [tag, field])),
  ghostable: false,
  keptFrom160: false,
  keptWhenAbsent: new Set<Tag>([Notes.MessageClass, Notes.LastModifiedDate, AirSyncBase.Body]),
};

function render(writer: WbxmlWriter, fields: NoteFields, context: RenderContext): void {
  // In its place among the others, so that a note that says it and one that does not are the same on the wire.
  renderRows(writer, rows, { ...fields, messageClass: fields.messageClass || stickyNote }, context);
  renderBody(writer, fields.body as Body | undefined, context);
}

function parse(applicationData: Element, context: ParseContext): Parsed<NoteFields> {
  const elements = elementsByTag(applicationData);
  const draft = new Draft();
  parseRows(draft, rows, elements, context);
  parseBodyField(draft, applicationData, context);
  mendMessageClass(draft);
  return draft.finish<NoteFields>(new Set(elements.keys()), context, rule);
}

/** The default is not stored, and a class that no note may have is taken for it. */
function mendMessageClass(draft: Draft): void {
  const sent = draft.set.messageClass;
  if (typeof sent === 'string' && !/^IPM\.StickyNote\../i.test(sent)) delete draft.set.messageClass;
}

export const notesClass: ItemClass<NoteFields> = {
  kind: 'note',
  name: 'Notes',
  render,
  parse,
  claimedAt: (data) => parseInstant(textOf(data, Notes.LastModifiedDate) ?? ''),
};
