/** Which events would be others than those that were stored. Places in the log and times count for nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Body } from '../../domain/item/fields.ts';
import type { StreamName } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import type { SyncEventData } from '../../domain/sync/events.ts';
import { contentOf } from '../activesync/conversation/renderer.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import { isNamed, replaceInEvent } from '../items/long-bodies.ts';
import type { EventDifference } from './port.ts';

/** Stream by stream. Ids, times and positions always differ and do not count. */
export function eventDifferences(recorded: readonly RecordedEvent[], now: readonly RecordedEvent[]): EventDifference[] {
  const streams = new Set([...recorded, ...now].map(({ stream }) => stream));
  return [...streams].flatMap((stream) => {
    const of = (events: readonly RecordedEvent[]) => events.filter((event) => event.stream === stream);
    return ofStream(stream, of(recorded), of(now));
  });
}

/** One after the other; what is of another type, or has no counterpart, stands alone. */
function ofStream(
  stream: StreamName,
  recorded: readonly RecordedEvent[],
  now: readonly RecordedEvent[],
): EventDifference[] {
  const item = parseItemStream(stream)?.item ?? null;
  const differences: EventDifference[] = [];
  const count = Math.max(recorded.length, now.length);
  for (let at = 0; at < count; at++) {
    const [before, after] = [recorded[at], now[at]];
    if (before && after && before.type === after.type) {
      const fields = differingFields(before, after);
      if (fields.length > 0) differences.push({ stream, item, type: before.type, difference: 'changed', fields });
      continue;
    }
    if (before)
      differences.push({ stream, item, type: before.type, difference: 'onlyRecorded', fields: namesIn(before) });
    if (after) differences.push({ stream, item, type: after.type, difference: 'onlyNow', fields: namesIn(after) });
  }
  return differences;
}

function differingFields(before: RecordedEvent, after: RecordedEvent): string[] {
  const [left, right] = [valuesOf(before), valuesOf(after)];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].filter((name) => !isDeepStrictEqual(left[name], right[name])).sort();
}

function namesIn(event: RecordedEvent): string[] {
  return Object.keys(valuesOf(event)).sort();
}

/** By name: the fields of an item by their own, everything else by the event's. */
function valuesOf(event: RecordedEvent): Record<string, unknown> {
  const { type, data } = replaceInEvent(event, unnamed);
  if (type === 'SyncAnswered') {
    const { key, base, ops, options } = data as SyncEventData['SyncAnswered'];
    // The tag of a rendering differs with each version of the mapping, also where its bytes are the same.
    const contents = ops.map(([item, op, version, hash]) => [item, op, version, contentOf(hash)] as const);
    // Among the ops of one item the last counts; which item comes first says nothing.
    contents.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return { key, base, ops: contents, options };
  }
  // As they are stored: without what is undefined, and numbers as JSON has them.
  const { fields, set, ...rest } = JSON.parse(JSON.stringify(data ?? {})) as Record<string, unknown>;
  // When a conversation began is the time of the request or some moments later, and so is what the folder then held.
  if (type === 'SyncReset') {
    delete rest.at;
    delete rest.present;
  }
  return { ...rest, ...(fields as object | undefined), ...(set as object | undefined) };
}

/** A long body is sealed under another name each time. */
function unnamed(body: Body): Body {
  return isNamed(body) ? { type: body.type, content: `${body.size} bytes` } : body;
}
