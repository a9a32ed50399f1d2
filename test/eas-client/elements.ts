/** Element trees made by hand, and read without ceremony. */
import { child, type Element, type Tag } from '../../adapters/activesync/wbxml/element.ts';

export function el(tag: Tag, content: string | readonly Element[] = ''): Element {
  return typeof content === 'string' ? { tag, text: content, children: [] } : { tag, text: '', children: content };
}

/** The element that a path of tags leads to, each time the first. */
export function at(element: Element | undefined, ...path: readonly Tag[]): Element | undefined {
  let found = element;
  for (const tag of path) found = found && child(found, tag);
  return found;
}

/** The number in the element a path leads to; undefined when there is none. */
export function numberAt(element: Element | undefined, ...path: readonly Tag[]): number | undefined {
  const text = at(element, ...path)?.text;
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}
