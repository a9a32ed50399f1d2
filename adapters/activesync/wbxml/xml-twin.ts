import { SaxesParser } from 'saxes';
import { tagByName } from './code-pages/index.ts';
import type { Element } from './element.ts';

interface OpenElement {
  readonly element: Element & { readonly children: Element[] };
  content: string;
}

/**
 * Reads what `formatXml` wrote (unredacted). Throws on anything that is not such a twin: goldens and tools use it, never
 * a request.
 */
export function parseXmlTwin(xml: string): Element {
  const parser = new SaxesParser<{ xmlns: false; defaultXMLVersion: '1.1'; forceXMLVersion: true }>({
    xmlns: false,
    defaultXMLVersion: '1.1',
    forceXMLVersion: true,
  });
  const open: OpenElement[] = [];
  let root: Element | undefined;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const tag = tagByName(name);
    if (tag === undefined) throw new Error(`No tag is named ${name}`);
    const opaque =
      attributes.opaque === undefined ? undefined : new Uint8Array(Buffer.from(attributes.opaque, 'base64'));
    open.push({ element: { tag, children: [], text: attributes.text ?? '', opaque }, content: '' });
  });
  parser.on('text', (text) => {
    const inner = open.at(-1);
    if (inner) inner.content += text;
  });
  parser.on('closetag', () => {
    const { element, content } = open.pop()!;
    // Between children there is only indentation.
    const done = element.children.length === 0 && content !== '' ? { ...element, text: content } : element;
    const parent = open.at(-1);
    if (parent) parent.element.children.push(done);
    else root = done;
  });
  parser.write(xml).close();
  if (root === undefined) throw new Error('An XML twin without an element');
  return root;
}
