/**
 * The photo of a contact: MS-ASCNTC 2.2.2.58 Picture, base64 of at most 48 KB.
 */
import type { Codec } from '../shared/codecs.ts';
import { cleared, nothing, refused, value } from '../shared/reading.ts';

/**
 * Bytes of the picture itself. The specification can be read as 48 KB of picture or of base64 (36 KB of picture); we
 * take what fits the wider reading.
 */
export const maxPictureBytes = 48 * 1024;

export const picture: Codec = {
  /** No picture is no element: an empty one hurts iOS before 8.2 and after. */
  render(writer, tag, of) {
    if (typeof of === 'string' && of !== '' && decodedLength(of) <= maxPictureBytes) writer.element(tag, of);
  },
  parse(element) {
    if (element.text === '' && element.opaque && element.opaque.length > 0) {
      return element.opaque.length > maxPictureBytes
        ? refused('picture over 48 KB')
        : value(Buffer.from(element.opaque).toString('base64'));
    }
    const base64 = element.text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
    if (base64 === '') return cleared;
    if (decodedLength(base64) > maxPictureBytes) return refused('picture over 48 KB');
    // What is no base64 is no picture, but not a reason to lose the rest of the contact either.
    return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? value(base64) : nothing;
  },
};

function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}
