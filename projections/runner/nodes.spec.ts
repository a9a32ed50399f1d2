/** Several nodes on one database, each with its own log, store and runner. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Subject } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MemoryBulletin, memoryBulletins } from '../../adapters/cluster/memory.ts';
import type { Ownership, OwnershipChange } from '../../adapters/cluster/ownership.port.ts';
import { NodeLeases } from '../../adapters/cluster/postgres/nodes/leases.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../../adapters/crypto/memory.ts';
import { type EventStore, emptyHead } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { followOthers } from '../../adapters/event-log/followed.ts';
import { postgresEventLog, postgresHeads } from '../../adapters/event-log/postgres/log.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import type { Instant, Position, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { CheckpointMoved } from './checkpoints.ts';
import type { AnyDatabase, Projection } from './projection.ts';
import { createJournalTable, type Journal, journal, noteEvents } from './rig.ts';
import { type Projected, ProjectionRunner } from './runner.ts';

let database: FreshDatabase;
let db: Kysely<AnyDatabase>;
let tenants = 0;
let tenant: TenantId;
let hub: ReturnType<typeof memoryBulletins>;
let nodes: Node[];
let owner: Node | undefined;

interface Node {
  readonly store: EventStore;
  readonly runner: ProjectionRunner;
  readonly bulletin: MemoryBulletin;
  readonly journal: Journal;
  readonly told: Projected[];
  readonly errors: unknown[];
  stop(): Promise<void>;
}

beforeAll(async () => {
  database = await freshDatabase();
  db = new Kysely<AnyDatabase>({ dialect: new PostgresDialect({ pool: database.pool }) });
  await createJournalTable(db);
});
beforeEach(() => {
  tenant = `nodes${++tenants}.example` as TenantId;
  [hub, nodes, owner] = [memoryBulletins(), [], undefined];
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
});

const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
const at = '2026-03-01T08:00:00.000Z' as Instant;
const changes = new Subject<OwnershipChange>();

/** Whoever the test says. */
const asTold = (self: () => Node | undefined): Ownership => ({
  isMine: () => owner !== undefined && owner === self(),
  claim: async () => owner !== undefined && owner === self(),
  hold: () => undefined,
  isAlone: () => false,
  resign: () => {
    if (owner === self()) owner = undefined;
  },
  changes,
  start: async () => {},
  stop: async () => {},
});

async function join(
  options: { ownership?: (bulletin: MemoryBulletin) => Ownership; models?: Projection[]; version?: number } = {},
): Promise<Node> {
  const bulletin = hub.join();
  const log = await followOthers(postgresEventLog({ pool: database.pool }), {
    bulletin,
    heads: (of) => postgresHeads(database.pool, of),
    onError: () => {},
  });
  const store = createEventStore({ log, keys, clock: () => at, events: noteEvents() });
  const one = journal('journal', options.version ?? 1);
  const ownership = options.ownership?.(bulletin) ?? asTold(() => node);
  const errors: unknown[] = [];
  const runner = new ProjectionRunner({
    ...{ db, store, projections: [one, ...(options.models ?? [])], retryDelayMs: 5 },
    onError: (error) => errors.push(error),
    nodes: { ownership, bulletin },
  });
  const told: Projected[] = [];
  runner.projected.subscribe((page) => page.tenant === tenant && told.push(page));
  let isStopped = false;
  const node: Node = {
    ...{ store, runner, bulletin, journal: one, told, errors },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await runner.stop();
      await ownership.stop();
      await log.close();
      await bulletin.close();
    },
  };
  owner ??= node;
  nodes.push(node);
  await ownership.start([]);
  await runner.start();
  return node;
}

let commands = 0;
async function note({ store }: Node, text: string, stream = `notes-${++commands}`): Promise<Position> {
  const subject = 'account-kari' as SubjectId;
  const meta = { at, actor: { kind: 'system' }, commandId: commandIdFrom(['note', tenant, stream]) } as const;
  const events = [{ event: { type: 'Noted', version: 1, data: { text } }, meta }];
  const write = { stream: stream as StreamName, head: emptyHead, subject, owner: subject, events };
  const outcome = await store.append(tenant, [write]);
  if (outcome.kind !== 'appended') throw new Error('a conflict');
  return outcome.commits[0]?.position as Position;
}

const rows = async (name = 'journal') => {
  const { rows } = await sql<{ text: string }>`
    select text from journal where tenant = ${tenant} and name = ${name} order by position, text`.execute(db);
  return rows.map(({ text }) => text);
};
const pagesOf = ({ journal }: Node) => journal.pages.flat();

describe('of several nodes', () => {
  it('the owner writes each page once; the others hear what it touched, and the events', async () => {
    const a = await join();
    await a.runner.waitFor(tenant, await note(a, 'before'), 5_000);
    const b = await join();
    a.told.length = 0;
    const first = await note(a, 'one', 'notes-a');
    expect(await b.runner.waitFor(tenant, first, 250)).toBe(true);
    const second = await note(b, 'two', 'notes-b');
    expect(await b.runner.waitFor(tenant, second, 250)).toBe(true);
    expect(await rows()).toEqual(['before', 'one', 'two']);
    expect([pagesOf(a), pagesOf(b)]).toEqual([[1, 2, 3], []]);
    for (const { told } of [a, b]) {
      expect(told.map(({ position, isByOther }) => [position, isByOther])).toEqual([
        [2, false],
        [3, false],
      ]);
      expect(told.flatMap(({ touched }) => [...touched])).toEqual([
        ['notes-a', [2]],
        ['notes-b', [3]],
      ]);
      expect(told.flatMap(({ events }) => events.map(({ data }) => data))).toEqual([{ text: 'one' }, { text: 'two' }]);
    }
    expect([a.errors, b.errors]).toEqual([[], []]);
  });

  it('one that joins knows where the rows stand, and reads nothing again', async () => {
    const a = await join();
    const position = await note(a, 'one');
    await a.runner.waitFor(tenant, position, 5_000);
    const b = await join();
    expect(b.runner.position(tenant)).toBe(position);
    expect(b.runner.waitForCommitted(tenant, 0)).toBe(true);
    expect(pagesOf(b)).toEqual([]);
  });

  it('a page whose topics are too many for a message may have touched anything', async () => {
    const [a, b] = [await join(), await join()];
    const project = a.journal.project.bind(a.journal);
    a.journal.project = async (page) => {
      await project(page);
      return new Map(Array.from({ length: 1_000 }, (_, n) => [`topic${n}`, [1 as Position]]));
    };
    expect(await b.runner.waitFor(tenant, await note(a, 'one'), 250)).toBe(true);
    expect(b.told).toMatchObject([{ position: 1, isByOther: true }]);
  });

  it('the rows are looked at when the owner’s word is lost, and nobody projects beside it', async () => {
    const [a, b] = [await join(), await join()];
    b.bulletin.cutOff();
    const position = await note(a, 'one');
    await a.runner.waitFor(tenant, position, 5_000);
    expect(await b.runner.waitFor(tenant, position, 900)).toBe(true);
    expect(b.told).toMatchObject([{ position, isByOther: true }]);
    expect(pagesOf(b)).toEqual([]);
  });

  it('what was missed while a node was cut off is known once it is back', async () => {
    const [a, b] = [await join(), await join()];
    const comeBack = b.bulletin.cutOff();
    const position = await note(a, 'one');
    await a.runner.waitFor(tenant, position, 5_000);
    comeBack();
    await vi.waitFor(() => expect(b.told).toMatchObject([{ position, isByOther: true }]));
  });
});

describe('an owner that is gone', () => {
  it('does not keep who waits for longer than one and a half seconds, and the next not at all', async () => {
    const [a, b] = [await join(), await join()];
    await a.stop();
    const begunMs = performance.now();
    expect(await b.runner.waitFor(tenant, await note(b, 'one'), 1_500)).toBe(true);
    expect(performance.now() - begunMs).toBeGreaterThan(900);
    const next = await note(b, 'two');
    expect(await b.runner.waitFor(tenant, next, 250)).toBe(true);
    expect(await rows()).toEqual(['one', 'two']);
    // Who comes after it hears of what was done in its place.
    owner = b;
    expect(await b.runner.waitFor(tenant, await note(b, 'three'), 250)).toBe(true);
  });

  it('is helped only for a while: it goes on when it says something again', async () => {
    const [a, b] = [await join(), await join()];
    let go = () => {};
    a.journal.during = () =>
      new Promise<void>((resolve) => {
        go = resolve;
      });
    const position = await note(b, 'one');
    expect(await b.runner.waitFor(tenant, position, 1_500)).toBe(true);
    a.journal.during = () => {};
    go();
    await vi.waitFor(() => expect(a.runner.position(tenant)).toBe(position));
    // A word of the owner, after which nobody helps it any more.
    await b.runner.waitFor(tenant, await note(a, 'two'), 250);
    await vi.waitFor(() => expect(b.told.length).toBe(2));
    const helped = pagesOf(b);
    const after = await note(a, 'three');
    expect(await b.runner.waitFor(tenant, after, 250)).toBe(true);
    expect(await rows()).toEqual(['one', 'two', 'three']);
    expect(pagesOf(b)).toEqual(helped);
    expect(a.errors.every((error) => error instanceof CheckpointMoved)).toBe(true);
  });

  it('is taken over from, also for what nobody waits for, and the others hear of it', async () => {
    const figures = { leaseMs: 900, renewEveryMs: 200, marginMs: 200 };
    let dead: unknown;
    let spaces = 0;
    const leased = (bulletin: MemoryBulletin): Ownership => {
      const space = `space${++spaces}`;
      const pool = {
        query: (query: { name: string; text: string }) =>
          dead === space ? new Promise(() => {}) : database.pool.query(query),
      };
      const rest = { pool: pool as never, bulletin, version: '1', processSpace: space, onError: () => {} };
      return new NodeLeases({ ...figures, ...rest });
    };
    const [a, b, c] = [
      await join({ ownership: leased }),
      await join({ ownership: leased }),
      await join({ ownership: leased }),
    ];
    const settle = async (from: Node, text: string) => {
      const position = await note(from, text);
      await vi.waitFor(async () => expect((await rows()).at(-1)).toBe(text), { timeout: 8_000, interval: 5 });
      return position;
    };
    await settle(a, 'one');
    const writer = [a, b, c].find((node) => pagesOf(node).length > 0) as Node;
    const others = [a, b, c].filter((node) => node !== writer) as [Node, Node];
    dead = `space${nodes.indexOf(writer) + 1}`;
    // As when its process ends: nothing it would say arrives, and it does nothing any more.
    writer.bulletin.cutOff();
    writer.journal.during = () => new Promise(() => {});
    writer.journal.project = () => new Promise(() => {});
    const begunMs = performance.now();
    const position = await settle(others[0], 'two');
    expect(performance.now() - begunMs).toBeLessThan(3_000);
    for (const { runner } of others) {
      await vi.waitFor(() => expect(runner.position(tenant)).toBe(position));
    }
    expect(await rows()).toEqual(['one', 'two']);
    nodes.splice(nodes.indexOf(writer), 1);
  });
});

describe('a tenant that changes hands', () => {
  it('again and again while events come loses nothing and gets nothing twice', async () => {
    const all = [await join(), await join(), await join()] as const;
    const said: string[] = [];
    let last = 0 as Position;
    for (let nth = 0; nth < 120; nth++) {
      const node = all[(nth * 7) % 3] as Node;
      const text = `n${String(nth).padStart(3, '0')}`;
      said.push(text);
      last = await note(node, text);
      if (nth % 5 === 0) {
        owner = all[(nth / 5) % 3];
        changes.next({ tenants: [tenant], isMine: true });
      }
    }
    for (const { runner } of all) expect(await runner.waitFor(tenant, last, 5_000)).toBe(true);
    expect(await rows()).toEqual(said);
    for (const { told, errors } of all) {
      expect(told.at(-1)?.position).toBe(last);
      expect(errors.filter((error) => !(error instanceof CheckpointMoved))).toEqual([]);
    }
  });
});

describe('nodes of different programs', () => {
  it('an older one leaves the rows to a newer one, says so once, and goes on to follow', async () => {
    const a = await join();
    await a.runner.waitFor(tenant, await note(a, 'one'), 5_000);
    await sql`delete from journal where tenant = ${tenant}`.execute(db);
    const b = await join({ version: 2 });
    owner = b;
    changes.next({ tenants: [tenant], isMine: true });
    await vi.waitFor(async () => expect(await rows()).toEqual(['one']));
    owner = a;
    for (const text of ['two', 'three']) {
      const position = await note(a, text);
      void b.runner.waitFor(tenant, position, 5_000);
      expect(await a.runner.waitFor(tenant, position, 5_000)).toBe(true);
    }
    expect(await rows()).toEqual(['one', 'two', 'three']);
    expect(pagesOf(a)).toHaveLength(1 + a.errors.filter((error) => error instanceof CheckpointMoved).length);
    expect(a.errors.map(String).filter((text) => text.includes('newer MobileSync'))).toHaveLength(1);
    expect(owner).toBeUndefined();
  });

  it('one that has a further read model writes that itself', async () => {
    const further = journal('further');
    const [a, b] = [await join(), await join({ models: [further] })];
    const position = await note(a, 'one');
    expect(await b.runner.waitFor(tenant, position, 900)).toBe(true);
    expect([await rows(), await rows('further')]).toEqual([['one'], ['one']]);
  });
});
