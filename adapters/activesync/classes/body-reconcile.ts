/**
 * Keeps a device that knows less of a body than we do from destroying it: one that was given plain text of HTML, or
 * only the head of a long text, sends back just that when something else of the item has changed.
 */
import type { Body } from '../../../domain/item/fields.ts';
import { contentOf, type Rendition, renditionOf } from './body-rendition.ts';
import { comparable, htmlToText } from './body-text.ts';
import type { BodyPreference } from './port.ts';

/** The preferences under which the device was given the body; absent or empty: all of it, as plain text. */
export interface ReconcileContext {
  readonly bodyPreferences?: readonly BodyPreference[];
}

/**
 * The body to keep: `known` itself (the same object) when what was sent is but the device's rendition of it, whole or
 * truncated; else `sent`. Blanks and line ends do not count across types; within plain text a change of line ends
 * alone does not count. `known` should carry its content: of a body left in the blob store only its size can be
 * compared, so text as long as the device's TruncationSize is taken for its head.
 */
export function reconcileBody<Sent extends Body | 'clear'>(
  known: Body | undefined,
  sent: Sent,
  context: ReconcileContext,
): Body | Sent {
  if (!known) return sent;
  const preferences = context.bodyPreferences ?? [];
  const rendition = renditionOf(known, { version: 121, bodyPreferences: preferences });
  if (sent === 'clear') return knownToBeEmpty(rendition) ? known : sent;
  const back = contentOf(sent as Body);
  if (back === undefined) return sent;
  const whole = contentOf(known);
  if (whole === undefined) return isHeadBySize(known, back, preferences) ? known : sent;
  if ((sent as Body).type === known.type && sameText(known.type, whole, back)) return known;
  if (rendition.truncated && isRendition(rendition, sent as Body, back)) return known;
  return (sent as Body).type !== known.type && sameMeaning(known, whole, sent as Body, back) ? known : sent;
}

/** The device was shown nothing of the body, so its saying "empty" tells us nothing. */
function knownToBeEmpty(rendition: Rendition): boolean {
  return !rendition.data;
}

function sameText(type: Body['type'], a: string, b: string): boolean {
  return a === b || (type !== 'rtf' && lineEnds(a) === lineEnds(b));
}

function lineEnds(text: string): string {
  return text.replace(/\r\n?/g, '\n').trimEnd();
}

function isRendition(rendition: Rendition, sent: Body, back: string): boolean {
  const head = rendition.data ?? '';
  if (nativeTypes[sent.type] === rendition.type && comparable(back) === comparable(head)) return true;
  return comparable(asText(sent.type, back)) === comparable(rendition.type === 2 ? htmlToText(head) : head);
}

function sameMeaning(known: Body, whole: string, sent: Body, back: string): boolean {
  if (known.type === 'rtf' || sent.type === 'rtf') return false;
  return comparable(asText(known.type, whole)) === comparable(asText(sent.type, back));
}

const nativeTypes = { text: 1, html: 2, rtf: 3 } as const;

function asText(type: Body['type'], content: string): string {
  return type === 'html' ? htmlToText(content) : content;
}

/** Cutting at a whole character loses at most 3 bytes; devices also trim the end. */
function isHeadBySize(known: Body, back: string, preferences: readonly BodyPreference[]): boolean {
  if (!('size' in known)) return false;
  const sizeBytes = Buffer.byteLength(back);
  return preferences.some(
    ({ truncationSize }) =>
      truncationSize !== undefined &&
      truncationSize < known.size &&
      sizeBytes <= truncationSize &&
      sizeBytes >= truncationSize - 8,
  );
}
