import fc from 'fast-check';
import type { Body } from '../../domain/item/fields.ts';
import type { NoteFields } from '../../domain/note/fields.ts';

/** Text as a person types it into one line: something to see, no blanks around it, characters of all planes. */
export const wireText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .map((text) => text.replaceAll('\0', '').trim())
  .filter((text) => text !== '' && text.isWellFormed() && !text.includes('\r'));

export const categories = fc.uniqueArray(wireText, { minLength: 1, maxLength: 5 });

export const instant = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

export const day = instant.map((time) => time.slice(0, 10));

const bodyText = fc
  .array(wireText, { minLength: 1, maxLength: 8 })
  .chain((lines) => fc.constantFrom('\n', ' ', '\n\n').map((separator) => lines.join(separator)));

export const body: fc.Arbitrary<Body> = fc.oneof(
  bodyText.map((content) => ({ type: 'text' as const, content })),
  bodyText.map((content) => ({ type: 'html' as const, content: `<p>${content.replaceAll('<', '&lt;')}</p>` })),
  fc
    .uint8Array({ minLength: 1, maxLength: 60 })
    .map((bytes) => ({ type: 'rtf' as const, content: Buffer.from(bytes).toString('base64') })),
);

export const noteFieldsArbitrary: fc.Arbitrary<NoteFields> = fc.record(
  {
    subject: wireText,
    body,
    categories,
    messageClass: wireText.map((text) => `IPM.StickyNote.${text}`),
    lastModifiedAt: instant,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<NoteFields>;
