import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { allEvents } from '../../api/catalogue.ts';
import { erasureStream } from '../../domain/erasure/events.ts';
import { itemEvent } from '../../domain/item/events.ts';
import type { AccountId, CollectionId, CommandId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { wordsIn } from '../../test/dump.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { PostgresBlobStore } from '../blobs/postgres.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { postgresKeyTable } from '../crypto/postgres/table.ts';
import type { KeyRing } from '../crypto.port.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { createEventStore } from '../event-log/event-store.ts';
import { postgresCensus } from '../event-log/postgres/census.ts';
import { postgresEventLog } from '../event-log/postgres/log.ts';
import { commandIdFrom } from '../ids.ts';
import { ItemBodies } from '../items/bodies.ts';
import { ItemCommands } from '../items/item-commands.ts';
import { Erasure, type ErasureOptions } from './erasure.ts';
import { Traces } from './postgres/traces.ts';

const now = () => new Date().toISOString() as Instant;
const tenant = 'demo.example' as TenantId;
const owner = 'kari' as AccountId;
const why = { actor: { kind: 'admin', name: 'Revisor' }, reason: 'asked' } as const;

let database: FreshDatabase;
let keys: KeyRing;
let stored: EventStore;
let store: EventStore;
let options: ErasureOptions;
beforeAll(async () => {
  database = await freshDatabase();
  const { pool } = database;
  keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKey(randomBytes(32)) });
  stored = createEventStore({ log: postgresEventLog({ pool }), keys, clock: now, events: allEvents() });
  const blobs = new PostgresBlobStore(pool);
  store = new ItemBodies({ blobs, keys, onLost: (_, item) => expect.unreachable(item) }).over(stored);
  options = {
    ...{ store: stored, keys, blobs, now, commandId: commandIdFrom, nonce: randomUUID },
    items: new ItemCommands(store),
    folders: { of: () => new Map(), run: async () => ({ kind: 'done', tree: new Map() }) },
    traces: new Traces(pool),
    census: postgresCensus(pool),
    endAccount: async () => {},
    forgetElsewhere: async () => {},
    settled: async () => {},
  };
});

async function note(name: string): Promise<ItemId> {
  const item = name as ItemId;
  const fields = { subject: name, body: { type: 'text', content: 'x'.repeat(40_000) } };
  const event = itemEvent('note', 'Added', { collection: 'notes' as CollectionId, owner, fields } as never);
  const meta = { at: now(), actor: { kind: 'system' }, commandId: randomUUID() as CommandId } as const;
  await store.append(tenant, [
    {
      ...{ stream: itemStream('note', item), head: emptyHead },
      ...{ subject: itemSubject(item), owner: accountSubject(owner), events: [{ event, meta }] },
    },
  ]);
  return item;
}

const blobCount = async () => (await database.pool.query('select from blobs')).rowCount;
const hasKey = async (item: ItemId) => (await keys.find(tenant, [itemSubject(item)])).size === 1;

describe('an erasure', () => {
  it('that a crash cut short behind its word is finished at the next start, and is one erasure', async () => {
    const item = await note('kitta');
    const crash = new Error('the power went');
    const cut = new Erasure({ ...options, forgetElsewhere: () => Promise.reject(crash) });
    await expect(cut.item(tenant, item, why, false)).rejects.toBe(crash);
    expect(await hasKey(item)).toBe(true);

    const next = new Erasure(options);
    expect(await next.complete([tenant])).toBe(1);
    expect(await hasKey(item)).toBe(false);
    expect(await blobCount()).toBe(0);
    expect(await next.complete([tenant])).toBe(0);
    expect(await next.list(tenant)).toMatchObject([
      { erased: { item, events: 2 }, meta: { actor: why.actor, cause: { command: 'erase', reason: 'asked' } } },
    ]);
    expect(await next.item(tenant, item, why, false)).toEqual({ kind: 'already' });
  });

  it('counts what it takes, tells elsewhere, and leaves what others own', async () => {
    await note('gaupe');
    const kept = await note('bever');
    const told: string[] = [];
    const erasure = new Erasure({
      ...options,
      forgetElsewhere: async ({ subjects }) => void told.push(...subjects),
    });
    expect(await erasure.sizeOf(tenant, itemSubject('gaupe' as ItemId))).toEqual({ items: 1, events: 1 });
    const outcome = await erasure.item(tenant, 'gaupe' as ItemId, why, false);
    expect(outcome).toMatchObject({ kind: 'done', report: { blobs: 1, erased: { collection: 'notes', owner } } });
    expect(told).toEqual(['item-gaupe']);
    expect(await hasKey(kept)).toBe(true);
    expect(await blobCount()).toBe(1);
    const { events } = await stored.load(tenant, erasureStream);
    expect(events.at(-1)).toMatchObject({ type: 'SubjectErased', meta: { actor: why.actor } });
  });

  it('waits for the office as long as it may, and goes on only by force', async () => {
    const item = await note('mink');
    const erasure = new Erasure({ ...options, officeWithinMs: 0 });
    await database.pool.query(
      `insert into writeback_intent (event_id, tenant, item, kind, account, revision, position)
        values (gen_random_uuid(), $1, $2, 'note', $3, 0, 1)`,
      [tenant, item, owner],
    );
    expect(await erasure.item(tenant, item, why, false)).toEqual({
      kind: 'officeNotConfirmed',
      reason: 'the office has not answered yet',
    });
    expect(await hasKey(item)).toBe(true);
    const forced = await erasure.item(tenant, item, why, true);
    expect(forced).toMatchObject({ kind: 'done', report: { erased: { isGoneInOffice: false } } });
    expect((await database.pool.query('select from writeback_intent')).rowCount).toBe(0);
  });
});

describe('recorded exchanges', () => {
  it('that may have spoken of an erased item lose their bodies; others keep them', async () => {
    const { pool } = database;
    const item = await note('jerv');
    await pool.query(
      `insert into item_event (tenant, position, item, kind, link, revision, event_id, type, recorded_at, at, actor,
          owner, collection, fields)
        values ($1, 1, $2, 'note', false, 0, gen_random_uuid(), 'NoteAdded', now(), now(), 'system', $3, 'notes', '{}')`,
      [tenant, item, owner],
    );
    await pool.query(
      `insert into folder_view (collection, account, tenant, kind, wire_type, access, owner, source)
        values ('shown', 'ola', $1, 'note', 17, 'read', $2, 'notes')`,
      [tenant, owner],
    );
    const record = async (tenantOf: string, collections: unknown[], at = 'now()') => {
      const id = randomUUID();
      await pool.query(
        `insert into exchange values ($1, $2, 'a', 'd', ${at}, 1, 0, 'Sync', 141, 200, 1, 1, 1, 1, $3, '{}', '{}', '', 1, true)`,
        [id, tenantOf, JSON.stringify(collections)],
      );
      await pool.query(`insert into exchange_body values ($1, 'a', '\\x00')`, [id]);
      return id;
    };
    const gone = [
      await record(tenant, [{ collection: 'tasks' }, { collection: 'notes' }]),
      await record(tenant, [{ collection: 'shown' }]),
      await record(tenant, []),
    ];
    const kept = [
      await record(tenant, [{ collection: 'tasks' }]),
      await record('other.example', [{ collection: 'notes' }]),
      await record(tenant, [{ collection: 'notes' }], `now() - interval '3 days'`),
    ];
    await new Erasure(options).item(tenant, item, why, false);
    const { rows } = await pool.query<{ id: string }>('select id from exchange_body');
    expect(rows.map(({ id }) => id).sort()).toEqual(kept.sort());
    const { rowCount } = await pool.query('select from exchange where id = any($1)', [gone]);
    expect(rowCount).toBe(gone.length);
  });
});

describe('words in a dump', () => {
  it('are found however they are written', () => {
    for (const encoding of ['utf8', 'utf16le', 'base64', 'hex'] as const)
      for (const before of ['', 'a', 'ab']) {
        const bytes = Buffer.from(`${before}Zebrafink og mer`, encoding === 'utf16le' ? 'utf16le' : 'utf8');
        const text = encoding === 'base64' || encoding === 'hex' ? Buffer.from(bytes.toString(encoding)) : bytes;
        expect([encoding, before, wordsIn(text, ['Zebrafink', 'Trollfjell'])]).toEqual([
          encoding,
          before,
          ['Zebrafink'],
        ]);
      }
  });
});
