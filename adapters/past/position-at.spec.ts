import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandId, Instant, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { plainEventStore } from '../../test/plain-event-store.ts';
import { positionAt } from './position-at.ts';

const tenant = 'demo.example' as TenantId;
const instant = (second: number) => new Date(Date.UTC(2026, 10, 17, 8, 0, second)).toISOString() as Instant;

/** A log whose events were recorded at these seconds. */
async function logOf(seconds: readonly number[]) {
  const store = plainEventStore();
  for (const [at, second] of seconds.entries()) {
    const stream = `s${at}` as StreamName;
    const meta = { at: instant(second), actor: { kind: 'system' }, commandId: `c${at}` as CommandId } as const;
    await store.append(tenant, [
      {
        ...{ stream, head: { revision: -1, hash: new Uint8Array(32) } },
        ...{ subject: 'x' as SubjectId, owner: 'x' as SubjectId },
        events: [{ event: { type: 'Said', version: 1, data: {} }, meta }],
      },
    ]);
  }
  return store;
}

describe('the position of a moment', () => {
  it('is that of the last event recorded at or before it, as a scan of the log finds it', async () => {
    const seconds = fc.array(fc.nat(40), { maxLength: 60 }).map((all) => all.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(seconds, fc.integer({ min: -2, max: 43 }), async (recorded, asked) => {
        const store = await logOf(recorded);
        const expected = recorded.filter((second) => second <= asked).length;
        expect(await positionAt(store, tenant, instant(asked))).toBe(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('costs a few reads however long the log is', async () => {
    const store = await logOf(Array.from({ length: 500 }, (_, at) => at));
    let reads = 0;
    const counting = {
      head: store.head,
      readAll: async (...args: Parameters<typeof store.readAll>) => {
        reads++;
        return await store.readAll(...args);
      },
    };
    expect(await positionAt(counting, tenant, instant(123))).toBe(124);
    expect(reads).toBeLessThanOrEqual(10);
  });

  it('is before the first event where there is none', async () => {
    expect(await positionAt(plainEventStore(), tenant, instant(0))).toBe(0);
  });
});
