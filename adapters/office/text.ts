import { compile } from 'html-to-text';
import type { Body } from '../../domain/item/fields.ts';

/** What XML 1.0 cannot carry: control characters and halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unstorable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

const storable = (text: string): string => text.toWellFormed().replace(unstorable, '');

/** Cuts after `max` UTF-16 units, never through a character. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** Reading HTML takes time with the square of its depth, so its length has a limit. */
const htmlMaxLength = 256_000;

/** HTML to text; deep or endless documents are cut rather than walked to their end. */
const htmlToText = compile({
  wordwrap: false,
  limits: { maxInputLength: htmlMaxLength, maxDepth: 100, maxChildNodes: 20_000, ellipsis: '' },
});

/** One line of at most `max` characters; absent when nothing is left of it. */
export function line(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = cut(
    storable(value)
      .replace(/[\r\n\t]+/g, ' ')
      .trim(),
    max,
  ).trimEnd();
  return text === '' ? undefined : text;
}

/** Text of several lines, ended by LF alone; absent when nothing is left of it. */
export function lines(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = cut(storable(value).replace(/\r\n?/g, '\n').trim(), max).trimEnd();
  return text === '' ? undefined : text;
}

/**
 * A body as plain text, the only kind the office holds; RTF it cannot hold at all. Throws a TypeError for a body that
 * names a blob: its content must be fetched before.
 */
export function plainBody(body: Body | undefined, max: number): Body | undefined {
  if (body === undefined || body.type === 'rtf') return undefined;
  if (!('content' in body)) throw new TypeError('A body must have its content before it can be told to the office');
  const text = body.type === 'html' ? htmlToText(cut(body.content, htmlMaxLength)) : body.content;
  const content = lines(text, max);
  return content === undefined ? undefined : { type: 'text', content };
}

/** The bare address of `"Name" <address>`. */
export function bareAddress(value: unknown, max: number): string | undefined {
  const text = line(value, max * 4);
  if (text === undefined) return undefined;
  const open = text.lastIndexOf('<');
  const close = text.lastIndexOf('>');
  return line(open >= 0 && close > open + 1 ? text.slice(open + 1, close) : text, max);
}
