import { Kysely, PostgresDialect, sql } from 'kysely';
import { NEVER } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../../adapters/crypto/memory.ts';
import type { EventStore, StreamHead } from '../../adapters/event-log/event-store.port.ts';
import { emptyHead } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { memoryEventLog } from '../../adapters/event-log/memory.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import type { EventMeta } from '../../domain/shared/event.ts';
import type { Instant, Position, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { CheckpointMoved } from './checkpoints.ts';
import { PageWrites } from './page.ts';
import type { AnyDatabase, Projection } from './projection.ts';
import { createJournalTable, type Journal, journal, noteEvents } from './rig.ts';
import { type Projected, ProjectionRunner } from './runner.ts';

const at = '2026-03-01T08:00:00.000Z' as Instant;

let db: Kysely<AnyDatabase>;
let tenants = 0;
let tenant: TenantId;
let store: EventStore;
let heads: Map<string, StreamHead>;
let runners: ProjectionRunner[];
let errors: unknown[];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  db = new Kysely<AnyDatabase>({ dialect: new PostgresDialect({ pool }) });
  await createJournalTable(db);
});
beforeEach(() => {
  tenant = `tenant${++tenants}.example` as TenantId;
  const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  store = createEventStore({ log: memoryEventLog(), keys, clock: () => at, events: noteEvents() });
  [heads, runners, errors] = [new Map(), [], []];
});
afterEach(async () => {
  for (const runner of runners) await runner.stop();
});

function runner(projections: readonly Projection[], options: { pageSize?: number; store?: EventStore } = {}) {
  const made = new ProjectionRunner({
    db,
    store,
    projections,
    onError: (error) => errors.push(error),
    retryDelayMs: 5,
    ...options,
  });
  runners.push(made);
  return made;
}

/** A runner that stops before it hears of anything else. */
async function upToNow(...projections: Projection[]): Promise<void> {
  const it = runner(projections);
  await it.start();
  await it.stop();
}

let commands = 0;
async function note(text: string, stream = 'notes-a'): Promise<Position> {
  const subject = 'account-kari' as SubjectId;
  const meta: EventMeta = { at, actor: { kind: 'system' }, commandId: commandIdFrom(['note', String(++commands)]) };
  const outcome = await store.append(tenant, [
    {
      stream: stream as StreamName,
      head: heads.get(`${tenant}/${stream}`) ?? emptyHead,
      subject,
      owner: subject,
      events: [{ event: { type: 'Noted', version: 1, data: { text } }, meta }],
    },
  ]);
  if (outcome.kind !== 'appended') throw new Error('a conflict');
  heads.set(`${tenant}/${stream}`, outcome.heads[0] as StreamHead);
  return outcome.commits[0]?.position as Position;
}
const noteAll = async (count: number, from = 1) => {
  for (let i = from; i < from + count; i++) await note(`n${i}`);
};

async function rows(name = 'journal'): Promise<string[]> {
  const found = await sql<{ text: string }>`
    select text from journal where tenant = ${tenant} and name = ${name} order by position, text`.execute(db);
  return found.rows.map(({ text }) => text);
}
async function checkpoint(name = 'journal'): Promise<{ position: number; version: number } | undefined> {
  const found = await sql<{ position: string; version: number }>`
    select position, version from projection_checkpoint where tenant = ${tenant} and projection = ${name}`.execute(db);
  const row = found.rows[0];
  return row && { position: Number(row.position), version: row.version };
}
const texts = (count: number) => Array.from({ length: count }, (_, i) => `n${i + 1}`).sort();

describe('a runner', () => {
  it('projects pages in order, and the checkpoint goes with them', async () => {
    await noteAll(7);
    const one = journal();
    const it = runner([one], { pageSize: 3 });
    await it.start();
    expect(one.pages).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    expect((await rows()).sort()).toEqual(texts(7));
    expect(await checkpoint()).toEqual({ position: 7, version: 1 });
    expect(it.position(tenant)).toBe(7);
  });

  it('follows the log from then on, and tells what was touched', async () => {
    const it = runner([journal()]);
    const told: Projected[] = [];
    it.projected.subscribe((page) => told.push(page));
    await it.start();
    const position = await note('first', 'notes-b');
    expect(await it.waitFor(tenant, position, 5_000)).toBe(true);
    expect(told).toMatchObject([{ tenant, position, isByOther: false }]);
    expect([...(told[0]?.touched ?? [])]).toEqual([['notes-b', [position]]]);
    expect(told[0]?.events.map(({ type }) => type)).toEqual(['Noted']);
  });

  it('keeps tenants apart', async () => {
    const it = runner([journal()]);
    await it.start();
    const mine = await note('mine');
    const first = tenant;
    tenant = `tenant${++tenants}.example` as TenantId;
    await it.waitFor(tenant, await note('theirs'), 5_000);
    await it.waitFor(first, mine, 5_000);
    expect(await rows()).toEqual(['theirs']);
    expect(it.position(first)).toBe(1);
  });

  it('goes on from the checkpoints after a restart', async () => {
    await noteAll(3);
    const before = runner([journal()]);
    await before.start();
    await before.stop();
    await noteAll(2, 4);
    const after = journal();
    await runner([after]).start();
    expect(after.pages).toEqual([[4, 5]]);
    expect((await rows()).sort()).toEqual(texts(5));
  });

  it('brings up a new read model alone, without repeating the others', async () => {
    await noteAll(5);
    await upToNow(journal('old'));
    const [old, fresh] = [journal('old'), journal('fresh')];
    const it = runner([old, fresh], { pageSize: 2 });
    await it.start();
    expect([old.pages, fresh.pages]).toEqual([[], [[1, 2], [3, 4], [5]]]);
    await it.waitFor(tenant, await note('n6'), 5_000);
    expect([old.pages.at(-1), fresh.pages.at(-1)]).toEqual([[6], [6]]);
    expect((await rows('old')).sort()).toEqual(texts(6));
    expect((await rows('fresh')).sort()).toEqual(texts(6));
  });

  it('gives one that lags behind only what it lacks of a page', async () => {
    await noteAll(3);
    await upToNow(journal('ahead'));
    await sql`insert into projection_checkpoint values (${tenant}, 'behind', 1, 1)`.execute(db);
    await noteAll(2, 4);
    const [ahead, behind] = [journal('ahead'), journal('behind')];
    await runner([ahead, behind]).start();
    expect([ahead.pages, behind.pages]).toEqual([[[4, 5]], [[2, 3, 4, 5]]]);
  });
});

describe('a page that fails', () => {
  it('leaves neither rows nor checkpoints, of no read model, and is tried again', async () => {
    await noteAll(2);
    const [good, bad] = [journal('good'), journal('bad')];
    let failures = 0;
    let seen: unknown;
    bad.during = async () => {
      if (failures++ < 2) throw new Error('the disk is full');
      seen = [await checkpoint('good'), await rows('good')];
    };
    const it = runner([good, bad]);
    await it.start();
    expect(await it.waitFor(tenant, 2 as Position, 5_000)).toBe(true);
    expect(seen).toEqual([undefined, []]);
    expect(errors.map(String)).toEqual(['Error: the disk is full', 'Error: the disk is full']);
    expect([await rows('good'), await rows('bad')]).toEqual([texts(2), texts(2)]);
  });

  it.each(['first', 'later'] as const)('in the database leaves nothing either (%s)', async (how) => {
    await noteAll(2);
    const [first, later, bad] = [journal('first', 1, 'first'), journal('later'), journal('bad')];
    let failures = 0;
    const project = bad.project.bind(bad);
    bad.project = async (page) => {
      if (failures++ < 2) page[how](sql`insert into journal (position) select length(${'x'}::text) / 0`);
      return await project(page);
    };
    const it = runner(how === 'first' ? [first, later, bad] : [later, bad]);
    const seen: unknown[] = [];
    bad.during = async () => {
      seen.push(await checkpoint('later'), await rows('first'), await rows('later'), [...later.written]);
    };
    await it.start();
    expect(await it.waitFor(tenant, 2 as Position, 5_000)).toBe(true);
    expect(seen).toEqual(Array.from({ length: 3 }, () => [undefined, [], [], []]).flat());
    expect(errors.map(String)).toEqual(Array.from({ length: 2 }, () => 'error: division by zero'));
    expect([await rows('later'), await rows('bad'), later.written]).toEqual([texts(2), texts(2), [2]]);
    if (how === 'first') expect(await rows('first')).toEqual(texts(2));
  });

  it('does not keep start, nor another tenant, from going on', async () => {
    await note('n1');
    const failing = tenant;
    tenant = `tenant${++tenants}.example` as TenantId;
    await note('n1');
    const bad = journal();
    const project = bad.project.bind(bad);
    bad.project = (page) => (page.tenant === failing ? Promise.reject(new Error('poison')) : project(page));
    const it = runner([bad]);
    await it.start();
    expect(await it.waitFor(tenant, 1 as Position, 5_000)).toBe(true);
    expect(it.position(failing)).toBe(0);
  });
});

describe('two runners on one database', () => {
  it.each(['first', 'later'] as const)('lose nothing and write nothing twice (%s)', async (how) => {
    const [one, other] = [journal('journal', 1, how), journal('journal', 1, how)];
    // Both have folded the first page before either may write it.
    let arrived = 0;
    let go = () => {};
    const both = new Promise<void>((resolve) => {
      go = resolve;
    });
    for (const it of [one, other]) {
      it.during = async () => {
        if (++arrived === 2) go();
        await both;
      };
    }
    const [a, b] = [runner([one], { pageSize: 4 }), runner([other], { pageSize: 3 })];
    await Promise.all([a.start(), b.start()]);
    await noteAll(20);
    expect(await a.waitFor(tenant, 20 as Position, 10_000)).toBe(true);
    expect(await b.waitFor(tenant, 20 as Position, 10_000)).toBe(true);
    expect((await rows()).sort()).toEqual(texts(20));
    expect(await checkpoint()).toEqual({ position: 20, version: 1 });
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every((error) => error instanceof CheckpointMoved)).toBe(true);
    // Neither was told that a page is written which the other wrote.
    expect(one.written.length + other.written.length).toBe(new Set([...one.written, ...other.written]).size);
  });

  it.each([
    ['the first page', 0],
    ['a later page', 2],
  ])('leave nothing of %s when the other was faster', async (_, before) => {
    if (before > 0) {
      await noteAll(before);
      await upToNow(journal('one'), journal('two'));
    }
    await note('faster');
    const page = async (projections: readonly Journal[]) => {
      const writes = new PageWrites(db, tenant);
      const events = await store.readAll(tenant, before as Position, 10);
      for (const one of projections) await one.project(writes.page(before as Position, events));
      const moves = projections.map(({ name, version }) => ({ name, version, from: before as Position }));
      await writes.execute(moves, (before + 1) as Position);
    };
    await page([journal('two')]);
    const late = [journal('one'), journal('two')] as const;
    await expect(page(late)).rejects.toBeInstanceOf(CheckpointMoved);
    const lateInTransaction = [journal('one', 1, 'first'), journal('two')] as const;
    await expect(page(lateInTransaction)).rejects.toBeInstanceOf(CheckpointMoved);
    expect(await rows('one')).toEqual(texts(before));
    expect(await rows('two')).toEqual([...texts(before), 'faster']);
    expect(await checkpoint('one')).toEqual(before > 0 ? { position: before, version: 1 } : undefined);
    expect([...late, ...lateInTransaction].flatMap(({ written }) => written)).toEqual([]);
  });

  it('tell those who wait of what the other wrote', async () => {
    const a = runner([journal()]);
    // The other hears of no commit, as when its connection is away.
    const deaf = runner([journal()], { store: { ...store, commits: NEVER } });
    await a.start();
    const told: Projected[] = [];
    deaf.projected.subscribe((page) => told.push(page));
    await note('n1');
    await a.waitFor(tenant, 1 as Position, 5_000);
    expect(await deaf.waitFor(tenant, 1 as Position, 5_000)).toBe(true);
    expect(told).toMatchObject([{ position: 1, isByOther: true, events: [] }]);
    await note('n2');
    await a.waitFor(tenant, 2 as Position, 5_000);
    expect(await deaf.waitFor(tenant, 2 as Position, 5_000)).toBe(true);
    expect(told.at(-1)).toMatchObject({ position: 2, isByOther: true });
    expect(await rows()).toEqual(['n1', 'n2']);
  });
});

describe('a read model of another version', () => {
  it('that is higher is projected from the beginning', async () => {
    await noteAll(3);
    await runner([journal()]).start();
    await sql`delete from journal where tenant = ${tenant}`.execute(db);
    const next = journal('journal', 2);
    const it = runner([next], { pageSize: 2 });
    await it.start();
    expect(next.pages).toEqual([[1, 2], [3]]);
    expect(await checkpoint()).toEqual({ position: 3, version: 2 });
    expect(errors).toEqual([]);
  });

  it('that is lower does not go on once a newer program was here', async () => {
    const old = runner([journal()]);
    await old.start();
    await old.waitFor(tenant, await note('n1'), 5_000);
    const fresh = runner([journal('journal', 2)]);
    await fresh.start();
    await note('n2');
    await fresh.waitFor(tenant, 2 as Position, 5_000);
    await vi.waitFor(() => expect(errors.map(String).join()).toContain('newer MobileSync'));
    expect(await checkpoint()).toEqual({ position: 2, version: 2 });
  });
});

describe('who waits for a position', () => {
  it('is told true at once when it is reached, and true when it gets reached', async () => {
    const it = runner([journal()]);
    await it.start();
    expect(await it.waitFor(tenant, 0 as Position, 0)).toBe(true);
    const waiting = it.waitFor(tenant, 1 as Position, 5_000);
    await note('n1');
    expect(await waiting).toBe(true);
    expect(await rows()).toEqual(['n1']);
  });

  it('is told false when it takes too long, and others wait on', async () => {
    const slow = journal();
    let go = () => {};
    const inPage = new Promise<void>((began) => {
      slow.during = () =>
        new Promise<void>((resolve) => {
          go = resolve;
          began();
        });
    });
    const it = runner([slow]);
    await it.start();
    const position = await note('n1');
    await inPage;
    const patient = it.waitFor(tenant, position, 10_000);
    expect(await it.waitFor(tenant, position, 1)).toBe(false);
    expect(await it.waitForCommitted(tenant, 1)).toBe(false);
    go();
    expect(await patient).toBe(true);
    expect(it.waitForCommitted(tenant, 1)).toBe(true);
  });

  it('for every commit heard of waits for the last one', async () => {
    const it = runner([journal()]);
    await it.start();
    expect(it.waitForCommitted(tenant, 5_000)).toBe(true);
    await noteAll(30);
    expect(await it.waitForCommitted(tenant, 5_000)).toBe(true);
    expect(it.position(tenant)).toBe(30);
  });

  it('is told false when the runner stops, at once and ever after', async () => {
    const it = runner([journal()]);
    await it.start();
    const waiting = it.waitFor(tenant, 99 as Position, 60_000);
    await it.stop();
    expect(await waiting).toBe(false);
    expect(await it.waitFor(tenant, 99 as Position, 60_000)).toBe(false);
  });
});

describe('a runner that stops', () => {
  it('finishes its page, begins no other, and hears no more commits', async () => {
    await noteAll(4);
    const slow = journal();
    let go = () => {};
    const inPage = new Promise<void>((began) => {
      slow.during = () =>
        new Promise<void>((resolve) => {
          go = resolve;
          began();
        });
    });
    const it = runner([slow], { pageSize: 2 });
    const starting = it.start();
    await inPage;
    const stopping = it.stop();
    go();
    await Promise.all([starting, stopping]);
    await note('n5');
    expect(slow.pages).toEqual([[1, 2]]);
    expect(await checkpoint()).toEqual({ position: 2, version: 1 });
    expect(errors).toEqual([]);
  });
});
