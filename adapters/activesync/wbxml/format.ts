import { tagName } from './code-pages/index.ts';
import type { Element } from './element.ts';
import { structuralTags } from './structural-tags.ts';

export interface FormatOptions {
  /**
   * Hides the text of all but the structural elements, and all opaque data, so that the result may stand in a log.
   * Default false.
   */
  readonly redact?: boolean;
}

/**
 * A readable twin of a tree: indented XML 1.1, one element a line, names as {@link tagName} gives them. Text of an
 * element with children stands in an attribute `text`, opaque data in an attribute `opaque` (base64, or the length
 * when redacted). Characters no XML can hold (U+FFFE, U+FFFF, lone surrogates) become U+FFFD; all else reads back
 * with `parseXmlTwin` as it was. Ends without a line break.
 */
export function formatXml(element: Element, options: FormatOptions = {}): string {
  const lines: string[] = [];
  format(element, '', options.redact ?? false, lines);
  return lines.join('\n');
}

function format(element: Element, indent: string, redact: boolean, lines: string[]): void {
  const { tag, children, opaque } = element;
  const name = tagName(tag);
  const text = redact && element.text !== '' && !structuralTags.has(tag) ? '[redacted]' : element.text;
  const start = `${indent}<${name}${opaque === undefined ? '' : opaqueAttribute(opaque, redact)}`;
  if (children.length === 0) {
    lines.push(text === '' ? `${start}/>` : `${start}>${escaped(text, inContent)}</${name}>`);
    return;
  }
  lines.push(text === '' ? `${start}>` : `${start} text="${escaped(text, inAttribute)}">`);
  for (const inner of children) format(inner, `${indent}  `, redact, lines);
  lines.push(`${indent}</${name}>`);
}

function opaqueAttribute(opaque: Uint8Array, redact: boolean): string {
  const value = redact ? `[${opaque.length} bytes]` : Buffer.from(opaque).toString('base64');
  return ` opaque="${value}"`;
}

// Control characters and foreign line ends would not survive as themselves; tab and line feed do in content only.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const inContent = /[&<>\u0001-\u0008\u000B-\u001F\u007F-\u009F\u2028\uFFFE\uFFFF]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const inAttribute = /[&<>"\u0001-\u001F\u007F-\u009F\u2028\uFFFE\uFFFF]/g;

function escaped(text: string, special: RegExp): string {
  return text.toWellFormed().replace(special, (character) => {
    const named = namedEntities[character];
    if (named !== undefined) return named;
    const code = character.charCodeAt(0);
    return code >= 0xfffe ? '\uFFFD' : `&#x${code.toString(16).toUpperCase()};`;
  });
}

const namedEntities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
