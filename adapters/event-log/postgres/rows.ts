/** Rows of `events` as `StoredEvent`s. Text format: node-pg decodes no binary results. */
import pg from 'pg';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';

export const columns = 'position, stream, revision, id, type, schema_version, recorded_at, payload, hash';

export type EventRow = [number, string, number, string, string, number, string, Uint8Array, Uint8Array];

const bytea = 17;
const int8 = 20;
const timestamptz = 1184;

export const rowTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => {
    if (oid === bytea) return (text: string) => Buffer.from(text.slice(2), 'hex');
    if (oid === int8) return Number;
    if (oid === timestamptz) return instant;
    return pg.types.getTypeParser(oid, 'text');
  },
};

/**
 * `2026-03-29 01:00:00.12+00` as `2026-03-29T01:00:00.120Z`.
 * @throws Error when the session does not speak UTC in ISO style (see `createPool`).
 */
export function instant(text: string): Instant {
  if (!text.endsWith('+00') || text[10] !== ' ') throw new Error(`the session's time is not in UTC: ${text}`);
  const milliseconds = text.slice(20, -3).padEnd(3, '0');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${milliseconds}Z` as Instant;
}

export function storedEvent(tenant: TenantId, row: EventRow): StoredEvent {
  return {
    tenant,
    position: row[0] as Position,
    stream: row[1] as StreamName,
    revision: row[2] as Revision,
    id: row[3] as EventId,
    type: row[4],
    schemaVersion: row[5],
    recordedAt: row[6] as Instant,
    payload: row[7],
    hash: row[8],
  };
}
