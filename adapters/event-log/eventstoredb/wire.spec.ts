import { randomUUID } from 'node:crypto';
import type { RecordedEvent } from '@eventstore/db-client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';
import { logNames, recordId } from './names.ts';
import { ForeignEvent, fromWire, sha256, toWire, type WireEvent, wireSize } from './wire.ts';

const tenant = 'tenant.example' as TenantId;

/** As the store gives a record back: metadata have been JSON meanwhile. */
function recorded(wire: WireEvent, revision: number): RecordedEvent {
  const { id, type, data, metadata } = wire;
  const given = {
    id,
    type,
    data: Uint8Array.from(data),
    metadata: JSON.parse(JSON.stringify(metadata)),
    isJson: false,
  };
  return { ...given, revision: BigInt(revision), streamId: `mobilesync-${tenant}` } as unknown as RecordedEvent;
}

const anyEvent = fc
  .record({
    type: fc.string({ minLength: 1 }),
    stream: fc.string({ unit: 'grapheme', minLength: 1 }),
    payload: fc.uint8Array({ maxLength: 300 }),
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    revision: fc.nat(),
    position: fc.integer({ min: 1, max: 1e9 }),
    schemaVersion: fc.integer({ min: 1, max: 9 }),
  })
  .map(
    (parts): StoredEvent => ({
      ...{ ...parts, tenant, id: randomUUID() as EventId, recordedAt: '2026-03-29T01:00:00.120Z' as Instant },
      ...{ stream: parts.stream as StreamName, type: parts.type },
      ...{ revision: parts.revision as Revision, position: parts.position as Position },
      ...{ payload: Buffer.from(parts.payload), hash: Buffer.from(parts.hash) },
    }),
  );

describe('an event in the store', () => {
  it('is read as it was written, to the byte', () => {
    fc.assert(
      fc.property(anyEvent, fc.nat(), (event, linked) => {
        const read = fromWire(tenant, recorded(toWire(randomUUID(), event, linked), event.position - 1));
        expect(read).toEqual({ event, linked, aside: undefined });
      }),
    );
  });

  it('names a payload that lies aside by its hash, and takes no more room than was reckoned', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const wire = toWire(randomUUID(), event, 1e12, true);
        const read = fromWire(tenant, recorded(wire, event.position - 1));
        expect(read.aside).toBe(sha256(event.payload).toString('hex'));
        expect(read.event.payload).toHaveLength(0);
        const bytes = wire.data.byteLength + Buffer.byteLength(JSON.stringify(wire.metadata)) + 2 * wire.type.length;
        expect(bytes).toBeLessThanOrEqual(wireSize(event, true) + 2 * event.stream.length);
      }),
    );
  });

  it.each([
    ['JSON', { isJson: true }],
    ['without metadata', { metadata: undefined }],
    ['with metadata of others', { metadata: { $correlationId: 'x' } }],
  ])('%s is none of ours', (_, odd) => {
    const [event] = fc.sample(anyEvent, 1);
    const record = { ...recorded(toWire(randomUUID(), event!, 0), 0), ...odd } as RecordedEvent;
    expect(() => fromWire(tenant, record)).toThrow(ForeignEvent);
  });
});

describe('the streams of a log', () => {
  const names = logNames('mobilesync');

  it('are heard by the tenants’ prefix where they hold the truth, and nowhere else', () => {
    const stream = 'contact-1' as StreamName;
    expect(names.tenantOf(names.tenant(tenant))).toBe(tenant);
    for (const index of [names.stream(tenant, stream), names.pages(tenant), names.aside(tenant, 'x'), names.tenants])
      expect(names.tenantOf(index)).toBeUndefined();
  });

  it('are never those of a log with another prefix', () => {
    for (const prefix of ['mobilesyncstream', 'apage', 'xaside', 'tenants', 'Mobile', 'a-b', ''])
      expect(() => logNames(prefix)).toThrow(RangeError);
  });

  it('have records that every node gives the same id', () => {
    expect(recordId('s', 3)).toBe(recordId('s', 3));
    expect(recordId('s', 3)).not.toBe(recordId('s', 4));
    expect(recordId('t', 3)).not.toBe(recordId('s', 3));
  });
});
