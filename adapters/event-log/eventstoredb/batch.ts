/** What goes to the store in one append: it takes 1 MiB at once unless its operator says otherwise. */
import type { EventId } from '../../../domain/shared/ids.ts';
import { AppendRejected, type StoredEvent, type StreamWrite } from '../port.ts';
import { wireSize } from './wire.ts';

/** A safe bit under the store's own limit. */
export const defaultMaxAppendBytes = 1_040_000;

const maxEvents = 1_000;

/** A payload below this gains little aside. */
const minAside = 1_024;

const sizeOf = (writes: readonly StreamWrite[]): number =>
  writes.reduce(
    (sum, { stream, events }) => sum + events.reduce((own, one) => own + wireSize({ ...one, stream }), 0),
    0,
  );

/** How many calls, from the first, go together: at least 1. */
export function fitCount(calls: readonly { readonly writes: readonly StreamWrite[] }[], maxBytes: number): number {
  let bytes = 0;
  let events = 0;
  for (const [index, { writes }] of calls.entries()) {
    bytes += sizeOf(writes);
    events += writes.reduce((sum, write) => sum + write.events.length, 0);
    if (bytes > maxBytes || events > maxEvents) return Math.max(1, index);
  }
  return calls.length;
}

/** The events whose payloads are stored beforehand, elsewhere, so that all of them go in one append: the largest. */
export function putAside(events: readonly StoredEvent[], maxBytes: number): Set<EventId> {
  const aside = new Set<EventId>();
  let bytes = events.reduce((sum, event) => sum + wireSize(event), 0);
  const bySize = [...events].sort((a, b) => b.payload.byteLength - a.payload.byteLength);
  for (const event of bySize) {
    if (bytes <= maxBytes || event.payload.byteLength < minAside) break;
    aside.add(event.id);
    bytes += wireSize(event, true) - wireSize(event);
  }
  return aside;
}

/**
 * The call in parts that each fit into one append, in order, none of them dividing a write.
 * @throws AppendRejected when a write alone does not fit.
 */
export function partsOf(writes: readonly StreamWrite[], maxBytes: number): StreamWrite[][] {
  const parts: StreamWrite[][] = [];
  let room = 0;
  for (const write of writes) {
    const least = write.events.reduce((sum, event) => sum + leastSize(write.stream, event), 0);
    if (least > maxBytes) {
      throw new AppendRejected(
        `a write of ${write.events.length} events takes ${least} bytes, and EventStoreDB takes ${maxBytes} at once`,
      );
    }
    if (least > room) {
      parts.push([]);
      room = maxBytes;
    }
    parts.at(-1)!.push(write);
    room -= least;
  }
  return parts;
}

const leastSize = (stream: string, event: StreamWrite['events'][number]): number =>
  wireSize({ ...event, stream }, event.payload.byteLength >= minAside);
