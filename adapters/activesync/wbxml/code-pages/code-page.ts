import type { Tag } from '../element.ts';

/** Key of a page's own number and name, so that the page's string properties are its tags and nothing else. */
export const codePageId: unique symbol = Symbol('code page');

export type CodePage<Name extends string> = { readonly [Local in Name]: Tag } & {
  readonly [codePageId]: { readonly number: number; readonly name: string };
};

/**
 * Defines a code page from its tokens (0x05 to 0x3F). The properties of the result are tags: page in the high byte,
 * token in the low one. Throws when a token is out of range or given twice.
 */
export function codePage<const Tokens extends Readonly<Record<string, number>>>(
  number: number,
  name: string,
  tokens: Tokens,
): CodePage<keyof Tokens & string> {
  const tags: Record<string, Tag> = {};
  const seen = new Set<number>();
  for (const [local, token] of Object.entries(tokens)) {
    if (token < 0x05 || token > 0x3f || seen.has(token)) throw new Error(`${name}:${local} has an impossible token`);
    seen.add(token);
    tags[local] = (number << 8) | token;
  }
  Object.defineProperty(tags, codePageId, { value: Object.freeze({ number, name }) });
  return Object.freeze(tags) as CodePage<keyof Tokens & string>;
}
