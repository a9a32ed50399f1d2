/**
 * A decoded WBXML document. A tag is one number: code page in the high byte, token (0x05 to 0x3F) in the low one
 * (MS-ASWBXML 2.1.2.1). A token that no table knows survives as its number.
 */
export type Tag = number & { readonly __tag?: never };

export interface Element {
  readonly tag: Tag;
  readonly children: readonly Element[];
  /** Concatenated inline text, string table references resolved; '' when there is none. */
  readonly text: string;
  /** Opaque data, when the element holds some. */
  readonly opaque?: Uint8Array;
}

/** The first child with the tag. */
export function child(element: Element, tag: Tag): Element | undefined {
  for (const candidate of element.children) if (candidate.tag === tag) return candidate;
  return undefined;
}

export function childrenOf(element: Element, tag: Tag): Element[] {
  return element.children.filter((candidate) => candidate.tag === tag);
}

/** The text of the first child with the tag; undefined when the child is absent, '' when it is empty. */
export function textOf(element: Element, tag: Tag): string | undefined {
  return child(element, tag)?.text;
}
