import { describe, expect, it } from 'vitest';
import type { TimeZoneName } from '../../../../domain/shared/ids.ts';
import { AirSync, AirSyncBase, Notes } from '../../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../wbxml/decode.ts';
import { type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { ParseContext } from '../port.ts';
import { notesClass } from './notes-class.ts';

const base = { version: 141, email: 'kari@fjord.example', timeZone: 'Europe/Oslo' as TimeZoneName } as const;
const context: ParseContext = { ...base, operation: 'change', supported: null };

function item(write: (writer: Writer) => void): Element {
  const writer = new Writer();
  writer.open(AirSync.ApplicationData).empty(AirSync.Status);
  write(writer);
  const decoded = decodeWbxml(writer.close().finish());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.root;
}

describe('a note', () => {
  it('is a sticky note unless it is of a class derived from it', () => {
    const shown = item((writer) => notesClass.render(writer, { subject: 'Milk' }, { ...base, bodyPreferences: [] }));
    expect(textOf(shown, Notes.MessageClass)).toBe('IPM.StickyNote');
    for (const [sent, kept] of [
      ['IPM.StickyNote', undefined],
      ['IPM.Note', undefined],
      ['IPM.StickyNote.Shopping', 'IPM.StickyNote.Shopping'],
    ] as const) {
      const parsed = notesClass.parse(
        item((writer) => writer.element(Notes.MessageClass, sent)),
        { ...context, known: {} },
      );
      expect(parsed.kind === 'parsed' && parsed.patch.set.messageClass).toBe(kept);
    }
  });

  it('keeps its HTML when only its subject was changed on a device that shows text', () => {
    const known = { subject: 'Milk', body: { type: 'html' as const, content: '<ul><li>1 l</li></ul>' } };
    const shown = item((writer) => notesClass.render(writer, known, { ...base, bodyPreferences: [{ type: 1 }] }));
    const body = shown.children.find(({ tag }) => tag === AirSyncBase.Body);
    const sent: Element = {
      ...shown,
      children: [{ tag: Notes.Subject, text: 'Milk and bread', children: [] }, ...(body ? [body] : [])],
    };
    const parsed = notesClass.parse(sent, { ...context, known, bodyPreferences: [{ type: 1 }] });
    expect(parsed).toEqual({ kind: 'parsed', patch: { set: { subject: 'Milk and bread' }, cleared: [] } });
  });

  it('loses its categories when they are empty, or from 16.0 left out', () => {
    const known = { subject: 'Milk', categories: ['home'] };
    const without = item((writer) => writer.element(Notes.Subject, 'Milk'));
    const empty = item((writer) => writer.element(Notes.Subject, 'Milk').empty(Notes.Categories));
    for (const sent of [without, empty]) {
      expect(notesClass.parse(sent, { ...context, version: 160, known })).toMatchObject({
        patch: { set: {}, cleared: ['categories'] },
      });
    }
  });
});
