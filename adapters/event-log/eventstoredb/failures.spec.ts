/**
 * What of the log's promises holds while its store fails: nothing acknowledged is lost, nothing is stored twice, every
 * call ends, and other nodes hear of every commit. Against real servers; see `test/event-store-node.ts`.
 */
import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NO_POSITION, type Position, type Revision, type TenantId } from '../../../domain/shared/ids.ts';
import {
  type Cluster,
  clusterCommand,
  clusterUrl,
  nodeCommand,
  type SingleNode,
  startCluster,
  startSingleNode,
} from '../../../test/event-store-node.ts';
import { TcpRelay } from '../../../test/tcp-relay.ts';
import { event, newTenant, stream, write } from '../contract.ts';
import type { CommitNotice, EventLog, StoredEvent } from '../port.ts';
import { parseAddress } from './address.ts';
import { Connection } from './connection.ts';
import { EventStoreUnavailable } from './failure.ts';
import { type EventStoreLogOptions, eventStoreLog } from './log.ts';
import { logNames } from './names.ts';
import { findLeader } from './nodes.ts';
import { fromWire, toWire } from './wire.ts';

const opened: EventLog[] = [];
async function open(url: string, options: Partial<EventStoreLogOptions> = {}): Promise<EventLog> {
  const log = await eventStoreLog({ address: parseAddress(url), openPatienceMs: 60_000, graceMs: 500, ...options });
  opened.push(log);
  return log;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
});

const connect = (url: string): Connection =>
  new Connection({ address: parseAddress(url), patienceMs: 20_000, connectionName: 'test' });

async function leaderPort(url: string): Promise<number> {
  const address = parseAddress(url);
  return (await findLeader(address, await readFile(address.tls!.caFile!), 2_000)).port;
}

async function everything(log: EventLog, tenant: TenantId): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (;;) {
    const page = await log.readAll(tenant, all.at(-1)?.position ?? NO_POSITION, 500);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Everything other nodes are told, by tenant. */
function heardBy(log: EventLog): Map<TenantId, CommitNotice[]> {
  const heard = new Map<TenantId, CommitNotice[]>();
  log.commits.subscribe((notice) => heard.set(notice.tenant, [...(heard.get(notice.tenant) ?? []), notice]));
  return heard;
}

/** Writers that each continue a stream of their own, and what was acknowledged to them. */
class Load {
  readonly tenants: readonly TenantId[];
  readonly acknowledged: { tenant: TenantId; id: string; position: number; atMs: number }[] = [];
  readonly failures: unknown[] = [];
  #goesOn = true;
  readonly #done: Promise<void>;

  constructor(logs: readonly EventLog[], writers = 8) {
    this.tenants = [newTenant(), newTenant(), newTenant()];
    this.#done = Promise.all(Array.from({ length: writers }, (_, n) => this.#write(logs[n % logs.length]!, n))).then(
      () => {},
    );
  }

  get count(): number {
    return this.acknowledged.length;
  }

  async reaches(count: number): Promise<void> {
    while (this.count < count && this.failures.length === 0) await after(5);
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#done;
  }

  async #write(log: EventLog, n: number): Promise<void> {
    const tenant = this.tenants[n % this.tenants.length]!;
    for (let revision = -1; this.#goesOn; revision++) {
      const one = event(`${n}.${revision}`);
      try {
        const outcome = await log.append(tenant, [
          write(`w${n}`, revision, one),
          write(`b${n}-${revision}`, -1, event('b')),
        ]);
        if (outcome.kind === 'conflict') throw new Error(`a conflict at ${outcome.index} for the only writer`);
        const { position } = outcome.commits[0]!;
        this.acknowledged.push({ tenant, id: one.id, position, atMs: performance.now() });
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }
}

/** Nothing lost, nothing twice, no gap, by order and by stream; and `other` was told of all of it. */
async function expectWhole(load: Load, log: EventLog, heard?: Map<TenantId, CommitNotice[]>): Promise<void> {
  expect(load.failures).toEqual([]);
  for (const tenant of load.tenants) {
    const all = await everything(log, tenant);
    const acknowledged = load.acknowledged.filter((one) => one.tenant === tenant);
    expect(all.map((one) => one.position)).toEqual(all.map((_, index) => index + 1));
    expect(all).toHaveLength(2 * acknowledged.length);
    expect(new Set(all.map((one) => one.id)).size).toBe(all.length);
    for (const one of acknowledged) expect(all[one.position - 1]!.id).toBe(one.id);
    const streams = Map.groupBy(all, (one) => one.stream);
    const read = await log.readStreams(tenant, [...streams.keys()]);
    for (const [name, events] of streams) {
      expect(read.get(name)).toEqual(events);
      expect(events.map((one) => one.revision)).toEqual(events.map((_, index) => index));
    }
    if (!heard) continue;
    const head = all.at(-1)!.position;
    await expect.poll(() => heard.get(tenant)?.at(-1)?.head, { timeout: 30_000 }).toBe(head);
    const notices = heard.get(tenant)!;
    const heads = notices.map((notice) => notice.head);
    expect(heads).toEqual([...new Set(heads)].sort((a, b) => a - b));
    const told = notices.flatMap((notice) => notice.events?.map((one) => one.position) ?? []);
    // Whole as long as no notice says that it is not.
    if (notices.every((notice) => notice.events)) expect(told).toEqual(all.map((one) => one.position));
  }
}

describe.skipIf(!nodeCommand)('an event store of one node (needs EVENTSTORE_COMMAND)', () => {
  let server: SingleNode;
  beforeAll(async () => {
    server = await startSingleNode();
  });
  afterAll(() => server.remove());

  it('killed in mid-append and mid-subscription, and started again: calls wait, nothing is lost or stored twice', async () => {
    const log = await open(server.url);
    const other = await open(server.url);
    const heard = heardBy(other);
    const load = new Load([log]);
    for (const round of [1, 2]) {
      await load.reaches(round * 100);
      await server.node.kill();
      await after(300);
      const before = load.count;
      server.node.start();
      await server.node.isLive();
      await load.reaches(before + 100);
    }
    await load.stop();
    await expectWhole(load, log, heard);
    const anew = await open(server.url);
    await expectWhole(load, anew);
  });

  it('whose answer is lost after it stored the events answers the call with their places, and stores them once', async () => {
    const relay = await TcpRelay.start(server.node.port);
    const tenant = newTenant();
    const direct = await open(server.url);
    const log = await open(`esdb://127.0.0.1:${relay.port}?tls=false&defaultDeadline=1500`);
    await log.append(tenant, [write('s', -1, event('first'))]);
    relay.hold('answers');
    const told = log.append(tenant, [write('s', 0, event('second'), event('third')), write('t', -1, event('fourth'))]);
    await expect.poll(() => direct.head(tenant)).toBe(4);
    relay.cut();
    expect(await told).toMatchObject({
      kind: 'appended',
      commits: [
        { stream: 's', revision: 2, position: 3, repeated: false },
        { stream: 't', revision: 0, position: 4, repeated: false },
      ],
    });
    expect(await everything(direct, tenant)).toHaveLength(4);
    await log.append(tenant, [write('s', 2, event('fifth'))]);
    expect(await direct.readStream(tenant, stream('s'))).toHaveLength(4);
    await relay.close();
  });

  it('whose answer is lost while another node goes on answers the call with its places all the same', async () => {
    const relay = await TcpRelay.start(server.node.port);
    const tenant = newTenant();
    const direct = await open(server.url);
    const log = await open(`esdb://127.0.0.1:${relay.port}?tls=false&defaultDeadline=1500`);
    await log.append(tenant, [write('s', -1, event('first'))]);
    relay.hold('answers');
    const told = log.append(tenant, [write('s', 0, event('second'))]);
    await expect.poll(() => direct.head(tenant)).toBe(2);
    await direct.append(tenant, [write('s', 1, event('third'))]);
    relay.cut();
    expect(await told).toMatchObject({ kind: 'appended', commits: [{ revision: 1, position: 2 }] });
    expect(await everything(direct, tenant)).toHaveLength(3);
    await relay.close();
  });

  it('whose answer never came is asked again with other bytes: what it stored first stays, and is what everybody reads', async () => {
    const relay = await TcpRelay.start(server.node.port);
    const tenant = newTenant();
    const direct = await open(server.url);
    const other = await open(server.url, { isFollowing: false });
    const log = await open(`esdb://127.0.0.1:${relay.port}?tls=false&defaultDeadline=400`, { patienceMs: 1_000 });
    await other.append(tenant, [write('s', -1, event('first'))]);
    await log.append(tenant, [write('t', -1, event('beside'))]);
    // Both know how the log ends, and the other hears of nothing that follows.
    await other.head(tenant);
    relay.hold('answers');
    const once = event('second');
    await expect(log.append(tenant, [write('s', 0, once)])).rejects.toThrow(EventStoreUnavailable);
    expect(await direct.head(tenant)).toBe(3);
    relay.release();
    // Sealed anew it has other bytes, under the same id.
    const again = { ...event('sealed anew'), id: once.id };
    const told = { kind: 'appended', commits: [{ stream: 's', revision: 1, position: 3, repeated: true }] };
    expect(await other.append(tenant, [write('s', 0, again)])).toEqual(told);
    expect(await log.append(tenant, [write('s', 0, again)])).toEqual(told);
    for (const one of [log, other, direct]) {
      const texts = (await one.readStream(tenant, stream('s'))).map(({ payload }) => Buffer.from(payload).toString());
      expect(texts).toEqual(['first', 'second']);
    }
    await relay.close();
  });

  it('that is slow is waited for', async () => {
    const relay = await TcpRelay.start(server.node.port);
    const log = await open(`esdb://127.0.0.1:${relay.port}?tls=false`);
    relay.delayMs = 150;
    const load = new Load([log], 4);
    await load.reaches(12);
    await load.stop();
    relay.delayMs = 0;
    await expectWhole(load, log);
    await relay.close();
  });

  it('that takes calls and says nothing ends them with a sentence, in time, and serves again when it speaks', async () => {
    const relay = await TcpRelay.start(server.node.port);
    const tenant = newTenant();
    const log = await open(`esdb://127.0.0.1:${relay.port}?tls=false&defaultDeadline=500`, { patienceMs: 2_000 });
    await log.append(tenant, [write('s', -1, event('a'))]);
    relay.hold('everything');
    const began = performance.now();
    const second = event('b');
    const results = await Promise.allSettled([
      log.append(tenant, [write('s', 0, second)]),
      log.readStream(tenant, stream('s')),
      log.readAll(tenant, NO_POSITION, 10),
      log.head(tenant),
    ]);
    expect(performance.now() - began).toBeLessThan(6_000);
    for (const result of results) {
      expect(result.status).toBe('rejected');
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(EventStoreUnavailable);
      expect(reason.message).toMatch(/^EventStoreDB at 127\.0\.0\.1:\d+ did not answer for 2 s .* EVENTSTORE_URL$/);
    }
    relay.release();
    const again = await log.append(tenant, [write('s', 0, second)]);
    expect(again).toMatchObject({ kind: 'appended', commits: [{ revision: 1, position: 2 }] });
    expect(await everything(log, tenant)).toHaveLength(2);
    await relay.close();
  });

  it('in which a node died before it linked what it stored gives every node the whole streams, and gets the links', async () => {
    const tenant = newTenant();
    const store = connect(server.url);
    const names = logNames();
    const stored = Array.from({ length: 20 }, (_, n): StoredEvent => {
      return {
        ...{ ...event(`${n}`), tenant, stream: stream('s') },
        ...{ revision: n as Revision, position: (n + 1) as Position },
      };
    });
    // As a node that links nothing of what it stores does.
    await store.append(
      names.tenant(tenant),
      stored.map((one) => toWire(one.id, one, 0)),
      -1,
    );
    const log = await open(server.url, { graceMs: 200 });
    expect(await log.readStream(tenant, stream('s'))).toHaveLength(20);
    await log.append(tenant, [write('s', 19, event('20'))]);
    const revisions = (await log.readStream(tenant, stream('s'), { from: 15 })).map((one) => one.revision);
    expect(revisions).toEqual([15, 16, 17, 18, 19, 20]);
    const links = async () => (await store.read(names.stream(tenant, stream('s')), { count: 100 })).length;
    await expect.poll(links).toBe(21);
    await log.append(tenant, [write('s', 20, event('21'))]);
    const [last] = await store.read(names.tenant(tenant), { from: 'end', count: 1, isBackwards: true });
    expect(fromWire(tenant, last!.event!).linked).toBe(21);
    await store.close();
  });

  it.skipIf(!process.env.EVENTSTORE_SMALL_DIR)(
    'without room on its disk stores nothing more, loses nothing, and goes on when there is room (needs EVENTSTORE_SMALL_DIR, on a disk of some 200 MB)',
    { timeout: 120_000 },
    async () => {
      const parent = process.env.EVENTSTORE_SMALL_DIR!;
      const small = await startSingleNode(parent);
      const filler = path.join(parent, 'filler');
      const log = await open(small.url, { patienceMs: 3_000 });
      const tenant = newTenant();
      const stored: string[] = [];
      const payload = Buffer.alloc(200_000, 7);
      const add = async (): Promise<void> => {
        const one = { ...event(''), payload };
        await log.append(tenant, [write('s', stored.length - 1, one)]);
        stored.push(one.id);
      };
      await add();
      const { bavail, bsize } = await statfs(parent);
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - 2_000_000)));
      const refused = await (async () => {
        for (let n = 0; n < 1_000; n++) await add();
      })().catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(EventStoreUnavailable);
      expect((refused as Error).message).toContain('room on their disks');
      console.info(
        `without room the server ended ${small.node.ends} times by itself; ${stored.length} events are stored`,
      );
      await rm(filler);
      // What was not acknowledged may be stored; its stream says so.
      await expect.poll(() => log.head(tenant).catch(() => -1), { timeout: 60_000, interval: 500 }).toBeGreaterThan(0);
      const all = await log.readStream(tenant, stream('s'));
      expect(all.slice(0, stored.length).map((one) => one.id)).toEqual(stored);
      expect(all.length - stored.length).toBeLessThanOrEqual(1);
      const next = await log.append(tenant, [write('s', all.length - 1, event('room again'))]);
      expect(next.kind).toBe('appended');
      console.info(`without room the server ended ${small.node.ends} times by itself, after ${stored.length} events`);
      await log.close();
      await small.remove();
    },
  );
});

describe.skipIf(!clusterCommand || !clusterUrl)(
  'an event store of three nodes (needs EVENTSTORE_CLUSTER_COMMAND and EVENTSTORE_CLUSTER_URL)',
  { timeout: 300_000 },
  () => {
    let cluster: Cluster;
    let leaderOf: () => Promise<Cluster['nodes'][number]>;
    beforeAll(async () => {
      cluster = await startCluster();
      leaderOf = async () => {
        const port = await leaderPort(cluster.url);
        return cluster.nodes.find((node) => node.port === port)!;
      };
      await (await open(cluster.url)).tenants();
    }, 120_000);
    afterAll(() => cluster.remove());

    it('goes on when its leader is killed, frozen, or ended in an orderly way: nothing is lost or stored twice', async () => {
      const logs = [await open(cluster.url, { patienceMs: 60_000 }), await open(cluster.url, { patienceMs: 60_000 })];
      const heard = heardBy(await open(cluster.url, { patienceMs: 60_000 }));
      const load = new Load(logs);
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const) {
        const leader = await leaderOf();
        await load.reaches(load.count + 60);
        leader.signal(signal);
        const from = performance.now();
        const before = load.count;
        await load.reaches(before + 30);
        const resumed = load.acknowledged[before + 20]!.atMs - from;
        console.info(`after ${signal} of the leader appends went on within ${Math.round(resumed)} ms`);
        expect(resumed).toBeLessThan(45_000);
        if (signal === 'SIGSTOP') leader.signal('SIGCONT');
        await leader.isLive();
      }
      await load.stop();
      await expectWhole(load, logs[0]!, heard);
      await expectWhole(load, await open(cluster.url));
    });

    it('with one node left takes nothing, says so in time, and goes on when a second is there again', async () => {
      const log = await open(cluster.url, { patienceMs: 4_000 });
      const tenant = newTenant();
      await log.append(tenant, [write('s', -1, event('a'))]);
      const leader = await leaderOf();
      const down = [leader, cluster.nodes.find((node) => node !== leader)!];
      await Promise.all(down.map((node) => node.kill()));
      const second = event('b');
      const refused = await log.append(tenant, [write('s', 0, second)]).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(EventStoreUnavailable);
      for (const node of down) node.start();
      await expect
        .poll(() => log.append(tenant, [write('s', 0, second)]).catch(() => undefined), { timeout: 60_000 })
        .toMatchObject({ kind: 'appended', commits: [{ revision: 1, position: 2 }] });
      expect(await everything(log, tenant)).toHaveLength(2);
    });
  },
);
