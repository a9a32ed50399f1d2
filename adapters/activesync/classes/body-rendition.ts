/**
 * Chooses the form in which a client gets a body (MS-ASAIRS 2.2.2.12 BodyPreference, 2.2.2.3.2 AllOrNone).
 */
import type { Body } from '../../../domain/item/fields.ts';
import { htmlToText, maxBodyBytes, previewOf, textToHtml, truncateHtml, truncateUtf8 } from './body-text.ts';
import type { BodyPreference, RenderContext } from './port.ts';

/** A body as one client gets it. `sizeBytes` is that of the whole body in this type; `data` absent: none is sent. */
export interface Rendition {
  readonly type: 1 | 2 | 3;
  readonly sizeBytes: number;
  readonly truncated: boolean;
  readonly data?: string;
  readonly preview?: string;
}

/** Content in clear, or undefined when it lies in the blob store. */
export function contentOf(body: Body): string | undefined {
  return 'content' in body ? body.content : undefined;
}

const nativeTypes = { text: 1, html: 2, rtf: 3 } as const;

/** Without preferences: all of it, as plain text. */
const plainText: BodyPreference = { type: 1 };

/**
 * The rendition for these preferences. The body's own type goes first when it is among them, then the richer of the
 * others. A preference with AllOrNone is passed over when the body is larger than its TruncationSize; when all are
 * passed over, the first is taken and no data is sent.
 */
export function renditionOf(
  body: Body | undefined,
  context: Pick<RenderContext, 'version' | 'bodyPreferences'>,
): Rendition {
  const wanted = usable(body, context.bodyPreferences);
  const first = wanted[0] ?? plainText;
  if (!body) return { type: first.type === 2 ? 2 : 1, sizeBytes: 0, truncated: false, data: '' };
  const content = contentOf(body);
  if (content === undefined) {
    return { type: nativeTypes[body.type], sizeBytes: 'size' in body ? body.size : 0, truncated: true };
  }
  let refused: Rendition | undefined;
  for (const preference of wanted.length > 0 ? wanted : [plainText]) {
    const rendition = render(body.type, content, preference, context.version >= 140);
    if (rendition.data !== undefined || !preference.allOrNone) return rendition;
    refused ??= rendition;
  }
  return refused ?? render(body.type, content, plainText, false);
}

/** The preferences we can serve for this body, best first. RTF is only ever given as RTF, MIME never. */
function usable(body: Body | undefined, preferences: readonly BodyPreference[]): BodyPreference[] {
  const native = body ? nativeTypes[body.type] : 1;
  const rank = (type: number): number => (type === native ? 0 : type === 2 ? 1 : 2);
  return preferences
    .filter(({ type }) => type === 1 || type === 2 || (type === 3 && native === 3))
    .sort((a, b) => rank(a.type) - rank(b.type));
}

function render(native: Body['type'], content: string, preference: BodyPreference, previews: boolean): Rendition {
  const type = preference.type === 4 ? 1 : preference.type;
  const whole = convert(native, type, content);
  // RTF cannot be shown as anything else here: its size is told, and nothing of it sent.
  if (whole === undefined) return { type, sizeBytes: Buffer.byteLength(content), truncated: true };
  const sizeBytes = Buffer.byteLength(whole);
  const limit = Math.min(preference.truncationSize ?? maxBodyBytes, maxBodyBytes);
  const fits = sizeBytes <= limit;
  const head = fits ? whole : preference.allOrNone || type === 3 ? '' : truncate(type, whole, limit);
  const data = head !== '' || fits ? head : undefined;
  const preview =
    previews && preference.preview && sizeBytes > 0 && !(type === 1 && data)
      ? previewOf(native === 'html' ? htmlToText(content) : native === 'text' ? content : '', preference.preview)
      : undefined;
  return { type, sizeBytes, truncated: !fits, data, preview: preview || undefined };
}

function truncate(type: 1 | 2 | 3, whole: string, limit: number): string {
  return type === 2 ? truncateHtml(whole, limit) : truncateUtf8(whole, limit);
}

function convert(native: Body['type'], type: 1 | 2 | 3, content: string): string | undefined {
  if (nativeTypes[native] === type) return content;
  if (native === 'text' && type === 2) return textToHtml(content);
  if (native === 'html' && type === 1) return htmlToText(content);
  return undefined;
}
