/**
 * A stored payload: format byte ‖ length of the subject's id (2 bytes, big-endian) ‖ the id ‖ sealed JSON. The id is
 * in clear so that a page's keys can be fetched before anything is opened; the seal authenticates it.
 */
import type { SubjectId } from '../../domain/shared/ids.ts';
import type { ChainedEvent } from './chain.ts';

const format = 1;

export function joinPayload(subject: SubjectId, sealed: Uint8Array): Uint8Array {
  const id = Buffer.from(subject, 'utf8');
  if (id.byteLength > 0xffff) throw new RangeError('a subject id holds at most 65535 bytes');
  const payload = Buffer.allocUnsafe(3 + id.byteLength + sealed.byteLength);
  payload[0] = format;
  payload.writeUInt16BE(id.byteLength, 1);
  id.copy(payload, 3);
  payload.set(sealed, 3 + id.byteLength);
  return payload;
}

/** @throws Error when the bytes are not a payload of ours. */
export function splitPayload(payload: Uint8Array): { subject: SubjectId; sealed: Uint8Array } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < 3 || bytes[0] !== format) throw new Error('a stored payload of unknown format');
  const end = 3 + bytes.readUInt16BE(1);
  if (end > bytes.length) throw new Error('a stored payload cut short');
  return { subject: bytes.toString('utf8', 3, end) as SubjectId, sealed: bytes.subarray(end) };
}

/** What a seal is bound to: this place in this stream, and what the row says of the event. */
export function sealContext(event: Omit<ChainedEvent, 'payload' | 'recordedAt'>): string {
  const { tenant, stream, revision, id, type, schemaVersion } = event;
  return `${tenant}\n${stream}\n${revision}\n${id}\n${type}\n${schemaVersion}`;
}
