/**
 * The chain of a stream: every event's hash covers the one before, what the event says of itself, and its stored
 * bytes. Over stored bytes, so that it stays valid when a key is destroyed.
 */
import { createHash } from 'node:crypto';
import type { StoredEvent } from './port.ts';

export type ChainedEvent = Omit<StoredEvent, 'position' | 'hash'>;

/** SHA-256 of: previous hash ‖ length of the header (4 bytes, big-endian) ‖ header as a JSON array ‖ payload. */
export function chainHash(previous: Uint8Array, event: ChainedEvent): Uint8Array {
  const { tenant, stream, revision, id, type, schemaVersion, recordedAt } = event;
  const header = Buffer.from(JSON.stringify([tenant, stream, revision, id, type, schemaVersion, recordedAt]));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(header.byteLength);
  return createHash('sha256').update(previous).update(length).update(header).update(event.payload).digest();
}
