import type { Body } from '../../../domain/item/fields.ts';
import { child, children, nil, text, type XmlElement, type XmlNode } from '../xml.ts';

/** A value to save: an absent one is said to be none, since an absent element would keep what was there. */
export const orNil = (value: string | undefined): XmlNode => (value === undefined ? nil : value);

export const bodyText = (body: Body | undefined): string | undefined =>
  body !== undefined && 'content' in body ? body.content : undefined;

export const textBody = (content: string | undefined): Body | undefined =>
  content === undefined ? undefined : { type: 'text', content };

/** The values of a list of `{Type, Value}`, by type; the first of a type counts. */
export function byType(parent: XmlNode | undefined, list: string, item: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of children(child(parent, list), item)) {
    const type = text(entry, 'Type');
    const value = text(entry, 'Value');
    if (type !== undefined && value !== undefined && !found.has(type)) found.set(type, value);
  }
  return found;
}

/** A list of `{Type, Value}`; nil when it is empty. */
export function typed(item: string, values: readonly (readonly [type: string, value: string | undefined])[]): XmlNode {
  const entries = values
    .filter(([, value]) => value !== undefined)
    .map(([Type, Value]): XmlElement => ({ Type, Value: Value as string }));
  return entries.length === 0 ? nil : { [item]: entries };
}
