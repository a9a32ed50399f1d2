import { XMLBuilder } from 'fast-xml-parser';
import { SaxesParser } from 'saxes';

/** An element by the local names of its children; attributes begin with `@_`, text is `#text`. A leaf is its text. */
export type XmlNode = string | XmlElement | readonly XmlNode[];
export interface XmlElement {
  readonly [name: string]: XmlNode | undefined;
}

export const xsi = 'http://www.w3.org/2001/XMLSchema-instance';
/** An element that says it has no value. The document's root must declare the prefix. */
export const nil: XmlElement = { '@_xsi:nil': 'true' };

const builder = new XMLBuilder({
  ignoreAttributes: false,
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
  processEntities: true,
  format: false,
});

/** Thrown by `parseXml`; carries nothing of the document. */
export class NotXml extends Error {
  override readonly name = 'NotXml';
}

const maxDepth = 64;

interface Open {
  readonly name: string;
  readonly element: Record<string, XmlNode | undefined>;
  text: string;
  /** Whether it has children or attributes, and so is more than its text. */
  compound: boolean;
}

function append(parent: Open, name: string, node: XmlNode): void {
  parent.compound = true;
  const before = parent.element[name];
  if (before === undefined) parent.element[name] = node;
  else if (Array.isArray(before)) before.push(node);
  else parent.element[name] = [before, node];
}

/**
 * A document's elements by their local names, attributes after `@_`. Throws NotXml for what is not well-formed, for
 * documents that declare a type (and so could declare entities), and for depths no service has.
 */
export function parseXml(document: string): XmlElement {
  const root: Open = { name: '', element: Object.create(null), text: '', compound: true };
  const stack: Open[] = [root];
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on('error', () => {
    throw new NotXml('Not well-formed');
  });
  parser.on('doctype', () => {
    throw new NotXml('A document type is not accepted');
  });
  parser.on('opentag', (tag) => {
    if (stack.length > maxDepth) throw new NotXml('Too deep');
    const open: Open = { name: tag.local, element: Object.create(null), text: '', compound: false };
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.prefix === 'xmlns' || attribute.name === 'xmlns') continue;
      open.element[`@_${attribute.local}`] = attribute.value;
      open.compound = true;
    }
    stack.push(open);
  });
  const addText = (text: string) => {
    stack[stack.length - 1]!.text += text;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    const closed = stack.pop()!;
    if (closed.compound && closed.text !== '') closed.element['#text'] = closed.text;
    append(stack[stack.length - 1]!, closed.name, closed.compound ? closed.element : closed.text);
  });
  parser.write(document).close();
  return root.element;
}

/** A document without declaration; text and attributes are escaped. */
export const buildXml = (root: XmlElement): string => builder.build(root) as string;

const isElement = (node: XmlNode | undefined): node is XmlElement =>
  typeof node === 'object' && node !== null && !Array.isArray(node);

/** All children of a name: one, several or none make no difference. */
export function children(parent: XmlNode | undefined, name: string): readonly XmlNode[] {
  if (!isElement(parent)) return [];
  const found = parent[name];
  if (found === undefined) return [];
  return Array.isArray(found) ? found : [found as XmlNode];
}

/** The first child of a name; a leaf without attributes counts as an empty element. */
export function child(parent: XmlNode | undefined, name: string): XmlElement | undefined {
  const found = children(parent, name)[0];
  if (found === undefined) return undefined;
  return isElement(found) ? found : {};
}

/** A node's own text; absent for none, empty or nil. */
export function ownText(node: XmlNode | undefined): string | undefined {
  const text = isElement(node) ? node['#text'] : node;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** Text of the first child of a name; absent for none, empty or nil. */
export const text = (parent: XmlNode | undefined, name: string): string | undefined =>
  ownText(children(parent, name)[0]);

/** Whether the first child of a name is there and says it has no value. */
export const isNil = (parent: XmlNode | undefined, name: string): boolean => {
  const flag = child(parent, name)?.['@_nil'];
  return flag === 'true' || flag === '1';
};

/** A whole number; the office's lowest numbers stand for none (facts 3d). */
export function integer(parent: XmlNode | undefined, name: string): number | undefined {
  const value = text(parent, name)?.trim();
  if (value === undefined || !/^-?\d{1,19}$/.test(value)) return undefined;
  if (value === '-2147483648' || value === '-9223372036854775808' || value === '-32768') return undefined;
  return Number(value);
}

export function boolean(parent: XmlNode | undefined, name: string): boolean | undefined {
  const value = text(parent, name)?.trim().toLowerCase();
  return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : undefined;
}

/** An instant in UTC; the office means UTC where it names no zone, and no value by the year 1 (facts 3d). */
export function instant(parent: XmlNode | undefined, name: string): string | undefined {
  const value = text(parent, name)?.trim();
  if (value === undefined || value.startsWith('0001-01-01')) return undefined;
  const ms = Date.parse(/(?:Z|[+-]\d{2}:\d{2})$/.test(value) ? value : `${value}Z`);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

/** The day a dateTime without meaning for its time of day names. */
export function day(parent: XmlNode | undefined, name: string): string | undefined {
  const value = text(parent, name)?.trim().slice(0, 10);
  return value === undefined || value === '0001-01-01' || !/^\d{4}-\d{2}-\d{2}$/.test(value) ? undefined : value;
}

/** An instant as the office writes it: UTC, no fraction. */
export const dateTime = (value: string): string => value.replace(/\.\d+Z$/, 'Z');
