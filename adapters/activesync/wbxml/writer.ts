import type { Element, Tag } from './element.ts';
import { documentHeader, tagHasContent, tagTokenMask, token } from './token.ts';
import type { Fragment, WbxmlWriter } from './writer.port.ts';

/** Before the first tag of a fragment no page is known, so the first tag always switches. */
const noPage = -1;

/** Up to this length a loop over the characters costs less than a call into native code. */
const shortTextLength = 32;

/**
 * Writes a document with `new Writer()` or a fragment with {@link Writer.fragment}. Mistakes of the caller (an
 * impossible tag, an unbalanced close, a second root, use after the end) throw: they are errors of the program, never
 * of what a client sent.
 */
export class Writer implements WbxmlWriter {
  readonly #isDocument: boolean;
  #buffer: Buffer;
  #length = 0;
  #page = 0;
  #depth = 0;
  #roots = 0;
  #ended = false;

  constructor(kind: 'document' | 'fragment' = 'document') {
    this.#isDocument = kind === 'document';
    this.#buffer = Buffer.allocUnsafe(1024);
    if (this.#isDocument) for (const byte of documentHeader) this.#buffer[this.#length++] = byte;
    else this.#page = noPage;
  }

  /** A writer of elements without a document around them; end it with {@link toFragment}. */
  static fragment(): Writer {
    return new Writer('fragment');
  }

  open(tag: Tag): this {
    this.#start(tag, tagHasContent);
    this.#depth++;
    return this;
  }

  close(): this {
    if (this.#depth === 0) throw new Error('WBXML close without an open element');
    this.#depth--;
    this.#reserve(1);
    this.#buffer[this.#length++] = token.end;
    return this;
  }

  element(tag: Tag, text: string): this {
    const writable = withoutNul(text);
    return writable === '' ? this.empty(tag) : this.open(tag).#inlineString(writable).close();
  }

  empty(tag: Tag): this {
    this.#start(tag, 0);
    return this;
  }

  opaque(tag: Tag, bytes: Uint8Array): this {
    return this.open(tag).data(bytes).close();
  }

  /** Text inside the open element. NUL characters are dropped. */
  text(text: string): this {
    this.#assertInside();
    const writable = withoutNul(text);
    return writable === '' ? this : this.#inlineString(writable);
  }

  /** Opaque data inside the open element. */
  data(bytes: Uint8Array): this {
    this.#assertInside();
    this.#reserve(6 + bytes.length);
    this.#buffer[this.#length++] = token.opaque;
    this.#integer(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  fragment(fragment: Fragment): this {
    const { bytes, endPage } = fragment;
    if (bytes.length === 0) return this;
    if (this.#isDocument) this.#assertInside();
    // The switch the fragment begins with is left out where it changes nothing: the bytes are those of inline writing.
    const start = bytes[1] === this.#page ? 2 : 0;
    this.#reserve(bytes.length - start);
    bytes.copy(this.#buffer, this.#length, start);
    this.#length += bytes.length - start;
    this.#page = endPage;
    return this;
  }

  /** Bytes that {@link take} or {@link finish} would give now: a streaming answer sends when there are enough. */
  get pendingLength(): number {
    return this.#length;
  }

  /** The bytes written since the last take, to be sent early; open elements and the code page carry on. */
  take(): Buffer {
    this.#assertLive();
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(1024);
    this.#length = 0;
    return taken;
  }

  /** The document, or what is left of it after the takes. */
  finish(): Buffer {
    this.#end();
    if (!this.#isDocument || this.#roots === 0) throw new Error('WBXML document without a root');
    return this.#buffer.subarray(0, this.#length);
  }

  /** The fragment, in memory of its own size: fragments are kept. One without elements has no bytes and fits anywhere. */
  toFragment(): Fragment {
    this.#end();
    if (this.#isDocument) throw new Error('WBXML document taken for a fragment');
    const bytes = Buffer.allocUnsafeSlow(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    return { bytes, endPage: Math.max(this.#page, 0) };
  }

  #start(tag: Tag, content: number): void {
    this.#assertLive();
    const page = tag >> 8;
    const id = tag & 0xff;
    if (page < 0 || page > 0xff || id < 0x05 || id > tagTokenMask) throw new Error(`Impossible WBXML tag ${tag}`);
    if (this.#depth === 0 && this.#isDocument && this.#roots++ > 0) throw new Error('Second root in a WBXML document');
    this.#reserve(3);
    if (page !== this.#page) {
      this.#buffer[this.#length++] = token.switchPage;
      this.#buffer[this.#length++] = page;
      this.#page = page;
    }
    this.#buffer[this.#length++] = id | content;
  }

  #inlineString(text: string): this {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#reserve(text.length * 3 + 2);
    this.#buffer[this.#length++] = token.inlineString;
    const written = this.#shortAscii(text) ? text.length : this.#buffer.write(text, this.#length, 'utf8');
    this.#length += written;
    this.#buffer[this.#length++] = 0;
    return this;
  }

  /** Writes a short ASCII text after the cursor, without moving it; false when the text is another. */
  #shortAscii(text: string): boolean {
    if (text.length > shortTextLength) return false;
    const buffer = this.#buffer;
    const start = this.#length;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return false;
      buffer[start + index] = unit;
    }
    return true;
  }

  /** mb_u_int32 (WAP-192 section 5.1): groups of seven bits, most significant first. */
  #integer(value: number): void {
    for (let shift = 28; shift > 0; shift -= 7) {
      if (value >= 2 ** shift) this.#buffer[this.#length++] = 0x80 | (Math.floor(value / 2 ** shift) & 0x7f);
    }
    this.#buffer[this.#length++] = value & 0x7f;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  #assertLive(): void {
    if (this.#ended) throw new Error('WBXML writer used after its end');
  }

  #assertInside(): void {
    this.#assertLive();
    if (this.#depth === 0) throw new Error('WBXML content outside an element');
  }

  #end(): void {
    this.#assertLive();
    if (this.#depth !== 0) throw new Error(`WBXML ended with ${this.#depth} open elements`);
    this.#ended = true;
  }
}

/** Encodes an element tree as a document. Within an element the order is text, opaque data, children. */
export function encodeTree(element: Element): Buffer {
  const writer = new Writer();
  writeTree(writer, element);
  return writer.finish();
}

/** Writes an element tree where the writer stands. Throws on a tag no token can carry; decoded trees hold none. */
export function writeTree(writer: Writer, element: Element): void {
  const { tag, text, opaque, children } = element;
  if (children.length === 0 && opaque === undefined) {
    writer.element(tag, text);
    return;
  }
  writer.open(tag).text(text);
  if (opaque !== undefined) writer.data(opaque);
  for (const inner of children) writeTree(writer, inner);
  writer.close();
}

function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}
