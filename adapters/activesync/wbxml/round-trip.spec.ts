import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from './decode.ts';
import type { Element, Tag } from './element.ts';
import { formatXml } from './format.ts';
import { plain, tagArbitrary, treeArbitrary } from './tree.arbitrary.ts';
import { encodeTree, Writer, writeTree } from './writer.ts';
import { parseXmlTwin } from './xml-twin.ts';

function decoded(bytes: Uint8Array): Element {
  const result = decodeWbxml(bytes);
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.root;
}

/** Documents with a real header and a body of likely tokens: they reach deeper than noise. */
const nearlyValidArbitrary = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x00, 0x01, 0x02, 0x03, 0x04, 0x43, 0x44, 0x83, 0xc3, 0x40, 0x80, 0xc0, 0x45, 0xc5, 0x85),
      fc.nat(0xff),
    ),
    { maxLength: 400, size: 'max' },
  )
  .map((body) => Uint8Array.from([0x03, 0x01, 0x6a, 0x03, 0x61, 0x62, 0x00, 0x45, ...body]));

describe('encoding and decoding', () => {
  it('give back any tree, unknown pages and tokens included', () => {
    fc.assert(
      fc.property(treeArbitrary, (tree) => {
        expect(plain(decoded(encodeTree(tree)))).toEqual(plain(tree));
      }),
      { numRuns: 500 },
    );
  });

  it('give back the same bytes for what the encoder wrote', () => {
    fc.assert(
      fc.property(treeArbitrary, (tree) => {
        const bytes = encodeTree(tree);
        expect(encodeTree(decoded(bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  it('give back any tree through the readable twin', () => {
    fc.assert(
      fc.property(treeArbitrary, (tree) => {
        const writable = JSON.stringify(plain(tree)).replace(/[\uFFFE\uFFFF]/g, '\uFFFD');
        expect(plain(parseXmlTwin(formatXml(tree)))).toEqual(JSON.parse(writable));
      }),
    );
  });

  it('write a fragment as inline writing would, after any page and before any page', () => {
    fc.assert(
      fc.property(tagArbitrary, fc.array(treeArbitrary, { maxLength: 4 }), tagArbitrary, (around, trees, after) => {
        const inline = new Writer().open(around);
        for (const tree of trees) writeTree(inline, tree);
        const fragmentWriter = Writer.fragment();
        for (const tree of trees) writeTree(fragmentWriter, tree);
        const pasted = new Writer().open(around).fragment(fragmentWriter.toFragment());
        const [expected, actual] = [inline, pasted].map((writer) => writer.empty(after).close().finish());
        expect(actual).toEqual(expected);
      }),
    );
  });

  it('write fragments inside fragments as inline writing would', () => {
    fc.assert(
      fc.property(tagArbitrary, treeArbitrary, (outer, tree) => {
        const inner = Writer.fragment();
        writeTree(inner, tree);
        const middle = Writer.fragment()
          .fragment(inner.toFragment())
          .fragment(Writer.fragment().empty(outer).toFragment());
        const root = decoded(new Writer().open(outer).fragment(middle.toFragment()).close().finish());
        expect(root.children.map(plain)).toEqual([plain(tree), plain(leaf(outer))]);
      }),
    );
  });

  it('do not care where a streaming writer is emptied', () => {
    fc.assert(
      fc.property(fc.array(treeArbitrary, { minLength: 1, maxLength: 5 }), tagArbitrary, (trees, around) => {
        const atOnce = new Writer().open(around);
        const streaming = new Writer().open(around);
        const pieces: Buffer[] = [];
        for (const tree of trees) {
          writeTree(atOnce, tree);
          writeTree(streaming, tree);
          pieces.push(streaming.take());
        }
        pieces.push(streaming.close().finish());
        expect(Buffer.concat(pieces).equals(atOnce.close().finish())).toBe(true);
      }),
    );
  });
});

describe('decoding what a stranger sent', () => {
  it('never throws on noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500, size: 'max' }), (bytes) => {
        expect(typeof decodeWbxml(bytes).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on nearly valid documents, and can write again whatever it accepts', () => {
    fc.assert(
      fc.property(nearlyValidArbitrary, (bytes) => {
        const result = decodeWbxml(bytes);
        if (result.ok) expect(plain(decoded(encodeTree(result.root)))).toEqual(plain(result.root));
        else expect(result.offset).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws on valid documents with changed bytes', () => {
    const changes = fc.array(fc.tuple(fc.nat(10_000), fc.nat(0xff)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(treeArbitrary, changes, (tree, edits) => {
        const bytes = encodeTree(tree);
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        const result = decodeWbxml(bytes);
        if (result.ok) expect(plain(decoded(encodeTree(result.root)))).toEqual(plain(result.root));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses every truncation of a document', () => {
    fc.assert(
      fc.property(treeArbitrary, fc.nat(), (tree, cut) => {
        const bytes = encodeTree(tree);
        const result = decodeWbxml(bytes.subarray(0, cut % bytes.length));
        expect(result).toMatchObject({ ok: false });
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, number[]]>([
    ['inline strings', [0x03, 0x61, 0x00]],
    ['long references to the string table', [0x83, 0x00]],
    ['references to an empty string', [0x83, 0x02]],
    ['entities', [0x02, 0x41]],
    ['opaque data of one byte', [0xc3, 0x01, 0x00]],
    ['page switches', [0x00, 0x01]],
    ['extension tokens', [0xc0]],
    ['processing instructions', [0x43, 0x05, 0x01]],
    ['attributes', [0x85, 0x05, 0x01]],
    ['literals', [0x04, 0x00]],
    ['elements', [0x13]],
    ['opened elements', [0x45]],
  ])('takes less than two seconds for four megabytes of %s', (_, pattern) => {
    const header = Buffer.from([0x03, 0x01, 0x6a, 0x03, 0x61, 0x62, 0x00, 0x45]);
    const bytes = Buffer.concat([header, Buffer.alloc(4 * 1024 * 1024, Buffer.from(pattern)), Buffer.from([0x01])]);
    const start = performance.now();
    expect(typeof decodeWbxml(bytes).ok).toBe('boolean');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

function leaf(tag: Tag): Element {
  return { tag, children: [], text: '' };
}
