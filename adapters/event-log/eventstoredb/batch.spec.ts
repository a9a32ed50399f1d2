import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position, Revision, TenantId } from '../../../domain/shared/ids.ts';
import { event, stream, write } from '../contract.ts';
import { AppendRejected, maxPayloadBytes, type StoredEvent } from '../port.ts';
import { defaultMaxAppendBytes, fitCount, partsOf, putAside } from './batch.ts';
import { toWire } from './wire.ts';

const sized = (bytes: number) => ({ ...event(''), payload: new Uint8Array(bytes) });
const stored = (bytes: number, n: number): StoredEvent => {
  const place = { revision: n as Revision, position: (n + 1) as Position };
  return { ...sized(bytes), ...place, tenant: 't.example' as TenantId, stream: stream('Å {"\\,}-'.repeat(5)) };
};
/** As the server counts it, and what a later one may count. */
const bytesOf = (events: readonly StoredEvent[], aside: ReadonlySet<string>) =>
  events.reduce((sum, one) => {
    const { type, data, metadata } = toWire(one.id, one, 1e9, aside.has(one.id));
    return sum + 2 * type.length + data.byteLength + Buffer.byteLength(JSON.stringify(metadata));
  }, 0);

describe('an append', () => {
  it('takes a payload of the greatest size as it is', () => {
    expect(putAside([stored(maxPayloadBytes, 0)], defaultMaxAppendBytes).size).toBe(0);
    expect(partsOf([write('s', -1, sized(maxPayloadBytes))], defaultMaxAppendBytes)).toHaveLength(1);
  });

  it('fits, whatever its payloads are, with the largest of them elsewhere', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(maxPayloadBytes), { minLength: 1, maxLength: 30 }), (sizes) => {
        const events = sizes.map(stored);
        expect(bytesOf(events, putAside(events, defaultMaxAppendBytes))).toBeLessThanOrEqual(defaultMaxAppendBytes);
      }),
      { numRuns: 20 },
    );
  });

  it('gathers as many calls as fit, and one that is too large alone', () => {
    const call = (...sizes: number[]) => ({ writes: [write('s', -1, ...sizes.map(sized))] });
    expect(fitCount([call(400_000), call(400_000), call(400_000)], defaultMaxAppendBytes)).toBe(2);
    expect(fitCount([call(900_000, 900_000), call(1)], defaultMaxAppendBytes)).toBe(1);
    expect(
      fitCount(
        Array.from({ length: 3_000 }, () => call(1)),
        defaultMaxAppendBytes,
      ),
    ).toBe(1_000);
  });

  it('of very many events is divided between writes, in their order, and never within one', () => {
    const writes = Array.from({ length: 40 }, (_, n) =>
      write(`s${n}`, -1, ...Array.from({ length: 100 }, () => sized(10))),
    );
    const parts = partsOf(writes, 200_000);
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.flat()).toEqual(writes);
    expect(() => partsOf(writes, 10_000)).toThrow(AppendRejected);
    expect(() => partsOf(writes, 10_000)).toThrow('a write of 100 events takes');
  });
});
