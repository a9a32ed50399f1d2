/**
 * A page of the index of ids: 512 events in the order of their positions. It holds 8 bytes for each event's id, then 8
 * for the name of each stream that began in it. Every node makes the same page of the same events.
 */
import type { EventId, StreamName } from '../../../domain/shared/ids.ts';
import { fingerprint } from './filter.ts';

export const eventsPerPage = 512;

const printBytes = 8;

/** What the index must know of an event. */
export interface Entry {
  readonly id: EventId;
  readonly stream: StreamName;
  readonly revision: number;
  readonly position: number;
}

export interface Page {
  /** Of the ids, in the order of positions. */
  readonly ids: readonly string[];
  /** Of the names of streams. */
  readonly streams: readonly string[];
}

export const idPrint = (id: EventId): string => fingerprint(`id\n${id}`);
export const streamPrint = (stream: StreamName): string => fingerprint(`stream\n${stream}`);

/** @param entries `eventsPerPage` of them, in order. */
export function encodePage(entries: readonly Entry[]): Uint8Array {
  const ids = entries.map(({ id }) => idPrint(id));
  const streams = entries.filter(({ revision }) => revision === 0).map(({ stream }) => streamPrint(stream));
  return Buffer.from([...ids, ...streams].join(''), 'hex');
}

/** @throws RangeError when these bytes are no page. */
export function decodePage(bytes: Uint8Array): Page {
  if (bytes.byteLength % printBytes !== 0 || bytes.byteLength < eventsPerPage * printBytes)
    throw new RangeError('a page of ids that is cut short');
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  const prints = hex.match(/.{16}/g) ?? [];
  return { ids: prints.slice(0, eventsPerPage), streams: prints.slice(eventsPerPage) };
}
