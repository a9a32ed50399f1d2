import fc from 'fast-check';
import { codePages } from './code-pages/index.ts';
import type { Element, Tag } from './element.ts';

const knownTags = codePages.flatMap((page) => Object.values<Tag>(page));

/** Mostly tags of the tables, and now and then any page with any token. */
export const tagArbitrary: fc.Arbitrary<Tag> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownTags) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(0xff), fc.integer({ min: 0x05, max: 0x3f })).map(([p, t]) => (p << 8) | t) },
);

/** Text that WBXML can hold: well-formed, without NUL. */
export const textArbitrary: fc.Arbitrary<string> = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string({ maxLength: 300, size: 'max' }))
  .map((text) => text.replaceAll('\0', ''));

const opaqueArbitrary = fc.uint8Array({ maxLength: 300, size: 'max' });

/** Trees as the decoder gives them. */
export const treeArbitrary: fc.Arbitrary<Element> = fc.letrec<{ leaf: Element; tree: Element }>((tie) => ({
  leaf: fc.record({
    tag: tagArbitrary,
    children: fc.constant([]),
    text: textArbitrary,
    opaque: fc.option(opaqueArbitrary, { nil: undefined, freq: 8 }),
  }),
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 12, withCrossShrink: true },
    tie('leaf'),
    fc.record({
      tag: tagArbitrary,
      children: fc.array(tie('tree'), { maxLength: 6 }),
      text: fc.option(textArbitrary, { nil: '', freq: 6 }),
      opaque: fc.option(opaqueArbitrary, { nil: undefined, freq: 12 }),
    }),
  ),
})).tree;

/** The same tree with plain byte arrays, so that equality does not ask which class holds the bytes. */
export function plain(element: Element): unknown {
  const { tag, children, text, opaque } = element;
  return { tag, text, opaque: opaque && Array.from(opaque), children: children.map(plain) };
}
