/**
 * How single values look on the wire. Rendering never throws on what the schemas accept: a value that the wire cannot
 * say is left out. Parsing mends what has one meaning, and refuses the rest.
 */
import { childrenOf, type Element, type Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';
import type { ParseContext, RenderContext } from '../port.ts';
import { formatBirthday, isPlainDate, parseBirthday, parseInstant } from './dates.ts';
import { cleared, nothing, type Reading, refused, value } from './reading.ts';

export interface Codec {
  render(writer: WbxmlWriter, tag: Tag, of: unknown, context: RenderContext): void;
  parse(element: Element, context: ParseContext): Reading;
}

/** Characters of a text property. Exchange cuts most at 255 or less; what is this long is no name and no number. */
export const maxTextLength = 32_768;

/** Entries of Categories and of Children (MS-ASCAL 2.2.2.9, MS-ASNOTE 2.2.2.2: at most 300). */
export const maxListLength = 300;

/** Text of an element whatever the form it came in, with LF line ends and nothing around it. */
export function plainText(element: Element): string {
  const raw = element.text === '' && element.opaque ? Buffer.from(element.opaque).toString('utf8') : element.text;
  return raw.replace(/\0/g, '').replace(/\r\n?/g, '\n').trim();
}

export const text: Codec = {
  render(writer, tag, of) {
    if (typeof of === 'string' && of !== '') writer.element(tag, of);
  },
  parse(element) {
    const content = plainText(element);
    if (content === '') return cleared;
    return content.length > maxTextLength ? refused('text too long') : value(content);
  },
};

export const instant: Codec = {
  render(writer, tag, of) {
    const time = typeof of === 'string' ? parseInstant(of) : undefined;
    if (time !== undefined) writer.element(tag, time);
  },
  parse(element) {
    const content = plainText(element);
    if (content === '') return cleared;
    const time = parseInstant(content);
    return time === undefined ? refused('not a time') : value(time);
  },
};

export const birthday: Codec = {
  render(writer, tag, of, context) {
    if (typeof of === 'string' && isPlainDate(of)) writer.element(tag, formatBirthday(of, context.timeZone));
  },
  parse(element, context) {
    const content = plainText(element);
    if (content === '') return cleared;
    const day = parseBirthday(content, context.timeZone);
    return day === undefined ? refused('not a time') : value(day);
  },
};

/** Numbers from 0 that stand for names, by place in the list. An unknown number says nothing. */
export function oneOf(names: readonly string[]): Codec {
  return {
    render(writer, tag, of) {
      const index = names.indexOf(of as string);
      if (index >= 0) writer.element(tag, String(index));
    },
    parse(element) {
      const content = plainText(element);
      if (content === '') return cleared;
      const name = names[Number(content)];
      return name === undefined ? nothing : value(name);
    },
  };
}

export const integer: Codec = {
  render(writer, tag, of) {
    if (typeof of === 'number' && Number.isSafeInteger(Math.round(of))) writer.element(tag, String(Math.round(of)));
  },
  parse(element) {
    const content = plainText(element);
    if (content === '') return cleared;
    const number = Number(content);
    return Number.isSafeInteger(number) ? value(number) : nothing;
  },
};

/** A container of one child element an entry. Empty and repeated entries are dropped. */
export function listOf(childTag: Tag): Codec {
  return {
    render(writer, tag, of) {
      if (!Array.isArray(of) || of.length === 0) return;
      writer.open(tag);
      for (const entry of of.slice(0, maxListLength)) writer.element(childTag, String(entry));
      writer.close();
    },
    parse(element) {
      const entries = new Set(childrenOf(element, childTag).map(plainText));
      entries.delete('');
      if (entries.size === 0) return cleared;
      if (entries.size > maxListLength) return refused(`more than ${maxListLength} entries`);
      for (const entry of entries) if (entry.length > maxTextLength) return refused('text too long');
      return value([...entries]);
    },
  };
}

/** `1` and `0`, and what sloppy clients write for them. */
export function parseFlag(element: Element | undefined): boolean | undefined {
  if (!element) return undefined;
  const content = plainText(element).toLowerCase();
  if (content === '1' || content === 'true') return true;
  return content === '0' || content === 'false' || content === '' ? false : undefined;
}
