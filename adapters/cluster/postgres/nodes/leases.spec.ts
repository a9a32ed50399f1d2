import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TenantId } from '../../../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../../../test/postgres.ts';
import { memoryBulletins } from '../../memory.ts';
import type { OwnershipChange } from '../../ownership.port.ts';
import { NodeLeases, type NodeLeasesOptions } from './leases.ts';

let database: FreshDatabase;
let hub: ReturnType<typeof memoryBulletins>;
let nodes: TestNode[];
let spaces = 0;

interface TestNode {
  readonly leases: NodeLeases;
  readonly changes: OwnershipChange[];
  readonly sent: string[];
  readonly errors: unknown[];
  /** What the database is asked fails from now on, or hangs, or goes well again. */
  connection: 'good' | 'fails' | 'hangs';
  /** As when its process ends without a word. */
  kill(): void;
}

/** Short, so that a test need not wait for long; the figures of a server are in the last test. */
const quick = { leaseMs: 600, renewEveryMs: 100, marginMs: 150 };
const tenants = Array.from({ length: 12 }, (_, n) => `tenant${n}.example` as TenantId);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await database.pool.query('delete from node');
  await database.pool.query('delete from tenant_owner');
  [hub, nodes] = [memoryBulletins(), []];
});
afterEach(async () => {
  for (const node of nodes) {
    node.connection = 'good';
    await node.leases.stop();
  }
});

async function node(
  options: Partial<NodeLeasesOptions> & { of?: readonly TenantId[]; isDeaf?: boolean } = {},
): Promise<TestNode> {
  const { of = tenants, isDeaf = false, ...given } = options;
  const sent: string[] = [];
  const errors: unknown[] = [];
  let isDead = false;
  const pool = {
    query: async (query: { name: string; text: string }) => {
      if (isDead || made.connection === 'hangs') return new Promise(() => {});
      if (made.connection === 'fails') throw new Error('no connection');
      sent.push(query.name);
      return database.pool.query(query);
    },
  };
  const bulletin = hub.join();
  const leases = new NodeLeases({
    ...quick,
    ...{ pool: pool as never, bulletin, version: '1', processSpace: `space${++spaces}` },
    ...given,
    onError: (error) => errors.push(error),
  });
  const changes: OwnershipChange[] = [];
  leases.changes.subscribe((change) => changes.push(change));
  const made: TestNode = {
    ...{ leases, changes, sent, errors, connection: 'good' },
    kill() {
      isDead = true;
      bulletin.cutOff();
    },
  };
  if (isDeaf) bulletin.cutOff();
  nodes.push(made);
  await leases.start(of);
  return made;
}

const mineOf = ({ leases }: TestNode) => tenants.filter((tenant) => leases.isMine(tenant));
const owners = (tenant: TenantId) => nodes.filter(({ leases }) => leases.isMine(tenant));
const allOwned = (of: readonly TestNode[] = nodes) =>
  vi.waitFor(() => expect(of.flatMap(mineOf).sort()).toEqual([...tenants].sort()), { timeout: 8_000, interval: 5 });

/** Looks at every turn of the event loop whether two regard themselves as owner of the same tenant. */
function watch() {
  const seen: string[] = [];
  let isOver = false;
  const look = () => {
    for (const tenant of tenants) if (owners(tenant).length > 1) seen.push(tenant);
    if (!isOver) setImmediate(look);
  };
  look();
  return () => {
    isOver = true;
    return seen;
  };
}

describe('a node that is alone', () => {
  it('has every tenant from its start on, and a new one when it asks', async () => {
    const one = await node();
    expect(mineOf(one)).toEqual(tenants);
    const fresh = 'new.example' as TenantId;
    expect(one.leases.isMine(fresh)).toBe(false);
    expect(await one.leases.claim(fresh)).toBe(true);
    expect(one.leases.isMine(fresh)).toBe(true);
    expect(one.leases.isAlone()).toBe(true);
  });

  it('sends one statement for each renewal, and nothing for a tenant it knows', async () => {
    const one = await node();
    one.sent.length = 0;
    for (const tenant of tenants) await one.leases.claim(tenant);
    await vi.waitFor(() => expect(one.sent.length).toBeGreaterThan(4));
    expect(new Set(one.sent)).toEqual(new Set(['node_renew']));
  });

  it('has everything again at once after it was killed, where it is known that its process has ended', async () => {
    const first = await node({ processSpace: 'here', leaseMs: 60_000 });
    first.kill();
    nodes.pop();
    // The same pid in the same space: only one of both can live.
    const second = await node({ processSpace: 'here' });
    expect(mineOf(second)).toEqual(tenants);
  });

  it('has everything again at once after it was stopped', async () => {
    await (await node()).leases.stop();
    expect(mineOf(await node())).toEqual(tenants);
  });
});

describe('several nodes', () => {
  it('share the tenants soon after one has come, and each has what falls to it', async () => {
    const end = watch();
    const one = await node();
    const two = await node();
    const three = await node();
    await vi.waitFor(() => expect(nodes.every((each) => mineOf(each).length > 0)).toBe(true), { timeout: 5_000 });
    await allOwned();
    expect([one, two, three].map(({ leases }) => leases.isAlone())).toEqual([false, false, false]);
    // The last tenants may still be on their way from one to another.
    await vi.waitFor(async () => {
      const listed = await two.leases.list();
      expect(listed.map(({ id, tenants, isThis }) => [id, tenants, isThis])).toEqual(
        nodes.map((each) => [each.leases.id, mineOf(each).length, each === two]),
      );
      expect(two.leases.counts()).toEqual({ nodes: 3, tenants: mineOf(two).length });
    }, 5_000);
    expect(end()).toEqual([]);
  });

  it('hand a tenant over only when nothing holds it there, and begin nothing new in it before', async () => {
    const one = await node();
    const holds = tenants.map((tenant) => one.leases.hold(tenant));
    const two = await node();
    const admits = (tenant: TenantId) => {
      const hold = one.leases.hold(tenant);
      hold?.release();
      return hold !== undefined;
    };
    await vi.waitFor(() => expect(tenants.every(admits)).toBe(false));
    expect(mineOf(one)).toEqual(tenants);
    expect(holds.every((hold) => hold?.isValid())).toBe(true);
    for (const hold of holds) hold?.release();
    await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0));
    await allOwned();
  });

  it('take over at once from one that stops', async () => {
    const one = await node({ renewEveryMs: 60_000, leaseMs: 120_000 });
    const two = await node({ renewEveryMs: 60_000, leaseMs: 120_000 });
    await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0));
    const end = watch();
    await two.leases.stop();
    await allOwned([one]);
    expect(end()).toEqual([]);
  });

  it('find each other without a word', async () => {
    const one = await node({ isDeaf: true });
    const two = await node({ isDeaf: true });
    await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0), { timeout: 5_000 });
    await allOwned([one, two]);
  });

  it.each(['fails', 'hangs'] as const)('take over from one whose database %s, which knows it before', async (how) => {
    const one = await node();
    const two = await node();
    await allOwned();
    await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0));
    const end = watch();
    one.connection = how;
    await allOwned([two]);
    expect(mineOf(one)).toEqual([]);
    expect(one.changes.at(-1)).toMatchObject({ isMine: false });
    one.connection = 'good';
    if (how === 'fails') await vi.waitFor(() => expect(mineOf(one).length).toBeGreaterThan(0), { timeout: 5_000 });
    expect(end()).toEqual([]);
  });

  it('take over from one whose process stands still; it knows that the moment it goes on', async () => {
    let stoodMs = 0;
    const one = await node({ nowMs: () => performance.now() + stoodMs });
    const hold = one.leases.hold(tenants[0] as TenantId);
    one.connection = 'hangs';
    stoodMs = 450;
    expect(mineOf(one)).toEqual([]);
    expect(hold?.isValid()).toBe(false);
    const two = await node();
    await allOwned([two]);
  });

  it('agree whatever their own clocks say', async () => {
    const end = watch();
    const one = await node({ nowMs: () => performance.now() + 86_400_000 });
    const two = await node({ nowMs: () => performance.now() - 86_400_000 });
    await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0));
    await allOwned();
    one.kill();
    await allOwned([two]);
    expect(end()).toEqual([]);
  });

  it('leave to the others what one resigns from, for as long as it lives', async () => {
    const one = await node();
    const two = await node();
    one.leases.resign();
    await allOwned([two]);
    expect(await one.leases.claim('new.example' as TenantId)).toBe(false);
    await two.leases.stop();
    await vi.waitFor(() => expect(one.leases.isAlone()).toBe(true));
    expect(mineOf(one)).toEqual([]);
  });

  it('never regard themselves as owner of the same tenant, whatever befalls them', async () => {
    const step = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('fails', 'hangs', 'good', 'kill', 'stop', 'join'),
      pauseMs: fc.nat(250),
    });
    const property = fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 8 }), async (steps) => {
      const end = watch();
      for (const { who, what, pauseMs } of steps) {
        const one = nodes[who % Math.max(1, nodes.length)];
        if (what === 'join' || !one) await node();
        else if (what === 'kill' || what === 'stop') {
          if (what === 'kill') one.kill();
          else await one.leases.stop();
          // What is dead may go on to believe until its lease ends; it stays among those who are looked at.
        } else one.connection = what;
        await wait(pauseMs);
      }
      for (const one of nodes) one.connection = 'good';
      const last = await node();
      await vi.waitFor(() => expect(tenants.every((tenant) => owners(tenant).length === 1)).toBe(true), {
        timeout: 8_000,
      });
      expect(last.errors).toEqual([]);
      for (const one of nodes.splice(0)) await one.leases.stop();
      expect(end()).toEqual([]);
    });
    await fc.assert(property, { numRuns: 6, endOnFailure: true });
  }, 120_000);
});

it('with the figures of a server, a node that dies is taken over from within ten seconds', async () => {
  const figures = { leaseMs: 6_000, renewEveryMs: 2_000, marginMs: 1_000 };
  const one = await node(figures);
  const two = await node(figures);
  await vi.waitFor(() => expect(mineOf(two).length).toBeGreaterThan(0));
  const end = watch();
  const diedMs = performance.now();
  one.kill();
  await vi.waitFor(() => expect(mineOf(two)).toEqual(tenants), { timeout: 12_000, interval: 10 });
  expect(performance.now() - diedMs).toBeLessThan(10_000);
  expect(end()).toEqual([]);
});
