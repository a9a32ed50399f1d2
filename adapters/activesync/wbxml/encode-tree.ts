import type { Element } from './element.ts';
import { Writer } from './writer.ts';

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
