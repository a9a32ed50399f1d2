/**
 * A class as a table: one row a property, so that rendering, parsing and ghosting read the same list.
 */
import type { Fields } from '../../../../domain/item/fields.ts';
import type { ProtocolVersion } from '../../version.ts';
import type { Element, Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import type { Codec } from './codecs.ts';
import type { Draft } from './reading.ts';

export interface Row<Field extends string = string> {
  readonly tag: Tag;
  readonly field: Field;
  readonly codec: Codec;
  /** The first version that has the element; it is not written to earlier ones. */
  readonly since?: ProtocolVersion;
  /** What clients say of a field that is not set: bringing it back is no change. */
  readonly unset?: unknown;
}

export function renderRows(writer: WbxmlWriter, rows: readonly Row[], fields: Fields, context: RenderContext): void {
  for (const { tag, field, codec, since } of rows) {
    const of = fields[field];
    if (of !== undefined && (since === undefined || context.version >= since)) {
      codec.render(writer, tag, of, context);
    }
  }
}

/** The children of an `ApplicationData` by tag; of repeated ones the first counts. */
export function elementsByTag(applicationData: Element): Map<Tag, Element> {
  const byTag = new Map<Tag, Element>();
  for (const element of applicationData.children) if (!byTag.has(element.tag)) byTag.set(element.tag, element);
  return byTag;
}

export function parseRows(
  draft: Draft,
  rows: readonly Row[],
  elements: ReadonlyMap<Tag, Element>,
  context: ParseContext,
): void {
  for (const { tag, field, codec, unset } of rows) {
    const element = elements.get(tag);
    if (!element) continue;
    const reading = codec.parse(element, context);
    const isUnset = reading.kind === 'value' && unset !== undefined && reading.value === unset;
    if (!(isUnset && context.known && context.known[field] === undefined)) draft.take(field, reading);
  }
}
