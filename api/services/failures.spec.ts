import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { CauseCount, WithheldItem } from '../../adapters/exchange-record/port.ts';
import type { ExchangeRecorder } from '../../adapters/exchange-record/recorder.ts';
import type { ExchangeStore } from '../../adapters/exchange-record/store.port.ts';
import type { ExchangeId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { Refusals } from '../../projections/writeback/read.ts';
import { Failures } from './failures.ts';

const count = (cause: string, times: number): CauseCount => ({
  ...{ cause, times, devices: 1, example: `of ${cause}` as ExchangeId },
  ...{ firstAt: '2026-11-22T10:00:00.000Z', lastAt: '2026-11-22T11:00:00.000Z' },
});
const refusal = (reason: string, times: number, first: number, last: number): Refusals => ({
  ...{ tenant: 'demo.example' as TenantId, reason, times, accounts: 1, item: 'abc' as ItemId },
  ...{ first: first as Position, last: last as Position },
});

/** The event at a position was stored that many minutes after ten. */
const at = (position: number) => `2026-11-22T10:${String(position).padStart(2, '0')}:00.000Z`;

function failures(causes: readonly CauseCount[], refusals: readonly Refusals[], withheld: readonly object[] = []) {
  return new Failures({
    store: {
      causes: async () => causes,
      withheldSince: async () => withheld as WithheldItem[],
    } as unknown as ExchangeStore,
    recorder: { flush: async () => true } as unknown as ExchangeRecorder,
    names: { whose: async () => ({ email: 'kari@demo.example', deviceId: 'APPL1' }) },
    refusals: { refusals: async () => [...refusals] },
    events: { readAll: async (_, after) => [{ recordedAt: at(after + 1) } as RecordedEvent] },
  });
}

describe('failures', () => {
  it('are what went wrong, the most frequent first, without the ordinary course beside it', async () => {
    const found = await failures(
      [count('slow', 2), count('sync.hierarchyChanged', 9)],
      [refusal('Tittel', 5, 1, 2)],
    ).since(at(0), undefined, 10);
    expect(found.failures.map(({ cause, times }) => [cause, times])).toEqual([
      ['office.Tittel', 5],
      ['slow', 2],
    ]);
    expect(found.failures[1]).toMatchObject({ verdict: 'slow', exchange: 'of slow', item: null });
    expect(found.failures[1]?.todo).toMatch(/^Look whether/);
  });

  it('of the office have its word, an item, and the time of the changes; older ones are left out', async () => {
    const refusals = [refusal('Tittel er for lang', 2, 5, 20), refusal('recordNotFound', 1, 3, 3)];
    const { failures: found } = await failures([], refusals).since(at(10), undefined, 10);
    expect(found).toMatchObject([
      {
        ...{ cause: 'office.refused', verdict: 'refused', times: 2, devices: 1 },
        ...{ firstAt: at(5), lastAt: at(20), exchange: null, item: 'abc', reason: 'Tittel er for lang' },
      },
    ]);
    const { failures: all } = await failures([], refusals).since(at(0), undefined, 10);
    expect(all[1]).toMatchObject({ cause: 'office.recordNotFound', firstAt: at(3), lastAt: at(3) });
    expect(all[1]?.meaning).toContain('no record any more');
  });

  it('name whom an item is withheld from', async () => {
    const { withheld } = await failures([], [], [{ item: 'abc', reason: 'cannot be shown' }]).since(
      at(0),
      undefined,
      10,
    );
    expect(withheld).toEqual([
      { item: 'abc', reason: 'cannot be shown', email: 'kari@demo.example', deviceId: 'APPL1' },
    ]);
  });
});
