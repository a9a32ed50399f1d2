import { describe, expect, it } from 'vitest';
import type { StreamName, TenantId } from '../../domain/shared/ids.ts';
import { newTenant } from '../event-log/contract.ts';
import { copyOf, type MemoryStorage, memoryEventLog } from '../event-log/memory.ts';
import { type EventLog, LogSealed, type StoredEvent } from '../event-log/port.ts';
import { LogCopy } from './copy.ts';
import { cutOver } from './cut-over.ts';
import { LogsDiffer } from './difference.ts';
import { type Progress, progressText } from './meter.ts';
import { appending, Died, dying, everything, note } from './rig.ts';

/** A log of some tenants, each with events in three streams that take turns. */
async function filled(tenants: readonly TenantId[], events = 12): Promise<MemoryStorage> {
  const storage: MemoryStorage = new Map();
  const log = memoryEventLog(storage);
  for (const tenant of tenants) for (let n = 0; n < events; n++) await note(log, tenant, `s${(n * n) % 3}`, `${n}`);
  return storage;
}

/** The stored event at the position, changed behind the log's back. */
function tamper(storage: MemoryStorage, tenant: TenantId, position: number, change: Partial<StoredEvent>): void {
  const { all, streams, ids } = storage.get(tenant)!;
  const old = all[position - 1]!;
  const changed = { ...old, ...change };
  all[position - 1] = changed;
  streams.get(old.stream)![old.revision] = changed;
  ids.set(old.id, changed);
}

async function mustBeOne(from: EventLog, to: EventLog): Promise<void> {
  expect(new Map((await to.tenants()).map((one) => [one.tenant, one.head]))).toEqual(
    new Map((await from.tenants()).map((one) => [one.tenant, one.head])),
  );
  for (const { tenant } of await from.tenants())
    expect(await everything(to, tenant)).toEqual(await everything(from, tenant));
}

const refusing = (log: EventLog): EventLog => appending(log, async () => Promise.reject(new LogSealed('sealed')));

describe('the copy of a log', () => {
  it('is the same log: every event of every tenant, at its position', async () => {
    const from = memoryEventLog(await filled(Array.from({ length: 9 }, newTenant)));
    const to = memoryEventLog();
    expect(await new LogCopy({ from, to }).catchUp()).toBe(9 * 12);
    await mustBeOne(from, to);
    expect(await new LogCopy({ from, to }).catchUp()).toBe(0);
  });

  it('cut anywhere, before or after any append, is gone on with where it was', async () => {
    const tenants = [newTenant(), newTenant()];
    const from = memoryEventLog(await filled(tenants, 60));
    for (const when of ['before', 'after'] as const) {
      for (let nth = 0; nth < 9; nth++) {
        const to = memoryEventLog();
        await expect(new LogCopy({ from, to: dying(to, nth, when), pageSize: 13 }).catchUp()).rejects.toThrow(Died);
        const again = new LogCopy({ from, to });
        await again.compare(true);
        await again.catchUp();
        await mustBeOne(from, to);
      }
    }
  });

  it('of one tenant leaves the others', async () => {
    const [one, other] = [newTenant(), newTenant()];
    const from = memoryEventLog(await filled([one, other]));
    const to = memoryEventLog();
    await new LogCopy({ from, to, tenant: one }).catchUp();
    expect(await to.tenants()).toEqual([{ tenant: one, head: 12 }]);
  });

  it('keeps up with those who append meanwhile, and ends when nearly nothing is new', async () => {
    const tenant = newTenant();
    const from = memoryEventLog(await filled([tenant], 700));
    const to = memoryEventLog();
    // Each append to the target lets the source grow, for a while.
    let more = 150;
    const growing = appending(to, async (of, writes) => {
      for (let n = 0; n < 100 && more > 0; n++, more--) await note(from, tenant, `live${more % 7}`, `${more}`);
      return to.append(of, writes);
    });
    await new LogCopy({ from, to: growing }).catchUp();
    await new LogCopy({ from, to }).catchUp();
    expect(more).toBe(0);
    await mustBeOne(from, to);
  });

  it('follows until it is told to end', async () => {
    const tenant = newTenant();
    const from = memoryEventLog(await filled([tenant]));
    const to = memoryEventLog();
    const end = new AbortController();
    const rounds: number[] = [];
    const following = new LogCopy({ from, to, signal: end.signal }).follow((copied) => {
      rounds.push(copied);
      if (rounds.length === 1) void note(from, tenant, 'later', 'x');
      else end.abort();
    });
    await following;
    expect(rounds).toEqual([12, 1]);
    await mustBeOne(from, to);
  });

  it('says how far it is', async () => {
    const from = memoryEventLog(await filled([newTenant(), newTenant()]));
    const told: Progress[] = [];
    await new LogCopy({ from, to: memoryEventLog(), onProgress: (progress) => told.push(progress) }).round();
    expect(told.at(-1)).toMatchObject({ what: 'copied', events: 24, total: 24, allTenants: 2, secondsLeft: 0 });
    expect(progressText({ ...told.at(-1)!, events: 6, perSecond: 3, secondsLeft: 6 })).toBe(
      `copied 6 of 24 events (25 %), ${told.at(-1)!.tenants} of 2 tenants whole, 3 a second, 6 s left`,
    );
  });
});

describe('the copy stops and overwrites nothing', () => {
  it.each([
    ['payload', { payload: Buffer.from('forged') }, 'the hash does not continue s1 at revision 1'],
    ['hash', { hash: Buffer.alloc(32, 9) }, 'the hash does not continue s1 at revision 1'],
    ['time', { recordedAt: '2020-01-01T00:00:00.000Z' as never }, 'the hash does not continue s1 at revision 1'],
  ])('at an event of the source whose %s was changed', async (_, change, sentence) => {
    const tenant = newTenant();
    const storage = await filled([tenant]);
    tamper(storage, tenant, 3, change);
    const to = memoryEventLog();
    await expect(new LogCopy({ from: memoryEventLog(storage), to }).catchUp()).rejects.toThrow(
      new LogsDiffer(tenant, 3, sentence),
    );
    expect(await to.head(tenant)).toBe(0);
  });

  it('at an event that the source has lost, by its position or by its revision', async () => {
    const tenant = newTenant();
    const from = memoryEventLog(await filled([tenant]));
    const without = (position: number): EventLog => ({
      ...from,
      readAll: async (of, after, limit) =>
        (await from.readAll(of, after, limit)).filter((one) => one.position !== position),
    });
    const to = memoryEventLog();
    // s0 at 1, 4, 7, 10; s1 at the others.
    await expect(new LogCopy({ from: without(2), to }).catchUp()).rejects.toThrow(`${tenant}, position 3: revision 1`);
    await expect(new LogCopy({ from: without(12), to }).catchUp()).rejects.toThrow(
      `${tenant}, position 12: there is no`,
    );
  });

  it('where the target holds another history: at its end at once, in the middle when all is compared', async () => {
    const tenant = newTenant();
    const storage = await filled([tenant]);
    const from = memoryEventLog(storage);
    const held = copyOf(storage);
    tamper(held, tenant, 5, { payload: Buffer.from('x') });
    const to = memoryEventLog(held);
    const before = await everything(to, tenant);
    await new LogCopy({ from, to }).compare(false);
    await expect(new LogCopy({ from, to }).compare(true)).rejects.toThrow(
      new LogsDiffer(tenant, 5, 'the payload is another'),
    );
    tamper(held, tenant, 12, { id: before[0]!.id });
    await expect(new LogCopy({ from, to }).compare(false)).rejects.toThrow(`${tenant}, position 12: the id is`);
    expect((await everything(to, tenant)).slice(0, 11)).toEqual(before.slice(0, 11));
  });

  it('where what is new in the source does not continue what the target holds', async () => {
    const tenant = newTenant();
    const storage = await filled([tenant]);
    const held = copyOf(storage);
    const from = memoryEventLog(storage);
    await note(from, tenant, 's1', 'new');
    const s1 = (await from.readStream(tenant, 's1' as StreamName)).at(-2)!;
    tamper(held, tenant, s1.position, { hash: Buffer.alloc(32, 1) });
    const to = memoryEventLog(held);
    await expect(new LogCopy({ from, to }).catchUp()).rejects.toThrow(`${tenant}, position 13: the hash does not`);
  });

  it('where the target holds events or a tenant that the source has not', async () => {
    const [one, other] = [newTenant(), newTenant()];
    const from = memoryEventLog(await filled([one]));
    const longer = memoryEventLog(await filled([one], 13));
    const wider = memoryEventLog(await filled([other]));
    await expect(new LogCopy({ from, to: longer }).standings()).rejects.toThrow(
      `${one}, position 13: the target holds`,
    );
    await expect(new LogCopy({ from, to: wider }).catchUp()).rejects.toThrow(`${other}, position 1: the target holds`);
  });
});

describe('the cut-over', () => {
  it('leaves one and the same log, whoever appends until the seal, and opens only then', async () => {
    const tenant = newTenant();
    const stored = await filled([tenant], 40);
    let source = memoryEventLog(stored);
    const target = memoryEventLog();
    const steps: string[] = [];
    const copy = new LogCopy({ from: memoryEventLog(stored), to: target });
    await cutOver(copy, {
      onCopied: (events, isSealed) => {
        steps.push(`${events}${isSealed ? ' sealed' : ''}`);
      },
      seal: async () => {
        for (let n = 0; n < 5; n++) await note(source, tenant, 'late', `${n}`);
        source = refusing(source);
        steps.push('seal');
      },
      open: async () => {
        await mustBeOne(memoryEventLog(stored), target);
        steps.push('open');
      },
    });
    expect(steps).toEqual(['40', 'seal', '5 sealed', 'open']);
    await expect(note(source, tenant, 'late', 'x')).rejects.toThrow(LogSealed);
  });

  it('does not open when the logs are not one and the same', async () => {
    const tenant = newTenant();
    const stored = await filled([tenant]);
    const [source, target] = [memoryEventLog(stored), memoryEventLog()];
    let isSealed = false;
    let isOpen = false;
    // The seal does not hold: somebody appends while the rest is copied.
    const to = appending(target, async (of, writes) => {
      if (isSealed) await note(source, tenant, 'late', 'x');
      return target.append(of, writes);
    });
    const seal = async () => {
      await note(source, tenant, 'late', 'x');
      isSealed = true;
    };
    const open = async () => {
      isOpen = true;
    };
    const copy = new LogCopy({ from: source, to });
    await expect(cutOver(copy, { seal, open })).rejects.toThrow(`${tenant}, position 14: there is no event`);
    expect(isOpen).toBe(false);
  });
});
