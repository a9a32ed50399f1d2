import type { Tag } from './element.ts';

/** Pre-encoded elements: bytes and the code page they end in. They begin with a page switch, so they fit anywhere. */
export interface Fragment {
  readonly bytes: Buffer;
  readonly endPage: number;
}

/** Writes WBXML 1.3, UTF-8, public id 1, without a string table (MS-ASWBXML 2.1.1). */
export interface WbxmlWriter {
  open(tag: Tag): this;
  close(): this;
  /** `<tag>text</tag>`; an empty text writes `<tag/>`. NUL characters are dropped: WBXML cannot hold them. */
  element(tag: Tag, text: string): this;
  empty(tag: Tag): this;
  opaque(tag: Tag, bytes: Uint8Array): this;
  fragment(fragment: Fragment): this;
}
