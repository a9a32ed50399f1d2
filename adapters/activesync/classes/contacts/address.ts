/**
 * Addresses on the wire are five properties each; in the domain an address is one value.
 */
import type { Address } from '../../../../domain/contact/fields.ts';
import type { Fields } from '../../../../domain/item/fields.ts';
import type { Element, Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { text } from '../shared/codecs.ts';
import { absenceClears } from '../shared/ghosting.ts';
import { cleared, type Draft, value } from '../shared/reading.ts';
import { type AddressRow, addressRows, contactRule } from './table.ts';

export function renderAddresses(writer: WbxmlWriter, fields: Fields, context: RenderContext): void {
  for (const { field, parts } of addressRows) {
    const address = fields[field] as Address | undefined;
    if (!address) continue;
    for (const [tag, part] of parts) text.render(writer, tag, address[part], context);
  }
}

/** A part that is left out and ghosted, or left out of an address otherwise untouched, keeps its known value. */
export function parseAddresses(draft: Draft, elements: ReadonlyMap<Tag, Element>, context: ParseContext): void {
  for (const row of addressRows) parseAddress(draft, row, elements, context);
}

function parseAddress(
  draft: Draft,
  { field, parts }: AddressRow,
  elements: ReadonlyMap<Tag, Element>,
  context: ParseContext,
): void {
  const known = context.known?.[field] as Address | undefined;
  const address: { -readonly [Part in keyof Address]: Address[Part] } = {};
  let spokenOf = false;
  for (const [tag, part] of parts) {
    const element = elements.get(tag);
    if (!element) {
      if (absenceClears(tag, context, contactRule)) spokenOf = true;
      else if (known?.[part] !== undefined) address[part] = known[part];
      continue;
    }
    spokenOf = true;
    const reading = text.parse(element, context);
    if (reading.kind === 'refused') draft.take(field, reading);
    else if (reading.kind === 'value') address[part] = reading.value as string;
  }
  if (!spokenOf) return;
  draft.take(field, Object.keys(address).length > 0 ? value(address) : cleared);
}
