import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Position } from '../../domain/shared/ids.ts';
import { type MemoryBulletin, type MemoryBulletins, memoryBulletins } from '../cluster/memory.ts';
import { event, eventLogContract, newTenant, write } from './contract.ts';
import { type FollowOptions, followOthers } from './followed.ts';
import { type MemoryStorage, memoryEventLog } from './memory.ts';
import type { CommitNotice, EventLog } from './port.ts';

eventLogContract(
  'A log whose others are followed',
  async function make(storage: MemoryStorage = new Map()) {
    const hub = memoryBulletins();
    hub.join();
    const below = memoryEventLog(storage);
    const log = await followOthers(below, { bulletin: hub.join(), onError: fail, heads: () => below.tenants() });
    return { log, reopen: () => make(storage), close: () => log.close() };
  },
  { atomicOverStreams: true },
);

interface Node {
  readonly log: EventLog;
  /** Without the others followed, as another program would use it. */
  readonly below: EventLog;
  readonly bulletin: MemoryBulletin;
  readonly told: CommitNotice[];
  readonly posted: string[];
}

let storage: MemoryStorage;
let hub: MemoryBulletins;
let nodes: Node[];
const tenant = newTenant();

beforeEach(() => {
  storage = new Map();
  hub = memoryBulletins();
  nodes = [];
});
afterEach(async () => {
  for (const { log, bulletin } of nodes) {
    await log.close();
    await bulletin.close();
  }
});

function fail(error: unknown): never {
  throw error;
}

async function node(options: Partial<FollowOptions> = {}, change: Partial<EventLog> = {}): Promise<Node> {
  const bulletin = hub.join();
  const below = memoryEventLog(storage);
  const posted: string[] = [];
  const post: MemoryBulletin['post'] = (topic, key, text) => {
    posted.push(text);
    bulletin.post(topic, key, text);
  };
  const log = await followOthers(
    { ...below, ...change },
    { bulletin: { ...bulletin, post }, onError: fail, lookEveryMs: 3_600_000, heads: below.tenants, ...options },
  );
  const told: CommitNotice[] = [];
  log.commits.subscribe((notice) => told.push(notice));
  const made = { log, below, bulletin, told, posted };
  nodes.push(made);
  return made;
}

const add = (log: EventLog, name: string, ...more: string[]) =>
  log.append(tenant, [write(name, -1, ...[name, ...more].map((text) => event(text)))]);
const positions = (told: readonly CommitNotice[]) => told.flatMap(({ events }) => events?.map((one) => one.position));
const until = (check: () => void) => vi.waitFor(check, { interval: 2 });

describe('a log that another node writes to as well', () => {
  it('tells of the other’s commits with their events, and of its own once', async () => {
    const [a, b] = [await node(), await node()];
    await add(a.log, 'one', 'two');
    await until(() => expect(b.told).toHaveLength(1));
    expect(b.told).toMatchObject([
      { tenant, head: 2, isByOther: true, events: [{ stream: 'one', revision: 0 }, { revision: 1 }] },
    ]);
    await add(b.log, 'three');
    await until(() => expect(a.told).toHaveLength(2));
    expect(a.told.map(({ isByOther = false }) => isByOther)).toEqual([false, true]);
    expect([positions(a.told), positions(b.told)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('tells of its own at once, and then of the other’s that came before them', async () => {
    const a = await node();
    // Nobody told of it.
    await add(memoryEventLog(storage), 'unheard', 'of');
    await add(a.log, 'mine');
    await until(() => expect(a.told).toHaveLength(2));
    expect(a.told[0]).toMatchObject({ head: 3, events: [{ position: 3 }] });
    expect(a.told[1]).toMatchObject({ head: 3, isByOther: true, events: [{ position: 1 }, { position: 2 }] });
  });

  it('tells of each event once, however two of them write at the same time, and never of a lower head', async () => {
    const [a, b] = [await node({ lookEveryMs: 3 }), await node({ lookEveryMs: 3 })];
    let name = 0;
    const writer = async (log: EventLog) => {
      for (let turn = 0; turn < 40; turn++) {
        await Promise.all(Array.from({ length: 1 + (turn % 3) }, () => add(log, `stream ${++name}`)));
        if (turn % 5 === 0) await new Promise(setImmediate);
      }
    };
    await Promise.all([writer(a.log), writer(a.log), writer(b.log), writer(b.log)]);
    const head = await a.log.head(tenant);
    const all = Array.from({ length: head }, (_, at) => at + 1);
    for (const { told } of [a, b]) {
      await until(() => expect(positions(told)).toHaveLength(head));
      expect(positions(told).sort((one, other) => (one as number) - (other as number))).toEqual(all);
      const heads = told.map((notice) => notice.head);
      expect(heads).toEqual([...heads].sort((one, other) => one - other));
      const others = positions(told.filter(({ isByOther }) => isByOther)) as Position[];
      expect(others).toEqual([...others].sort((one, other) => one - other));
    }
  });

  it('does not tell of its own commit again when it was met before it was answered', async () => {
    const { promise: met, resolve: isMet } = Promise.withResolvers<void>();
    const commits = new Subject<CommitNotice>();
    const below = memoryEventLog(storage);
    const append: EventLog['append'] = async (...call) => {
      const outcome = await below.append(...call);
      await met;
      commits.next({ tenant, head: 1 as Position, events: await below.readAll(tenant, 0 as Position, 1) });
      return outcome;
    };
    const [a, b] = [await node({}, { append, commits }), await node()];
    const mine = add(a.log, 'mine');
    await add(b.log, 'theirs');
    await until(() => expect(positions(a.told)).toEqual([1, 2]));
    isMet();
    await mine;
    expect(positions(a.told)).toEqual([1, 2]);
    expect(a.posted).toEqual([`1 ${tenant}`]);
  });

  it('finds by looking what no message told of, while others are there and after a gap', async () => {
    const a = await node({ lookEveryMs: 5 });
    const b = await node();
    const comeBack = b.bulletin.cutOff();
    await add(b.log, 'one');
    await until(() => expect(positions(a.told)).toEqual([1]));
    await add(a.log, 'two');
    expect(positions(b.told)).toEqual([1]);
    comeBack();
    await until(() => expect(positions(b.told)).toEqual([1, 2]));
  });

  it('tells of many without their content', async () => {
    const [a, b] = [await node(), await node({ eventsMax: 10 })];
    const comeBack = b.bulletin.cutOff();
    for (let at = 0; at < 12; at++) await add(a.log, `stream ${at}`);
    comeBack();
    await until(() => expect(b.told).toHaveLength(1));
    expect(b.told).toEqual([{ tenant, head: 12, isByOther: true }]);
    await add(a.log, 'one more');
    await until(() => expect(positions(b.told.slice(1))).toEqual([13]));
  });

  it('knows what was there before, and looks at nothing while it is alone', async () => {
    await add(memoryEventLog(storage), 'before');
    const tenants = vi.fn(memoryEventLog(storage).tenants);
    const readAll = vi.fn(memoryEventLog(storage).readAll);
    const a = await node({ lookEveryMs: 1 }, { tenants, readAll });
    for (let at = 0; at < 5; at++) {
      await add(a.log, `stream ${at}`);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    expect([tenants.mock.calls.length, readAll.mock.calls.length]).toEqual([1, 0]);
    expect(positions(a.told)).toEqual([2, 3, 4, 5, 6]);
  });

  it('has told of all that anyone stored before it was asked to, though no message came', async () => {
    const heads = vi.fn(memoryEventLog(storage).tenants);
    const [a, b] = [await node(), await node({ heads })];
    b.bulletin.cutOff();
    for (let round = 1; round <= 50; round++) {
      const stored = add(a.log, `stream ${round}`);
      const own = add(b.log, `own ${round}`);
      await stored;
      const before = heads.mock.calls.length;
      await Promise.all(Array.from({ length: 20 }, () => b.log.heard?.(tenant)));
      expect(b.told.flatMap(({ events = [] }) => events.map(({ stream }) => stream))).toContain(`stream ${round}`);
      // Those who ask together are answered by one look, or by two where one was under way.
      expect(heads.mock.calls.length - before).toBeLessThan(3);
      await own;
    }
    expect(positions(b.told)).toHaveLength(100);
  });

  it('does not look for whoever asks while it is alone, and says so when a look fails', async () => {
    const a = await node({ heads: () => Promise.reject(new Error('the database is away')) });
    expect(a.log.heard?.(tenant)).toBeUndefined();
    await node();
    await expect(a.log.heard?.(tenant)).rejects.toThrow('away');
    await expect(a.log.heard?.(tenant)).rejects.toThrow('away');
  });
});
