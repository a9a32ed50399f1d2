/**
 * Conversions of body text. All are bounded: time is linear in the input, or the input is small.
 */
import { createRequire } from 'node:module';

/** The largest body taken from a client or given to one, in bytes of UTF-8. */
export const maxBodyBytes = 1_048_576;

/** Above this many tags the parser's tree costs too much (it is quadratic in depth); tags are then just cut out. */
const maxTags = 20_000;

type Convert = (html: string) => string;
let convert: Convert | undefined;

/** Loaded on first use: most companies' notes are plain text, and the library costs 30 ms and a few megabytes. */
function converter(): Convert {
  if (convert) return convert;
  const { compile } = createRequire(import.meta.url)('html-to-text') as typeof import('html-to-text');
  const headings = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
    selector,
    options: { uppercase: false },
  }));
  convert = compile({
    wordwrap: false,
    limits: { maxInputLength: maxBodyBytes, maxDepth: 200, maxChildNodes: maxTags, ellipsis: '' },
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true, noAnchorUrl: true } },
      { selector: 'table', format: 'block' },
      ...headings,
    ],
  });
  return convert;
}

/** Plain text with LF line ends. Links keep their address in brackets; images are left out. */
export function htmlToText(html: string): string {
  return countTags(html) > maxTags ? stripTags(html) : converter()(html);
}

function countTags(html: string): number {
  let count = 0;
  for (let at = html.indexOf('<'); at >= 0 && count <= maxTags; at = html.indexOf('<', at + 1)) count++;
  return count;
}

function stripTags(html: string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      parts.push(html.slice(at));
      break;
    }
    parts.push(html.slice(at, open), ' ');
    const end = html.indexOf('>', open);
    if (end < 0) break;
    at = end + 1;
  }
  const text = parts.join('').replace(/&(?:lt|gt|amp|quot|nbsp|#39);/g, (entity) => entities[entity] ?? entity);
  return text.replace(/[^\S\n]+/g, ' ').trim();
}

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
};

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A whole HTML document that shows the text as it is: characters escaped, line ends and runs of blanks kept. */
export function textToHtml(text: string): string {
  const shown = text
    .replace(/[&<>"]/g, (character) => escapes[character] ?? character)
    .replace(/\t/g, '    ')
    .replace(/ (?= )|^ /gm, '&nbsp;')
    .replace(/\r\n?|\n/g, '<br>\n');
  return `<html><body>${shown}</body></html>`;
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(maxBodyBytes);

/** The longest head of `text` that has at most `maxBytes` bytes of UTF-8 and ends with a whole character. */
export function truncateUtf8(text: string, maxBytes: number): string {
  const limit = Math.min(maxBytes, maxBodyBytes);
  if (text.length * 3 <= limit) return text;
  const { read } = encoder.encodeInto(text, scratch.subarray(0, Math.max(0, limit)));
  return read === text.length ? text : text.slice(0, read);
}

/** As `truncateUtf8`, but no tag and no entity is cut in two. */
export function truncateHtml(html: string, maxBytes: number): string {
  const head = truncateUtf8(html, maxBytes);
  if (head.length === html.length) return html;
  const tag = head.lastIndexOf('<');
  if (tag > head.lastIndexOf('>')) return head.slice(0, tag);
  const entity = head.lastIndexOf('&');
  return entity >= head.length - 10 && entity > head.lastIndexOf(';') ? head.slice(0, entity) : head;
}

/** The first `maxCharacters` of the text as one line, no surrogate pair cut (MS-ASAIRS 2.2.2.35.1 Preview). */
export function previewOf(text: string, maxCharacters: number): string {
  const line = text
    .slice(0, maxCharacters * 8)
    .replace(/\s+/g, ' ')
    .trim();
  if (line.length <= maxCharacters) return line;
  const cut = line.slice(0, maxCharacters);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}

/** For comparing texts that went through a device: line ends, no-break spaces and runs of blanks do not count. */
export function comparable(text: string): string {
  return text.replace(/[\s\u00A0\u200B\uFEFF]+/g, ' ').trim();
}
