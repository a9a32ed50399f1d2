/** Two versions of an item's fields in one, as far as they go together without losing anything of the first. */
import { equal, valueAt } from '../conflict/paths.ts';
import type { Body, Fields, ItemKind } from './fields.ts';
import { isEmptyValue, unitsOf, withValues } from './units.ts';

/** A version that won, and the one that lost against it at these paths. */
export interface Versions {
  readonly won: Fields;
  readonly lost: Fields;
  readonly paths: readonly string[];
}

/**
 * The present fields, filled with what lost. Only what is still as it won is filled:
 * - `body`: both texts, that of the loser below; as HTML when one of them is. RTF is not joined.
 * - Lists of words (`categories`, `children`): all words of both.
 * - Anything else, and a group of fields that only make sense together (start and end, the parts of a name): the
 *   loser's where all of it is empty now; else it stays. What the loser had cleared stays too.
 */
export function joined(kind: ItemKind, present: Fields, { won, lost, paths }: Versions): Fields {
  let fields = present;
  for (const unit of unitsOf(kind, paths)) {
    if (!unit.every((path) => equal(valueAt(present, path), valueAt(won, path)))) continue;
    if (unit.every((path) => isEmptyValue(valueAt(present, path)))) {
      if (!unit.every((path) => isEmptyValue(valueAt(lost, path)))) fields = withValues(fields, lost, unit);
      continue;
    }
    const [path] = unit as [string];
    const both = unit.length === 1 ? joinedValue(path, valueAt(present, path), valueAt(lost, path)) : undefined;
    if (both !== undefined) fields = withValues(fields, { [path]: both }, [path]);
  }
  return fields;
}

function joinedValue(path: string, present: unknown, lost: unknown): unknown {
  if (isEmptyValue(lost)) return undefined;
  if (path === 'body') return joinedBodies(present as Body, lost as Body);
  if (isWords(present) && isWords(lost)) return [...new Set([...present, ...lost])];
  return undefined;
}

const isWords = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((word) => typeof word === 'string');

/** Undefined where one of them cannot be read here, and stays as it is. */
function joinedBodies(present: Body, lost: Body): Body | undefined {
  if (!('content' in present) || !('content' in lost) || present.type === 'rtf' || lost.type === 'rtf')
    return undefined;
  if (present.type === lost.type) {
    if (present.content.includes(lost.content.trim())) return present;
    if (lost.content.includes(present.content.trim())) return lost;
  }
  if (present.type === 'text' && lost.type === 'text') {
    return { type: 'text', content: `${present.content.trimEnd()}\n\n${lost.content.trimStart()}` };
  }
  const [above, below] = [htmlOf(present), `<hr>${withinBody(htmlOf(lost))}`];
  const end = above.search(/<\/body\s*>/i);
  const content = end < 0 ? above + below : above.slice(0, end) + below + above.slice(end);
  return { type: 'html', content };
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function htmlOf({ type, content }: Body & { content: string }): string {
  if (type === 'html') return content;
  return content.replaceAll(/[&<>]/g, (character) => entities[character] as string).replaceAll(/\r?\n/g, '<br>');
}

function withinBody(html: string): string {
  const begin = /<body[^>]*>/i.exec(html);
  const rest = begin ? html.slice(begin.index + begin[0].length) : html;
  const end = rest.search(/<\/body\s*>/i);
  return end < 0 ? rest : rest.slice(0, end);
}
