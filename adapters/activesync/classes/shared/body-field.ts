/**
 * The field `body`, the same in every class that has one.
 */
import type { Body } from '../../../../domain/item/fields.ts';
import type { Element } from '../../wbxml/element.ts';
import { parseBody, reconcileBody } from '../body.ts';
import type { ParseContext } from '../port.ts';
import { cleared, type Draft, nothing, refused, value } from './reading.ts';

/**
 * Reads the body into the draft, unless it is but the device's rendition of the one it knew: then nothing is said.
 */
export function parseBodyField(draft: Draft, applicationData: Element, context: ParseContext): void {
  const sent = parseBody(applicationData);
  if (sent === undefined) return;
  if (sent === 'refused') {
    draft.take('body', refused('too large, or of a type that cannot be kept'));
    return;
  }
  const known = context.known?.body as Body | undefined;
  const kept = reconcileBody(known, sent, context);
  draft.take('body', kept === known && known ? nothing : kept === 'clear' ? cleared : value(kept));
}
