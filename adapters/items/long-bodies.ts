/** Where bodies are in the data of an item's events, and how each is put in another's place. Pure. */
import type { ItemEventData } from '../../domain/item/events.ts';
import { parseItemType } from '../../domain/item/events.ts';
import type { Body, Fields } from '../../domain/item/fields.ts';
import type { MergeEventData } from '../../domain/matching/events.ts';

/** UTF-8 bytes of content that an event still carries itself. */
export const inlineBytesMax = 32_768;

export type NamedBody = Extract<Body, { blob: string }>;
export type WholeBody = Extract<Body, { content: string }>;
type Replace = (body: Body) => Body;

export function isNamed(body: Body): body is NamedBody {
  return 'blob' in body;
}

export function isLong(body: Body): body is WholeBody {
  // No UTF-16 unit takes more than three bytes, so most bodies need no counting.
  return (
    !isNamed(body) &&
    body.content.length * 3 > inlineBytesMax &&
    Buffer.byteLength(body.content, 'utf8') > inlineBytesMax
  );
}

/** The fields, or the `set` of a delta, whose paths may lead into exceptions; the same object when nothing changed. */
export function replaceBodies(record: Fields, replace: Replace): Fields {
  let result = record;
  const put = (name: string, before: unknown, after: unknown): void => {
    if (after !== before) result = { ...result, [name]: after };
  };
  for (const [name, value] of Object.entries(record)) {
    if (name === 'body') put(name, value, inBody(value, replace));
    else if (name === 'exceptions') put(name, value, inExceptions(value, replace));
    else if (name.startsWith('exceptions/')) put(name, value, inException(value, replace));
  }
  return result;
}

function inBody(value: unknown, replace: Replace): unknown {
  return isBody(value) ? replace(value) : value;
}

function inExceptions(value: unknown, replace: Replace): unknown {
  if (!isRecord(value)) return value;
  let result = value;
  for (const [key, exception] of Object.entries(value)) {
    const after = inException(exception, replace);
    if (after !== exception) result = { ...result, [key]: after };
  }
  return result;
}

function inException(value: unknown, replace: Replace): unknown {
  if (!isRecord(value) || !isRecord(value.changed)) return value;
  const after = inBody(value.changed.body, replace);
  return after === value.changed.body ? value : { ...value, changed: { ...value.changed, body: after } };
}

/** The data of one event of an item; other events pass as they are. */
export function replaceInEvent<E extends { readonly type: string; readonly data: unknown }>(
  event: E,
  replace: Replace,
): E {
  const verb = parseItemType(event.type)?.verb;
  if (event.type === 'ItemsMerged') return inMerge(event, replace);
  const within = (before: Fields, rebuild: (after: Fields) => unknown): E => {
    const after = replaceBodies(before, replace);
    return after === before ? event : { ...event, data: rebuild(after) };
  };
  if (verb === 'Added') {
    const data = event.data as ItemEventData['Added'];
    return within(data.fields, (fields) => ({ ...data, fields }));
  }
  if (verb === 'Changed') {
    const data = event.data as ItemEventData['Changed'];
    return within(data.set, (set) => ({ ...data, set }));
  }
  if (verb === 'ConflictKept') {
    const data = event.data as ItemEventData['ConflictKept'];
    return within(data.lost.set, (set) => ({ ...data, lost: { ...data.lost, set } }));
  }
  return event;
}

function inMerge<E extends { readonly data: unknown }>(event: E, replace: Replace): E {
  const data = event.data as MergeEventData['ItemsMerged'];
  const claim = replaceBodies(data.claim, replace);
  const filled = replaceBodies(data.filled, replace);
  return claim === data.claim && filled === data.filled ? event : { ...event, data: { ...data, claim, filled } };
}

/** The bodies that satisfy the test, in order. */
export function bodiesOf<B extends Body>(walk: (replace: Replace) => unknown, test: (body: Body) => body is B): B[] {
  const found: B[] = [];
  walk((body) => {
    if (test(body)) found.push(body);
    return body;
  });
  return found;
}

function isBody(value: unknown): value is Body {
  return isRecord(value) && (typeof value.content === 'string' || typeof value.blob === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
