/** Several nodes that serve one tenant: who crawls and writes back, and what happens when that changes. */
import { Subject } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { memoryBulletins } from '../cluster/memory.ts';
import type { OwnershipChange } from '../cluster/ownership.port.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import type { OfficeSync } from './index.ts';
import { createRig, emptyTables, type Rig, type RigPerson, tenant } from './rig.ts';

let database: FreshDatabase;
let rig: Rig;
let kari: RigPerson;
let owner: string;
let hub: ReturnType<typeof memoryBulletins>;
let changes: Record<string, Subject<OwnershipChange>>;
let started: OfficeSync[];
let people = 0;
const ola = { givenName: 'Ola', familyName: 'Nordmann', mobilePhone: '1' };

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyTables(database);
  [owner, hub, changes, started] = ['a', memoryBulletins(), {}, []];
  rig = await createRig(database);
  kari = await rig.person(`kari${++people}@demo.example`);
});
afterEach(async () => {
  for (const sync of started) await sync.stop();
  expect(rig.failures).toEqual([]);
  await rig.close();
});

/** A node that works for the tenant while it is `owner`. */
function node(name: string, store: EventStore = rig.store): OfficeSync {
  const isMine = () => owner === name;
  const gains = new Subject<OwnershipChange>();
  changes[name] = gains;
  const hold = () => (isMine() ? { isValid: isMine, release: () => {} } : undefined);
  const ownership = { isMine, hold, isAlone: () => false, changes: gains };
  return rig.beside({ store, nodes: { ownership, bulletin: hub.join() } });
}

function start(...nodes: OfficeSync[]): void {
  for (const sync of nodes) sync.start();
  started.push(...nodes);
}

function takeOver(name: string): void {
  const before = owner;
  owner = name;
  changes[before]?.next({ tenants: [tenant], isMine: false });
  changes[name]?.next({ tenants: [tenant], isMine: true });
}

/** Lets time pass in steps, with what it sets going. */
async function until<T>(done: () => T | Promise<T>, stepMs = 250): Promise<T> {
  return await vi.waitFor(
    async () => {
      rig.clock.advance(stepMs);
      return await done();
    },
    { timeout: 10_000, interval: 2 },
  );
}

const inOffice = () => rig.office.screenRecords(kari.email, 'contact');

describe('a crawl', () => {
  it('that is due runs on the owner alone', async () => {
    const [a, b] = [node('a'), node('b')];
    const [byA, byB] = [vi.spyOn(a.crawl, 'run'), vi.spyOn(b.crawl, 'run')];
    start(a, b);
    await until(() => expect(byA).toHaveBeenCalledTimes(1));
    await until(() => expect(byA).toHaveBeenCalledTimes(2), 10_000);
    expect(byB).not.toHaveBeenCalled();
  });

  it('that is asked for on another node runs once, on the owner, and is answered there', async () => {
    const [a, b] = [node('a'), node('b')];
    start(a, b);
    await until(() => expect(a.poller.status(tenant, kari.account).last).toBeDefined());
    const [byA, byB] = [vi.spyOn(a.crawl, 'run'), vi.spyOn(b.crawl, 'run')];
    rig.office.screenCreate(kari.email, 'contact', ola);
    let answer: unknown;
    void b.poller.pollNow(tenant, kari.account).then((result) => {
      answer = result;
    });
    await until(() => expect(answer).toMatchObject({ kind: 'done', counts: { added: 1 } }));
    expect([byA.mock.calls.length, byB.mock.calls.length]).toEqual([1, 0]);
    expect((await b.status(tenant, kari.account)).poll).toEqual(a.poller.status(tenant, kari.account));
  });

  it('that was asked for is done by who takes over before it was', async () => {
    const [a, b, c] = [node('a'), node('b'), node('c')];
    // The owner has died, and nobody has noticed yet.
    start(b, c);
    void a;
    let answer: unknown;
    void b.poller.pollNow(tenant, kari.account).then((result) => {
      answer = result;
    });
    for (let second = 0; second < 5; second++) await until(() => expect(answer).toBeUndefined());
    takeOver('c');
    await until(() => expect(answer).toMatchObject({ kind: 'done' }));
  });

  it('is due when it would have been on the node that was taken over from', async () => {
    const [a, b] = [node('a'), node('b')];
    start(a, b);
    const { nextPollAt } = await until(() => {
      const status = a.poller.status(tenant, kari.account);
      expect(status.last).toMatchObject({ kind: 'done' });
      return status;
    });
    const byB = vi.spyOn(b.crawl, 'run');
    await vi.waitFor(async () => expect((await b.status(tenant, kari.account)).poll.nextPollAt).toBe(nextPollAt));
    takeOver('b');
    await until(() => expect(b.poller.status(tenant, kari.account).nextPollAt).toBe(nextPollAt));
    expect(byB).not.toHaveBeenCalled();
    await until(() => expect(byB).toHaveBeenCalledTimes(1), 10_000);
    expect(rig.clock.nowMs()).toBeGreaterThanOrEqual(nextPollAt as number);
  });

  it('of a node that lost the tenant takes in nothing more', async () => {
    const a = node('a');
    rig.office.screenCreate(kari.email, 'contact', ola);
    const { list } = rig.office;
    rig.office.list = async (...args) => {
      owner = 'b';
      return await list.apply(rig.office, args);
    };
    const head = await rig.head();
    let answer: unknown;
    void a.poller.pollNow(tenant, kari.account, 5_000).then((result) => {
      answer = result;
    });
    await until(() => expect(answer).toEqual({ kind: 'stillRunning' }));
    expect(owner).toBe('b');
    expect(await rig.head()).toBe(head);
  });
});

describe('a write-back', () => {
  it('is done by the owner alone, also when somebody waits for it on another node', async () => {
    const [a, b] = [node('a'), node('b')];
    start(a, b);
    const [byA, byB] = [vi.spyOn(a.queue, 'claim'), vi.spyOn(b.queue, 'claim')];
    await rig.addOnPhone(kari, 'contact', ola);
    let flushed: unknown;
    void b.loop.flush(tenant, kari.account, 60_000).then((result) => {
      flushed = result;
    });
    await until(() => expect(flushed).toEqual({ done: true }));
    expect(inOffice()).toHaveLength(1);
    expect(byA).toHaveBeenCalled();
    expect(byB).not.toHaveBeenCalled();
  });

  it('that the owner had claimed is taken up at once by who takes over, and happens once', async () => {
    const [a, b] = [node('a'), node('b')];
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.settled();
    const { create } = rig.office;
    const died = Promise.withResolvers<void>();
    rig.office.create = async (...args) => {
      await create.apply(rig.office, args);
      died.resolve();
      return new Promise(() => {});
    };
    void a.writeBack.runDue();
    await died.promise;
    rig.office.create = create;
    start(b);
    takeOver('b');
    // No time passes: its lease has not ended.
    await vi.waitFor(async () => expect((await rig.link(item)).at(-1)?.type).toBe('WriteBackConfirmed'));
    expect(rig.office.calls.create).toBe(1);
    expect(inOffice()).toMatchObject([{ externalKey: item }]);
  });

  it('is not sent by a node that stood still between its word and the deed, and lost the tenant meanwhile', async () => {
    const stands = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    const slow: EventStore = {
      ...rig.store,
      async append(of, writes) {
        const outcome = await rig.store.append(of, writes);
        if (writes.some(({ events }) => events.some(({ event }) => event.type === 'WriteBackAttempted'))) {
          stands.resolve();
          await goesOn.promise;
        }
        return outcome;
      },
    };
    const [a, b] = [node('a', slow), node('b')];
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.settled();
    const byA = a.writeBack.runDue();
    await stands.promise;
    start(b);
    takeOver('b');
    await vi.waitFor(async () => expect((await rig.link(item)).at(-1)?.type).toBe('WriteBackConfirmed'));
    goesOn.resolve();
    await byA;
    expect(rig.office.calls.create).toBe(1);
    expect(inOffice()).toMatchObject([{ externalKey: item }]);
    await rig.settled();
    expect(await b.queue.open(tenant, kari.account)).toEqual([]);
  });
});
