import { ByteReader, noInteger, stringAt } from './byte-reader.ts';
import { type DecodeLimits, defaultDecodeLimits } from './decode-limits.ts';
import type { Element, Tag } from './element.ts';
import { tagHasAttributes, tagHasContent, tagTokenMask, token } from './token.ts';

export type DecodeResult =
  | { readonly ok: true; readonly root: Element }
  /** `offset`: the byte at which decoding stopped. `reason` holds nothing of the document's content. */
  | { readonly ok: false; readonly reason: DecodeFailure; readonly offset: number };

export type DecodeFailure =
  | 'too many bytes'
  | 'too deep'
  | 'too many elements'
  | 'too much text'
  | 'too many pieces'
  | 'truncated'
  | 'unsupported version'
  | 'unsupported charset'
  | 'integer out of range'
  | 'string table reference out of range'
  | 'token out of place'
  | 'no root element';

/**
 * Decodes a WBXML 1.1 to 1.3 document in UTF-8 (MS-ASWBXML 2.1, WAP-192). Never throws, never recurses, and costs time
 * and memory in proportion to the document and the limits.
 *
 * What ActiveSync does not use is tolerated: string table references and entities become text; attributes, processing
 * instructions and extension tokens are passed over; a literal (unnamed) element is left out with all it contains, so
 * every tag of the tree can be written again. Bytes after the root are ignored. Opaque data are views of `bytes`.
 */
export function decodeWbxml(bytes: Uint8Array, limits: DecodeLimits = defaultDecodeLimits): DecodeResult {
  if (bytes.length > limits.bytesMax) return { ok: false, reason: 'too many bytes', offset: limits.bytesMax };
  return new Decoder(bytes, limits).decode();
}

/** Shared by all elements without children: most elements are leaves. */
const noChildren: readonly Element[] = Object.freeze([]);

/** An element whose end has not come yet. `children` and `opaques` come into being with their first entry. */
interface OpenElement {
  readonly tag: Tag;
  /** A literal element, which does not reach the tree. */
  readonly literal: boolean;
  children: Element[] | undefined;
  text: string;
  opaques: Uint8Array[] | undefined;
}

class Decoder {
  readonly #reader: ByteReader;
  readonly #limits: DecodeLimits;
  readonly #open: OpenElement[] = [];
  #tableStart = 0;
  #tableEnd = 0;
  #page = 0;
  #elements = 0;
  #pieces = 0;
  #textLength = 0;
  #failure: DecodeFailure | undefined;
  #root: Element | undefined;

  constructor(bytes: Uint8Array, limits: DecodeLimits) {
    this.#reader = new ByteReader(bytes);
    this.#limits = limits;
  }

  decode(): DecodeResult {
    this.#header();
    while (this.#failure === undefined && this.#root === undefined) this.#step();
    if (this.#root !== undefined) return { ok: true, root: this.#root };
    return {
      ok: false,
      reason: this.#failure ?? 'no root element',
      offset: Math.min(this.#reader.offset, this.#reader.bytes.length),
    };
  }

  #header(): void {
    const reader = this.#reader;
    const version = reader.byte();
    const publicId = this.#integer();
    if (publicId === 0) this.#integer();
    const charset = this.#integer();
    const tableLength = this.#integer();
    if (version === undefined) this.#fail('truncated');
    // 1.0 has a header of another shape, so what was read of it means nothing.
    else if (version < 0x01 || version > 0x03) this.#failure = 'unsupported version';
    else if (charset !== 106 && charset !== 0) this.#fail('unsupported charset');
    else if (tableLength > reader.remaining) this.#fail('truncated');
    this.#tableStart = reader.offset;
    this.#tableEnd = reader.offset += tableLength;
  }

  /** Reads one token of the body, with what belongs to it. */
  #step(): void {
    const byte = this.#reader.byte();
    switch (byte) {
      case undefined:
        this.#fail(this.#open.length === 0 ? 'no root element' : 'truncated');
        break;
      case token.switchPage:
        this.#switchPage();
        break;
      case token.end:
        this.#close();
        break;
      case token.inlineString:
        this.#text(this.#reader.terminatedString());
        break;
      case token.tableString:
        this.#text(this.#tableString());
        break;
      case token.entity:
        this.#text(character(this.#integer()));
        break;
      case token.opaque:
        this.#opaque();
        break;
      case token.processingInstruction:
        this.#attributes();
        break;
      default:
        if (isExtension(byte)) this.#extension(byte);
        else this.#element(byte);
    }
  }

  #element(byte: number): void {
    const id = byte & tagTokenMask;
    const literal = id === token.literal;
    if (literal) this.#integer();
    if ((byte & tagHasAttributes) !== 0) this.#attributes();
    if (++this.#elements > this.#limits.elementsMax) this.#fail('too many elements');
    if (literal && this.#open.length === 0) this.#fail('no root element');
    if (this.#failure !== undefined) return;
    const tag = (this.#page << 8) | id;
    if ((byte & tagHasContent) === 0) {
      if (!literal) this.#attach({ tag, children: noChildren, text: '', opaque: undefined });
    } else if (this.#open.length >= this.#limits.depthMax) this.#fail('too deep');
    else this.#open.push({ tag, literal, children: undefined, text: '', opaques: undefined });
  }

  #close(): void {
    const element = this.#open.pop();
    if (element === undefined) this.#fail('token out of place');
    else if (!element.literal) {
      const { tag, children = noChildren, text, opaques } = element;
      this.#attach({ tag, children, text, opaque: opaques === undefined ? undefined : joined(opaques) });
    }
  }

  #attach(element: Element): void {
    const parent = this.#open[this.#open.length - 1];
    if (parent === undefined) this.#root = element;
    else if (parent.children === undefined) parent.children = [element];
    else parent.children.push(element);
  }

  #text(text: string | undefined): void {
    const element = this.#open[this.#open.length - 1];
    if (text === undefined) this.#fail('truncated');
    else if (element === undefined) this.#fail('token out of place');
    else if ((this.#textLength += text.length) > this.#limits.textLengthMax) this.#fail('too much text');
    else if (++this.#pieces > this.#limits.piecesMax) this.#fail('too many pieces');
    else element.text = element.text === '' ? text : element.text + text;
  }

  #opaque(): void {
    const data = this.#data();
    const element = this.#open[this.#open.length - 1];
    if (element === undefined) this.#fail('token out of place');
    else if (++this.#pieces > this.#limits.piecesMax) this.#fail('too many pieces');
    else if (element.opaques === undefined) element.opaques = [data];
    else element.opaques.push(data);
  }

  /** Attributes or a processing instruction, up to their end: the attribute space has code pages of its own. */
  #attributes(): void {
    const reader = this.#reader;
    while (this.#failure === undefined) {
      const byte = reader.byte();
      switch (byte) {
        case undefined:
          this.#fail('truncated');
          break;
        case token.end:
          return;
        case token.switchPage:
          if (reader.byte() === undefined) this.#fail('truncated');
          break;
        case token.entity:
        case token.literal:
        case token.tableString:
          this.#integer();
          break;
        case token.inlineString:
          if (!reader.skipTerminatedString()) this.#fail('truncated');
          break;
        case token.opaque:
          this.#data();
          break;
        default:
          if (isExtension(byte)) this.#extension(byte);
          else if ((byte & tagTokenMask) <= token.literal) this.#fail('token out of place');
      }
    }
  }

  /** EXT_I_n holds a string, EXT_T_n an integer, EXT_n nothing (WAP-192 section 7.1). */
  #extension(byte: number): void {
    const kind = byte & ~tagTokenMask;
    if (kind === 0x40 && !this.#reader.skipTerminatedString()) this.#fail('truncated');
    if (kind === 0x80) this.#integer();
  }

  #switchPage(): void {
    const page = this.#reader.byte();
    if (page === undefined) this.#fail('truncated');
    else this.#page = page;
  }

  #tableString(): string {
    const start = this.#tableStart + this.#integer();
    const text = start < this.#tableEnd ? stringAt(this.#reader.bytes, start, this.#tableEnd) : undefined;
    if (text === undefined) this.#fail('string table reference out of range');
    return text ?? '';
  }

  #data(): Uint8Array {
    const data = this.#reader.view(this.#integer());
    if (data === undefined) this.#fail('truncated');
    return data ?? noBytes;
  }

  #integer(): number {
    const value = this.#reader.integer();
    if (value !== noInteger) return value;
    this.#fail(this.#reader.remaining < 0 ? 'truncated' : 'integer out of range');
    return 0;
  }

  /** The first failure stands. */
  #fail(reason: DecodeFailure): void {
    this.#failure ??= reason;
  }
}

const noBytes = new Uint8Array(0);

function isExtension(byte: number): boolean {
  return byte >= 0x40 && (byte & tagTokenMask) <= 0x02;
}

/** The character of an entity; U+FFFD for what is no character, and for NUL, which WBXML text cannot hold. */
function character(codePoint: number): string {
  const impossible = codePoint === 0 || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff);
  return impossible ? '\uFFFD' : String.fromCodePoint(codePoint);
}

function joined(opaques: readonly Uint8Array[]): Uint8Array {
  return opaques.length === 1 ? opaques[0]! : Buffer.concat(opaques);
}
