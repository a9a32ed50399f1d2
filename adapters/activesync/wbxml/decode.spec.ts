import { describe, expect, it } from 'vitest';
import { AirSync, ComposeMail, Contacts } from './code-pages/index.ts';
import { type DecodeFailure, decodeWbxml } from './decode.ts';
import { defaultDecodeLimits } from './decode-limits.ts';
import type { Element } from './element.ts';
import { Writer } from './writer.ts';

/** Bytes from hexadecimal pairs and quoted text. */
function bytes(notation: string): Buffer {
  const parts = notation.match(/'[^']*'|[0-9A-Fa-f]{2}/g) ?? [];
  return Buffer.concat(
    parts.map((part) => (part[0] === "'" ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, 'hex'))),
  );
}

function rootOf(notation: string): Element {
  const result = decodeWbxml(bytes(notation));
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.root;
}

function failureOf(notation: string, limits = {}): DecodeFailure | undefined {
  const result = decodeWbxml(bytes(notation), { ...defaultDecodeLimits, ...limits });
  return result.ok ? undefined : result.reason;
}

describe('decodeWbxml', () => {
  it('reads elements, pages, text and opaque data', () => {
    const root = rootOf(`03 01 6A 00 45 4B 03 '0' 00 01 13 00 15 50 C3 02 FF 00 01 00 01 5F 03 'Kåre' 00 01 01`);
    expect(root.tag).toBe(AirSync.Sync);
    expect(root.children).toEqual([
      { tag: AirSync.SyncKey, children: [], text: '0', opaque: undefined },
      { tag: AirSync.GetChanges, children: [], text: '', opaque: undefined },
      { tag: ComposeMail.Mime, children: [], text: '', opaque: Buffer.from([0xff, 0x00]) },
      { tag: Contacts.FirstName, children: [], text: 'Kåre', opaque: undefined },
    ]);
  });

  it('tells an element with empty opaque data from one without', () => {
    expect(rootOf('03 01 6A 00 45 C3 00 01').opaque).toHaveLength(0);
    expect(rootOf('03 01 6A 00 45 01').opaque).toBeUndefined();
  });

  it('gives all elements without children the same frozen list', () => {
    const [first, second] = rootOf('03 01 6A 00 45 13 47 01 01').children;
    expect(first!.children).toBe(second!.children);
    expect(Object.isFrozen(first!.children)).toBe(true);
  });

  it.each([
    ['01 01 6A 00', '1.1'],
    ['02 01 6A 00', '1.2'],
    ['03 01 6A 00', '1.3'],
    ['03 01 00 00', 'an unknown charset'],
    ['03 81 01 6A 00', 'a public id of two bytes'],
    [`03 00 02 6A 05 'ab' 00 'c' 00`, 'a public id in the string table'],
  ])('accepts the header %s: %s', (header) => {
    expect(rootOf(`${header} 05`).tag).toBe(AirSync.Sync);
  });

  it('joins text from inline strings, the string table and entities', () => {
    const root = rootOf(`03 01 6A 06 'ab' 00 'cd' 00 45 03 'x' 00 83 00 83 03 83 04 02 81 20 02 87 EC 00 01`);
    expect(root.text).toBe('xabcdd\u00A0\u{1F600}');
  });

  it('joins opaque data given in pieces', () => {
    expect(rootOf('03 01 6A 00 45 C3 01 0A C3 02 0B 0C 01').opaque).toEqual(Buffer.from([0x0a, 0x0b, 0x0c]));
  });

  it('replaces what is no UTF-8 and what is no character', () => {
    expect(rootOf(`03 01 6A 00 45 03 'a' FF C3 'b' 00 02 83 B0 00 02 00 01`).text).toBe('a\uFFFD\uFFFDb\uFFFD\uFFFD');
  });

  it('keeps tokens and pages that no table knows', () => {
    expect(rootOf('03 01 6A 00 7F 00 63 05 01')).toMatchObject({ tag: 0x003f, children: [{ tag: 0x6305 }] });
  });

  it('passes over attributes with values of every kind', () => {
    const attributes = `00 05 04 00 06 85 03 'v' 00 83 00 02 20 40 'e' 00 81 07 C2 C3 02 01 01 01`;
    const root = rootOf(`03 01 6A 01 00 C5 ${attributes} 8B ${attributes} 4B 03 '7' 00 01 01`);
    expect(root.children.map(({ tag, text }) => [tag, text])).toEqual([
      [AirSync.SyncKey, ''],
      [AirSync.SyncKey, '7'],
    ]);
  });

  it('does not let a page of the attribute space move the tags', () => {
    expect(rootOf('03 01 6A 00 C5 00 07 06 01 13 01').children[0]!.tag).toBe(AirSync.GetChanges);
  });

  it('leaves out literal elements with all they contain', () => {
    const root = rootOf(
      `03 01 6A 02 'n' 00 45 04 00 44 00 4B 03 'lost' 00 01 01 84 00 05 01 C4 00 05 01 03 'l' 00 01 13 01`,
    );
    expect(root).toMatchObject({ text: '', children: [{ tag: AirSync.GetChanges }] });
  });

  it('passes over processing instructions and extension tokens', () => {
    const root = rootOf(
      `03 01 6A 00 43 05 03 'x' 00 01 45 43 05 01 40 'e' 00 41 00 42 00 80 05 81 81 00 82 05 C0 C1 C2 13 01`,
    );
    expect(root).toMatchObject({ text: '', children: [{ tag: AirSync.GetChanges }] });
  });

  it('passes over page switches that lead nowhere', () => {
    expect(rootOf('03 01 6A 00 00 00 45 00 01 00 00 13 00 05 01').children[0]!.tag).toBe(AirSync.GetChanges);
  });

  it('ignores what follows the root', () => {
    expect(rootOf('03 01 6A 00 05 FF 43 00').tag).toBe(AirSync.Sync);
  });

  it.each<[string, DecodeFailure]>([
    ['', 'truncated'],
    ['03', 'truncated'],
    ['03 01 6A', 'truncated'],
    ['03 01 6A 05 61', 'truncated'],
    ['00 01 6A 00 05', 'unsupported version'],
    ['04 01 6A 00 05', 'unsupported version'],
    [`'<?xml version="1.0"?>'`, 'unsupported version'],
    ['03 01 04 00 05', 'unsupported charset'],
    ['03 01 6A 00', 'no root element'],
    ['03 01 6A 00 00', 'truncated'],
    ['03 01 6A 00 04 00', 'no root element'],
    ['03 01 6A 00 01', 'token out of place'],
    [`03 01 6A 00 03 'x' 00`, 'token out of place'],
    ['03 01 6A 00 C3 01 00', 'token out of place'],
    ['03 01 6A 00 45', 'truncated'],
    ['03 01 6A 00 45 00', 'truncated'],
    [`03 01 6A 00 45 03 'x'`, 'truncated'],
    ['03 01 6A 00 45 C3 05 00', 'truncated'],
    ['03 01 6A 00 45 C3 8F FF FF FF 7F', 'truncated'],
    ['03 01 6A 00 45 C3 90 80 80 80 00', 'integer out of range'],
    ['03 01 6A 00 45 C3 81 81 81 81 81 01', 'integer out of range'],
    ['03 01 6A 00 45 02 81', 'truncated'],
    ['03 01 6A 00 45 83 00', 'string table reference out of range'],
    [`03 01 6A 02 'ab' 45 83 00 00 01`, 'string table reference out of range'],
    ['03 01 6A 00 C5 05', 'truncated'],
    ['03 01 6A 00 C5 43', 'token out of place'],
    ['03 01 6A 00 C5 44', 'token out of place'],
    [`03 01 6A 00 C5 05 03 'x'`, 'truncated'],
    ['03 01 6A 00 C5 05 C3 7F', 'truncated'],
    ['03 01 6A 00 45 40 61', 'truncated'],
  ])('refuses "%s": %s', (notation, reason) => {
    expect(failureOf(notation)).toBe(reason);
  });

  it('says where it stopped, within the document', () => {
    expect(decodeWbxml(bytes('03 01 6A 00 45 01 01').subarray(0, 5))).toEqual({
      ok: false,
      reason: 'truncated',
      offset: 5,
    });
    expect(decodeWbxml(bytes('03 01 6A 00 45 83 00 01'))).toMatchObject({ offset: 7 });
  });
});

describe('the limits of decodeWbxml', () => {
  const nested = (depth: number): string => `03 01 6A 00 ${'45 '.repeat(depth)}${'01 '.repeat(depth)}`;

  it('refuse a document that is too large without reading it', () => {
    expect(failureOf('03 01 6A 00 05', { bytesMax: 4 })).toBe('too many bytes');
    expect(failureOf('03 01 6A 00 05', { bytesMax: 5 })).toBeUndefined();
  });

  it('allow 32 elements inside each other and no more', () => {
    expect(failureOf(nested(32))).toBeUndefined();
    expect(failureOf(nested(33))).toBe('too deep');
  });

  it('count literal elements too', () => {
    expect(failureOf(`03 01 6A 00 45 ${'44 00 '.repeat(40)}`)).toBe('too deep');
    expect(failureOf(`03 01 6A 00 45 ${'04 00 '.repeat(10)} 01`, { elementsMax: 10 })).toBe('too many elements');
  });

  it('allow 200 000 elements and no more', () => {
    const document = (count: number): Buffer =>
      Buffer.concat([bytes('03 01 6A 00 45'), Buffer.alloc(count - 1, 0x13), bytes('01')]);
    expect(decodeWbxml(document(200_000)).ok).toBe(true);
    expect(decodeWbxml(document(200_001))).toMatchObject({ ok: false, reason: 'too many elements' });
  });

  it('bound text that a string table multiplies', () => {
    const table = Buffer.alloc(60_000, 'a');
    table[table.length - 1] = 0;
    const header = Buffer.from([0x03, 0x01, 0x6a, 0x83, 0xd4, 0x60]);
    const references = Buffer.alloc(2 * 100_000, Buffer.from([0x83, 0x00]));
    const bomb = Buffer.concat([header, table, Buffer.from([0x45]), references, Buffer.from([0x01])]);
    expect(decodeWbxml(bomb)).toMatchObject({ ok: false, reason: 'too much text' });
  });

  it('bound the pieces text and opaque data come in', () => {
    expect(failureOf(`03 01 6A 00 45 ${"03 'a' 00 C3 01 00 ".repeat(5)} 01`, { piecesMax: 10 })).toBeUndefined();
    expect(failureOf(`03 01 6A 00 45 ${"03 'a' 00 C3 01 00 ".repeat(5)} 03 00 01`, { piecesMax: 10 })).toBe(
      'too many pieces',
    );
    expect(failureOf(`03 01 6A 00 45 ${'C3 01 00 '.repeat(11)} 01`, { piecesMax: 10 })).toBe('too many pieces');
  });

  it('bound the text of all elements together', () => {
    const writer = new Writer().open(AirSync.Sync);
    for (let count = 0; count < 10; count++) writer.element(AirSync.SyncKey, '0123456789');
    const document = writer.close().finish();
    expect(decodeWbxml(document, { ...defaultDecodeLimits, textLengthMax: 100 }).ok).toBe(true);
    expect(decodeWbxml(document, { ...defaultDecodeLimits, textLengthMax: 99 })).toMatchObject({
      reason: 'too much text',
    });
  });
});
