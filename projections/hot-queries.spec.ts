/** The queries of the hot path, as they are really sent, over tables of a company that has used them for years. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../adapters/event-log/event-store.port.ts';
import type { AccountId, CollectionId, DeviceKey, Instant, ItemId, Position, TenantId } from '../domain/shared/ids.ts';
import { freshDatabase } from '../test/postgres.ts';
import { type ItemEventFilter, ItemLogReader } from './item-log/read.ts';
import { ItemViewReader } from './item-view/read.ts';
import { PageWrites } from './runner/page.ts';
import type { AnyDatabase } from './runner/projection.ts';
import { syncView } from './sync/project.ts';
import { SyncViewReader } from './sync/read.ts';

const tenant = 'demo.example' as TenantId;
/** 24,000 items; and one of 100, to compare with. */
const [large, small] = ['large' as CollectionId, 'small' as CollectionId];
const device = 'device7' as DeviceKey;
const items = (count: number, step = 37) =>
  Array.from({ length: count }, (_, i) => `item${(i * step) % 24_000}` as ItemId);

interface Sent {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}
interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly 'Actual Rows': number;
  readonly Plans?: readonly Plan[];
}

let pool: pg.Pool;
let db: Kysely<AnyDatabase>;
let sent: Sent[];

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  db = new Kysely<AnyDatabase>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => {
      sent.push({ sql: query.sql, parameters: query.parameters });
    },
  });
  sent = [];
  // Written in any order, as over years, so that neighbours in a folder are none on the disk.
  await sql`
    insert into item_view (tenant, collection, item, kind, owner, position, version, deleted, current, content, open)
    select ${tenant}, case when i < 24000 then 'large' else 'small' end, 'item' || i, 'contact', 'kari', i + 1, 0,
      i % 10 = 0, i % 20 <> 0, decode(repeat(md5(i::text), 20), 'hex'), true
    from generate_series(0, 24099) i order by md5(i::text)`.execute(db);
  await sql`
    insert into device_known (tenant, device, collection, item, version, hash)
    select ${tenant}, 'device' || d, 'large', 'item' || i, 0, md5(i::text)
    from generate_series(0, 11) d, generate_series(0, 23999, 10) i order by md5(i::text || d)`.execute(db);
  await sql`
    insert into sync_conversation (tenant, device, collection, revision, state)
    select ${tenant}, 'device' || d, 'folder' || f, 3, '{"epoch":1,"issued":2,"acknowledged":2,"stale":[],"offer":null}'
    from generate_series(0, 4999) d, generate_series(0, 4) f order by md5(d::text || f)`.execute(db);
  await sql`
    insert into item_event (tenant, position, item, kind, link, revision, event_id, type, verb, recorded_at, at, actor,
      account, device, owner, collection, fields)
    select ${tenant}, i, 'item' || (i * 37 % 24000), 'contact', i % 3 = 0, i / 24000, gen_random_uuid(), 'ContactChanged',
      'Changed', t, t, 'device', 'person' || i % 50, 'device' || i % 100, 'person' || i % 50, 'large', '{jobTitle}'
    from (select i, timestamptz '2026-01-01' + i * interval '1 minute' as t from generate_series(1, 60000) i) x
    order by md5(i::text)`.execute(db);
  await sql`vacuum analyze item_event, item_view, device_known, sync_conversation`.execute(db);
});
beforeEach(() => {
  sent = [];
});

/** What the database does for the query that was sent; it is run again. */
async function plan({ sql: text, parameters }: Sent): Promise<Plan> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`, [...parameters]);
    return rows[0]['QUERY PLAN'][0].Plan as Plan;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** As the connection keeps it for any parameters. */
async function genericPlan({ sql: text }: Sent): Promise<Plan> {
  const { rows } = await pool.query(`explain (generic_plan, format json) ${text}`);
  return rows[0]['QUERY PLAN'][0].Plan as Plan;
}

const nodes = (of: Plan): Plan[] => [of, ...(of.Plans ?? []).flatMap(nodes)];
const kinds = (of: Plan) => nodes(of).map((node) => node['Node Type']);
const seqScanned = (of: Plan) =>
  nodes(of).flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name']] : []));
const indexes = (of: Plan) => nodes(of).flatMap((node) => node['Index Name'] ?? []);
const buffers = (of: Plan) => of['Shared Hit Blocks'] + of['Shared Read Blocks'];

/** The one query that this asks, explained; it neither reads whole tables nor sorts. */
async function asked(ask: () => Promise<unknown>): Promise<Plan> {
  sent = [];
  await ask();
  expect(sent).toHaveLength(1);
  const found = await plan(sent[0] as Sent);
  expect(kinds(found)).not.toContain('Seq Scan');
  expect(kinds(found).filter((kind) => kind.includes('Sort'))).toEqual([]);
  return found;
}

describe('a page of changes', () => {
  const page = (after: number, limit: number, collection = large) =>
    asked(() => new ItemViewReader(db).changedSince(tenant, collection, after as Position, limit));

  it('is read in order from the index, and costs as much as the page, wherever it begins', async () => {
    for (const after of [0, 12_000, 23_000]) {
      for (const limit of [16, 128, 528]) {
        const found = await page(after, limit);
        expect(indexes(found)).toEqual(['item_view_by_position']);
        expect(found['Actual Rows']).toBe(limit);
        // A row may lie on a page of its own; beyond that there is only the way through the index.
        expect(buffers(found)).toBeLessThan(10 + limit * 1.2);
      }
    }
  });

  it('costs no more in a folder of 24,000 items than in one of 100', async () => {
    const [ofLarge, ofSmall] = [await page(12_000, 50), await page(24_020, 50, small)];
    expect([ofLarge['Actual Rows'], ofSmall['Actual Rows']]).toEqual([50, 50]);
    expect(buffers(ofLarge)).toBeLessThan(buffers(ofSmall) * 1.5);
  });

  it('costs next to nothing when there is none', async () => {
    expect(buffers(await page(24_000, 528))).toBeLessThan(6);
  });
});

describe('a question about items', () => {
  it.each([1, 30, 256])('of one folder looks %i up by key', async (count) => {
    const found = await asked(() => new ItemViewReader(db).byItems(tenant, large, items(count)));
    expect(indexes(found)).toEqual(['item_view_pkey']);
    expect(buffers(found)).toBeLessThan(10 + count * 5);
  });

  it.each([1, 30, 256])('looks up where %i are now', async (count) => {
    const found = await asked(() => new ItemViewReader(db).locate(tenant, items(count)));
    expect(indexes(found)).toEqual(['item_view_by_item']);
    expect(buffers(found)).toBeLessThan(10 + count * 5);
  });

  it('about the last change of a folder reads the end of the index', async () => {
    for (const collection of [large, small, 'empty' as CollectionId]) {
      const found = await asked(() => new ItemViewReader(db).lastChange(tenant, collection));
      expect(indexes(found)).toEqual(['item_view_by_position']);
      expect(buffers(found)).toBeLessThan(8);
    }
  });
});

describe('a question about a device', () => {
  it.each([1, 30, 528])('looks up %i of what it holds by key', async (count) => {
    const found = await asked(() => new SyncViewReader(db).held(tenant, device, large, items(count, 10)));
    expect(indexes(found)).toEqual(['device_known_pkey']);
    expect(found['Actual Rows']).toBe(count);
    expect(buffers(found)).toBeLessThan(10 + count * 5);
  });

  it('looks its conversation up by key', async () => {
    const ask = () => new SyncViewReader(db).conversation(tenant, device, 'folder3' as CollectionId);
    const found = await asked(ask);
    expect(indexes(found)).toEqual(['sync_conversation_pkey']);
    expect(buffers(found)).toBeLessThan(8);
  });

  it('finds all its conversations by the beginning of the key', async () => {
    const found = await asked(() => new SyncViewReader(db).conversations(tenant, device));
    expect(indexes(found)).toEqual(['sync_conversation_pkey']);
    expect(buffers(found)).toBeLessThan(12);
  });
});

describe('a page of events of conversations', () => {
  it.each([1, 50, 500])('reads and writes the %i conversations it is of, and no others', async (count) => {
    const events = Array.from(
      { length: count },
      (_, i) =>
        ({
          stream: `sync-device${i * 9}-folder1`,
          revision: 4,
          position: 9,
          type: 'SyncAnswered',
          data: { key: 3, base: 2, ops: [], cursor: { position: 1, config: 'c' } },
        }) as unknown as RecordedEvent,
    );
    await db
      .transaction()
      .execute(async (trx) => {
        const writes = new PageWrites(trx, tenant);
        await syncView().project(writes.page(8 as Position, events));
        await writes.execute([], 9 as Position);
        throw new Error('undone');
      })
      .catch((error: Error) => expect(error.message).toBe('undone'));
    const written = sent.find((query) => query.sql.startsWith('with ')) as Sent;
    expect(seqScanned(await plan(written))).not.toContain('sync_conversation');
    expect(seqScanned(await genericPlan(written))).not.toContain('sync_conversation');
    const read = sent.find((query) => query.sql.includes('join unnest')) as Sent;
    const found = await plan(read);
    expect(kinds(found)).not.toContain('Seq Scan');
    expect(indexes(found)).toContain('sync_conversation_pkey');
    expect(found['Actual Rows']).toBe(count);
    expect(buffers(found)).toBeLessThan(20 + count * 6);
  });

  it('writes what one device holds anew without looking at what others hold', async () => {
    const folders = [large, 'folder1' as CollectionId];
    const events = folders.map(
      (folder) =>
        ({
          stream: `sync-${device}-${folder}`,
          revision: 0,
          position: 9,
          type: 'SyncReset',
          data: { epoch: 2, cause: 'earlierKey', supported: null, known: items(500).map((item) => [item, 1, 'h']) },
        }) as unknown as RecordedEvent,
    );
    await db
      .transaction()
      .execute(async (trx) => {
        const inside = new PageWrites(trx, tenant);
        await syncView().project(inside.page(8 as Position, events));
        await inside.execute([], 9 as Position);
        throw new Error('undone');
      })
      .catch((error: Error) => expect(error.message).toBe('undone'));
    const written = sent.find((query) => query.sql.startsWith('with ')) as Sent;
    for (const found of [await plan(written), await genericPlan(written)]) {
      expect(seqScanned(found)).not.toContain('device_known');
      expect(indexes(found)).toContain('device_known_pkey');
    }
  });
});

describe('the item log', () => {
  const ask = (filter: ItemEventFilter, isLastOnly = false) =>
    asked(() => new ItemLogReader(db).find(tenant, filter, { limit: 100, order: 'desc', isLastOnly }));
  const [account, key] = ['person7' as AccountId, 'device7' as DeviceKey];

  it('is walked in its own order by the index of whom or what is asked for', async () => {
    for (const [filter, index] of [
      [{ owner: account }, 'item_event_by_owner'],
      [{ account }, 'item_event_by_account'],
      [{ device: key }, 'item_event_by_device'],
      [{ verbs: ['Changed'] }, 'item_event_pkey'],
      [{ device: key, isLink: false, field: 'jobTitle' }, 'item_event_by_device'],
    ] as const) {
      const found = await ask(filter);
      expect(indexes(found)).toEqual([index]);
      expect(found['Actual Rows']).toBe(100);
    }
  });

  it('finds the last event of each item without reading the others', async () => {
    const found = await ask({ device: key, isLink: false }, true);
    expect(indexes(found)).toEqual(expect.arrayContaining(['item_event_by_device', 'item_event_by_item']));
    expect(buffers(found)).toBeLessThan(5_000);
  });

  it('finds an item, and the place of a moment, by a few steps', async () => {
    const located = await asked(() => new ItemLogReader(db).locate('item37' as ItemId));
    expect(indexes(located)).toEqual(['item_event_by_item']);
    sent = [];
    const from = '2026-01-20T00:00:00.000Z' as Instant;
    const { from: before } = await new ItemLogReader(db).bounds(tenant, { from });
    expect(before).toBe(19 * 24 * 60 - 6);
    for (const query of sent) expect(buffers(await plan(query))).toBeLessThan(300);
  });
});
