import { describe, expect, it } from 'vitest';
import { AirSync, AirSyncBase, ComposeMail, Contacts } from './code-pages/index.ts';
import { decodeWbxml } from './decode.ts';
import { encodeTree, Writer } from './writer.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('Writer', () => {
  it('writes the header, page switches only where the page changes, and both forms of a tag', () => {
    const document = new Writer()
      .open(AirSync.Sync)
      .element(AirSync.SyncKey, '0')
      .empty(AirSync.GetChanges)
      .element(Contacts.FirstName, 'å')
      .element(Contacts.LastName, '')
      .close()
      .finish();
    expect(hex(document)).toBe(
      '03016a00' + '45' + '4b033000' + '01' + '13' + '0001' + '5f03c3a500' + '01' + '29' + '01',
    );
  });

  it.each([
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8100'],
    [16_383, 'ff7f'],
    [16_384, '818000'],
    [2_097_152, '81808000'],
  ])('writes the length %i of opaque data as %s', (length, encoded) => {
    const document = new Writer().opaque(ComposeMail.Mime, new Uint8Array(length)).finish();
    expect(hex(document.subarray(4, 8 + encoded.length / 2))).toBe(`001550c3${encoded}`.slice(0, 8 + encoded.length));
    const result = decodeWbxml(document);
    expect(result.ok && result.root.opaque?.length).toBe(length);
  });

  it('drops NUL, and writes an empty element when nothing else is there', () => {
    const document = new Writer().open(AirSync.Sync).element(AirSync.SyncKey, 'a\0b').element(AirSync.SyncKey, '\0\0');
    expect(hex(document.close().finish())).toBe(`03016a0045${'4b03616200' + '01'}0b01`);
  });

  it.each(['a'.repeat(31), 'a'.repeat(33), 'å'.repeat(31), '日本'.repeat(40), 'x'.repeat(100_000), '😀'.repeat(5000)])(
    'gives back text of any length and script',
    (text) => {
      const result = decodeWbxml(new Writer().element(AirSync.SyncKey, text).finish());
      expect(result.ok && result.root.text).toBe(text);
    },
  );

  it('gives finished bytes early and goes on where it was', () => {
    const writer = new Writer().open(AirSync.Sync).open(Contacts.Categories);
    const first = writer.take();
    const copy = Buffer.from(first);
    writer.element(Contacts.Category, 'Kunde');
    const second = writer.take();
    expect(writer.pendingLength).toBe(0);
    const last = writer.close().close().finish();
    expect(first).toEqual(copy);
    const whole = new Writer().open(AirSync.Sync).open(Contacts.Categories).element(Contacts.Category, 'Kunde');
    expect(Buffer.concat([first, second, last])).toEqual(whole.close().close().finish());
  });

  it.each<[string, () => unknown]>([
    ['a close too many', () => new Writer().open(AirSync.Sync).close().close()],
    ['an end with open elements', () => new Writer().open(AirSync.Sync).finish()],
    ['a fragment with open elements', () => Writer.fragment().open(AirSync.Sync).toFragment()],
    ['a second root', () => new Writer().empty(AirSync.Sync).empty(AirSync.Sync)],
    ['a document without a root', () => new Writer().finish()],
    ['text outside an element', () => new Writer().text('x')],
    ['a fragment as a root', () => new Writer().fragment(Writer.fragment().empty(AirSync.Sync).toFragment())],
    ['a document taken for a fragment', () => new Writer().empty(AirSync.Sync).toFragment()],
    ['a fragment taken for a document', () => Writer.fragment().empty(AirSync.Sync).finish()],
    ['a tag without a token', () => new Writer().open(0x0004)],
    ['a token beyond six bits', () => new Writer().open(0x0045)],
    ['a page beyond eight bits', () => new Writer().open(0x10005)],
    [
      'use after the end',
      () => {
        const writer = new Writer().empty(AirSync.Sync);
        writer.finish();
        writer.take();
      },
    ],
  ])('throws on %s', (_, mistake) => expect(mistake).toThrow());
});

describe('a fragment', () => {
  const body = Writer.fragment().open(AirSyncBase.Body).element(AirSyncBase.Type, '1').close().toFragment();

  it('begins with a page switch and tells the page it ends in', () => {
    expect(hex(body.bytes)).toBe('00114a46033100' + '01' + '01');
    expect(body.endPage).toBe(17);
  });

  it('has memory of its own size', () => {
    expect(body.bytes.buffer.byteLength).toBe(body.bytes.length);
  });

  it('without elements changes nothing', () => {
    const empty = Writer.fragment().toFragment();
    const document = new Writer().open(AirSync.Sync).fragment(empty).empty(AirSync.GetChanges).close().finish();
    expect(hex(document)).toBe('03016a00451301');
  });

  it('leaves out the switch where the page is already right', () => {
    const document = new Writer().open(AirSyncBase.Attachments).fragment(body).close().finish();
    expect(hex(document)).toBe('03016a0000114e' + '4a46033100' + '01' + '01' + '01');
  });
});

describe('encodeTree', () => {
  it('writes text, opaque data and children of one element in this order', () => {
    const leaf = { tag: AirSync.GetChanges, children: [], text: '' };
    const tree = { tag: AirSync.Sync, children: [leaf], text: 't', opaque: new Uint8Array([1]) };
    expect(hex(encodeTree(tree))).toBe('03016a0045' + '037400' + 'c30101' + '13' + '01');
  });
});
