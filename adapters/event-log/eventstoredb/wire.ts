/**
 * An event of ours as the store keeps it: its type, the sealed payload as data, and as metadata, in JSON so
 * that an operator can read it in the store's own tools, what the port wants back to the letter.
 */
import { createHash } from 'node:crypto';
import type { RecordedEvent } from '@eventstore/db-client';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';

/** What is handed to the store: the client's own makers of events copy the bytes once more. */
export interface WireEvent {
  readonly id: string;
  readonly contentType: 'application/octet-stream';
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata?: WireMetadata;
}

export interface WireMetadata {
  /** Of the event. The record's own id is made anew for each append: by it the store knows an append that it had. */
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly schemaVersion: number;
  readonly recordedAt: string;
  /** Base64. */
  readonly hash: string;
  /** The links of all events up to this position are written: whoever reads needs to look at what follows only. */
  readonly linked: number;
  /** The data are the SHA-256 of the payload, which lies in a stream of its own. */
  readonly aside?: true;
}

/** An event as it came from the store. */
export interface ReadEvent {
  /** Without its payload while that lies aside. */
  readonly event: StoredEvent;
  readonly linked: number;
  /** The SHA-256 of the payload, in hex, when that lies aside. */
  readonly aside: string | undefined;
}

/** The stream that holds the truth was written by somebody else. */
export class ForeignEvent extends Error {
  override readonly name = 'ForeignEvent';
}

/** @param recordId the record's own. */
export function toWire(recordId: string, event: StoredEvent, linked: number, isAside = false): WireEvent {
  const { id, type, stream, revision, schemaVersion, recordedAt, payload, hash } = event;
  const metadata: WireMetadata = {
    ...{ id, stream, revision, schemaVersion, recordedAt, hash: Buffer.from(hash).toString('base64'), linked },
    ...(isAside ? { aside: true } : {}),
  };
  const data = isAside ? sha256(payload) : payload;
  return { id: recordId, contentType: 'application/octet-stream', type, data, metadata };
}

/** @throws ForeignEvent when it is none of ours. */
export function fromWire(tenant: TenantId, record: RecordedEvent): ReadEvent {
  const metadata = record.metadata as Partial<WireMetadata> | undefined;
  if (record.isJson || !isMetadata(metadata)) {
    throw new ForeignEvent(`${record.streamId} holds an event that no event log of ours wrote, at ${record.revision}`);
  }
  const bytes = record.data as Uint8Array;
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const event: StoredEvent = {
    tenant,
    position: (Number(record.revision) + 1) as Position,
    stream: metadata.stream as StreamName,
    revision: metadata.revision as Revision,
    id: metadata.id as EventId,
    type: record.type,
    schemaVersion: metadata.schemaVersion,
    recordedAt: metadata.recordedAt as Instant,
    payload: metadata.aside ? noBytes : data,
    hash: Buffer.from(metadata.hash, 'base64'),
  };
  return { event, linked: metadata.linked, aside: metadata.aside && data.toString('hex') };
}

const noBytes = Buffer.alloc(0);

function isMetadata(metadata: Partial<WireMetadata> | undefined): metadata is WireMetadata {
  return (
    typeof metadata?.id === 'string' &&
    typeof metadata.stream === 'string' &&
    typeof metadata.revision === 'number' &&
    typeof metadata.schemaVersion === 'number' &&
    typeof metadata.recordedAt === 'string' &&
    typeof metadata.hash === 'string' &&
    typeof metadata.linked === 'number'
  );
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** A link to an event of a stream, as the store resolves it. */
export function linkTo(id: string, stream: string, revision: number): WireEvent {
  return { id, contentType: 'application/octet-stream', type: '$>', data: Buffer.from(`${revision}@${stream}`) };
}

/** Bytes that an event takes of an append: what the store counts, and rather more. */
export function wireSize(event: Pick<StoredEvent, 'type' | 'payload'> & { readonly stream: string }, isAside = false) {
  const fixed = 270;
  const data = isAside ? 32 : event.payload.byteLength;
  return fixed + 2 * Buffer.byteLength(event.type) + 2 * Buffer.byteLength(event.stream) + data;
}
