import { describe, expect, it } from 'vitest';
import type { Decider } from '../../domain/shared/decider.ts';
import type { DomainEvent, EventMeta } from '../../domain/shared/event.ts';
import type { CommandId, Instant, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { plainEventStore } from '../../test/plain-event-store.ts';
import { runCommand, StreamBusy } from './run-command.ts';
import { StateCache } from './state-cache.ts';

type Added = DomainEvent<'Added', { amount: number }>;
const sum: Decider<number, number, Added, 'negative'> = {
  initial: 0,
  evolve: (state, event) => state + event.data.amount,
  decide: (_state, amount) => {
    if (amount < 0) return { kind: 'refused', reason: 'negative' };
    return { kind: 'accepted', events: amount === 0 ? [] : [{ type: 'Added', version: 1, data: { amount } }] };
  },
};
const tenant = 'demo.example' as TenantId;
const stream = 'sum-1' as StreamName;
const target = { tenant, stream, subject: 's' as SubjectId, owner: 's' as SubjectId };
const meta = (id: string): EventMeta => ({
  at: '2026-01-01T00:00:00.000Z' as Instant,
  actor: { kind: 'system' },
  commandId: id as CommandId,
});

describe('running a command', () => {
  it('appends what was decided and answers with the new state', async () => {
    const store = plainEventStore();
    await runCommand(store, sum, target, 1, meta('a'));
    const result = await runCommand(store, sum, target, 2, meta('b'));
    expect(result).toMatchObject({ outcome: 'accepted', state: 3, repeated: false, head: { revision: 1 } });
  });

  it('writes nothing for a refusal, nor where nothing changes', async () => {
    const store = plainEventStore();
    expect(await runCommand(store, sum, target, -1, meta('a'))).toMatchObject({
      outcome: 'refused',
      reason: 'negative',
    });
    expect(await runCommand(store, sum, target, 0, meta('b'))).toMatchObject({ outcome: 'accepted', events: [] });
    expect(await store.head(tenant)).toBe(0);
  });

  it('answers a repeat with what it made the first time, without deciding again', async () => {
    const store = plainEventStore();
    await runCommand(store, sum, target, 1, meta('a'));
    await runCommand(store, sum, target, 5, meta('b'));
    const repeat = await runCommand(store, sum, target, 1, meta('a'));
    expect(repeat).toMatchObject({ outcome: 'accepted', repeated: true, state: 6, events: [{ data: { amount: 1 } }] });
    expect(await store.head(tenant)).toBe(2);
  });

  it('decides anew when others were faster', async () => {
    const store = plainEventStore();
    store.beforeNextAnswer(() => runCommand(store, sum, target, 10, meta('other')));
    const result = await runCommand(store, sum, target, 1, meta('a'));
    expect(result).toMatchObject({ outcome: 'accepted', state: 11, head: { revision: 1 } });
  });

  it('gives up with a typed error when others are always faster', async () => {
    const store = plainEventStore();
    let others = 0;
    const busy = { ...store, load: store.load };
    busy.load = async (...of) => {
      const page = await store.load(...of);
      await runCommand(store, sum, target, 1, meta(`other-${others++}`));
      return page;
    };
    await expect(runCommand(busy, sum, target, 1, meta('a'))).rejects.toBeInstanceOf(StreamBusy);
    expect(others).toBe(4);
  });
});

describe('a cache of states', () => {
  const cached = (store = plainEventStore()) => ({
    store,
    cache: new StateCache(store, sum, { prefix: 'sum-', max: 10 }),
  });

  it('answers without the store until the stream changes', async () => {
    const { store, cache } = cached();
    await runCommand(store, sum, target, 1, meta('a'));
    expect(cache.peek(tenant, stream)).toBeUndefined();
    await cache.get(tenant, stream);
    const loads = store.loads();
    expect(await cache.get(tenant, stream)).toBe(1);
    expect(cache.peek(tenant, stream)).toBe(1);
    expect(store.loads()).toBe(loads);
    await runCommand(store, sum, target, 2, meta('b'));
    expect(await cache.get(tenant, stream)).toBe(3);
  });

  it('reads once for many who ask together', async () => {
    const { store, cache } = cached();
    const loads = store.loads();
    await Promise.all(Array.from({ length: 20 }, () => cache.get(tenant, stream)));
    expect(store.loads()).toBe(loads + 1);
  });

  it('does not keep what was read while a commit came in', async () => {
    const { store, cache } = cached();
    store.beforeNextAnswer(() => runCommand(store, sum, target, 7, meta('a')));
    await cache.get(tenant, stream);
    expect(cache.peek(tenant, stream)).toBeUndefined();
    expect(await cache.get(tenant, stream)).toBe(7);
  });
});
