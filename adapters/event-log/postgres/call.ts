/** Writes as the parameters of the functions in `append.sql`, and their results as events. */
import type { Position, Revision, TenantId } from '../../../domain/shared/ids.ts';
import type { Commit, StoredEvent, StreamWrite, UnstoredEvent } from '../port.ts';

export function parameters(tenant: TenantId, writes: readonly StreamWrite[]): unknown[] {
  const events: readonly UnstoredEvent[] = writes.length === 1 ? writes[0]!.events : writes.flatMap((w) => w.events);
  const bytes: Uint8Array[] = [];
  for (const event of events) bytes.push(event.payload, event.hash);
  return [
    tenant,
    writes.map((write) => write.stream),
    `{${writes.map((write) => write.expectedRevision).join()}}`,
    `{${writes.map((write) => write.events.length).join()}}`,
    `{${events.map((event) => event.id).join()}}`,
    events.map((event) => event.type),
    `{${events.map((event) => event.schemaVersion).join()}}`,
    `{${events.map((event) => event.recordedAt).join()}}`,
    `{${events.map((event) => event.payload.byteLength).join()}}`,
    Buffer.concat(bytes),
  ];
}

/** The events of writes that were all stored, the first at `before` + 1. */
export function storedEvents(tenant: TenantId, writes: readonly StreamWrite[], before: number): StoredEvent[] {
  const stored: StoredEvent[] = [];
  for (const { stream, expectedRevision, events } of writes) {
    let revision = expectedRevision;
    for (const { id, type, schemaVersion, recordedAt, payload, hash } of events) {
      revision++;
      const position = (before + stored.length + 1) as Position;
      stored.push({
        tenant,
        position,
        stream,
        revision: revision as Revision,
        id,
        type,
        schemaVersion,
        recordedAt,
        payload,
        hash,
      });
    }
  }
  return stored;
}

export function newCommits(writes: readonly StreamWrite[], before: number): Commit[] {
  let position = before;
  return writes.map(({ stream, expectedRevision, events }) => {
    position += events.length;
    const revision = (expectedRevision + events.length) as Revision;
    return { stream, revision, position: position as Position, repeated: false };
  });
}
