import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type {
  CommandId,
  Instant,
  Position,
  Revision,
  StreamName,
  SubjectId,
  TenantId,
} from '../../../domain/shared/ids.ts';
import { defineEvents, eventRegistry } from '../../../domain/shared/upcast.ts';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import { virtualClock } from '../../clock.ts';
import { keyRing } from '../../crypto/key-ring.ts';
import { masterKey } from '../../crypto/master-key.ts';
import { postgresKeyTable } from '../../crypto/postgres/table.ts';
import type { KeyRing } from '../../crypto.port.ts';
import { chainHash } from '../chain.ts';
import { newTenant } from '../contract.ts';
import { emptyHead, type StreamHead } from '../event-store.port.ts';
import { createEventStore } from '../event-store.ts';
import type { Finding } from '../finding.ts';
import type { EventLog } from '../port.ts';
import { postgresCensus } from '../postgres/census.ts';
import { postgresEventLog } from '../postgres/log.ts';
import { columns, rowTypes, storedEvent } from '../postgres/rows.ts';
import { verifyTenant } from '../verify.ts';
import { type Anchor, AnchorSeal } from './anchor.ts';
import { Anchors, AnchorsContradict } from './anchors.ts';
import { anchorFiles } from './files.ts';
import type { AnchorPlace } from './port.ts';
import { anchorProof } from './proof.ts';
import { anchorTable } from './table.ts';

const clock = virtualClock();
const registry = eventRegistry(
  defineEvents({ Noted: { version: 1, schema: z.object({ text: z.string() }), upcasters: [] } }),
);

let database: FreshDatabase;
let log: EventLog;
let keys: KeyRing;
let directory: string;
const seal = new AnchorSeal(randomBytes(32));
const made: Anchors[] = [];
beforeAll(async () => {
  database = await freshDatabase();
  log = postgresEventLog(database);
  keys = keyRing({ table: postgresKeyTable(database), master: masterKey(randomBytes(32)) });
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-anchors-'));
});
afterAll(async () => {
  for (const anchors of made) await anchors.stop(0);
  await rm(directory, { recursive: true, force: true });
});

const places = () => [anchorTable(database.pool), anchorFiles(directory)];

function anchorsOf(options: { everyEvents?: number; everyMs?: number } = {}): Anchors {
  // Other tests leave logs behind that contradict their anchors.
  const onError = (error: unknown) => expect(error).toBeInstanceOf(AnchorsContradict);
  const anchors = new Anchors({ log, seal, places: places(), clock, onError, ...options });
  made.push(anchors);
  return anchors;
}

const ends = new Map<string, StreamHead>();

/** The next event of each of the streams, in turn. */
async function write(tenant: TenantId, ...streams: string[]): Promise<void> {
  const store = createEventStore({ log, keys, clock: clock.instant, events: registry });
  for (const name of streams) {
    const head = ends.get(`${tenant} ${name}`) ?? emptyHead;
    const event = { type: 'Noted', version: 1, data: { text: `${name} goes on` } };
    const meta = {
      at: clock.instant(),
      actor: { kind: 'system' },
      commandId: `${head.revision}` as CommandId,
    } as const;
    const subject = `item-${name}` as SubjectId;
    const outcome = await store.append(tenant, [
      { stream: name as StreamName, head, subject, owner: 'kari' as SubjectId, events: [{ event, meta }] },
    ]);
    if (outcome.kind !== 'appended') throw new Error('conflict');
    ends.set(`${tenant} ${name}`, outcome.heads[0]!);
  }
}

/** a0 b0 c0 a1 b1 c1 … a5 b5 c5, anchored in the middle and at the end. */
async function written(): Promise<TenantId> {
  const tenant = newTenant();
  const anchors = anchorsOf();
  for (let round = 0; round < 6; round++) {
    await write(tenant, 'a', 'b', 'c');
    if (round === 0 || round === 3) await anchors.anchor(tenant);
  }
  await anchors.anchor(tenant);
  return tenant;
}

async function found(tenant: TenantId, known: { seal?: AnchorSeal; keys?: KeyRing } = { seal, keys }) {
  const findings: string[] = [];
  await verifyTenant(tenant, {
    log,
    census: postgresCensus(database.pool),
    anchors: (one) => anchorProof(one, { log, places: places(), ...known }),
    pageSize: 7,
    onFinding: ({ kind, stream, revision, position = '-', through, place }) => {
      const at = through === undefined || through === position ? `${position}` : `${position}-${through}`;
      findings.push([kind, ...(stream ? [`${stream}${revision}`] : []), at, ...(place ? [place] : [])].join(' '));
    },
  });
  return findings;
}

type Change = (client: pg.PoolClient, tenant: TenantId) => Promise<unknown>;

/** As somebody who owns the database could: no trigger stands in the way. */
async function tamper(tenant: TenantId, change: Change): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin; set local session_replication_role = replica');
    await change(client, tenant);
    await client.query('commit');
  } finally {
    client.release(true);
  }
}

/** Makes the chain of a stream fit what is stored, and its count too. */
async function rechain(client: pg.PoolClient, tenant: TenantId, stream: string): Promise<void> {
  const { rows } = await client.query({
    text: `select ${columns} from events where tenant = $1 and stream = $2 order by position`,
    values: [tenant, stream],
    rowMode: 'array',
    types: rowTypes,
  });
  let hash = emptyHead.hash;
  const moved = 1_000;
  await client.query(`update events set revision = revision + ${moved} where tenant = $1 and stream = $2`, [
    tenant,
    stream,
  ]);
  for (const [index, row] of rows.entries()) {
    const event = storedEvent(tenant, row as never);
    hash = chainHash(hash, { ...event, revision: index as Revision });
    await client.query('update events set revision = $3, hash = $4 where tenant = $1 and position = $2', [
      tenant,
      event.position,
      index,
      hash,
    ]);
  }
  await client.query('update streams set revision = $3 where tenant = $1 and stream = $2', [
    tenant,
    stream,
    rows.length - 1,
  ]);
}

/** Closes the gaps of positions, and counts anew. */
async function renumber(client: pg.PoolClient, tenant: TenantId): Promise<void> {
  await client.query(
    `with place as (select position, row_number() over (order by position) as nth from events where tenant = $1)
      update events e set position = -place.nth from place where e.tenant = $1 and e.position = place.position`,
    [tenant],
  );
  await client.query('update events set position = -position where tenant = $1', [tenant]);
  await client.query(
    'update tenants set position = (select coalesce(max(position), 0) from events where tenant = $1) where tenant = $1',
    [tenant],
  );
}

const changed: Change = async (client, tenant) => {
  await client.query(
    `update events set payload = set_byte(payload, 39, get_byte(payload, 39) # 255) where tenant = $1 and stream = 'b' and revision = 2`,
    [tenant],
  );
  await rechain(client, tenant, 'b');
};
const deleted: Change = async (client, tenant) => {
  await client.query(`delete from events where tenant = $1 and stream = 'b' and revision = 2`, [tenant]);
  await rechain(client, tenant, 'b');
  await renumber(client, tenant);
};
const cut: Change = async (client, tenant) => {
  await client.query('delete from events where tenant = $1 and position > 14', [tenant]);
  await client.query(`update streams set revision = 4 where tenant = $1 and stream <> 'c'`, [tenant]);
  await client.query(`update streams set revision = 3 where tenant = $1 and stream = 'c'`, [tenant]);
  await renumber(client, tenant);
};
const swapped: Change = async (client, tenant) => {
  // b1 stands at 5, b4 at 14; by way of a place that is free.
  for (const [from, to] of [
    [5, 1_000],
    [14, 5],
    [1_000, 14],
  ])
    await client.query(
      `update events set position = $3, revision = case $3::bigint when 5 then 1 when 14 then 4 else 1000 end
        where tenant = $1 and position = $2`,
      [tenant, from, to],
    );
  await rechain(client, tenant, 'b');
};
const streamDeleted: Change = async (client, tenant) => {
  await client.query(`delete from events where tenant = $1 and stream = 'b'`, [tenant]);
  await client.query(`delete from streams where tenant = $1 and stream = 'b'`, [tenant]);
  await renumber(client, tenant);
};

describe('a log and its anchors', () => {
  it('hold when nobody touched them, also after an item was erased', async () => {
    const tenant = await written();
    expect(await found(tenant)).toEqual([]);
    await keys.destroy(tenant, 'item-b' as SubjectId);
    await write(tenant, 'a');
    expect(await found(tenant)).toEqual([]);
  });

  it.each<[string, Change, string[], string[]]>([
    ['a payload changed and every later hash computed anew', changed, ['changed b2 8'], ['changed b2 8']],
    // Without the keys the first event that differs counts as changed: its revision was.
    ['an event deleted and all behind it renumbered', deleted, ['missing b2 8'], ['changed b2 10', 'missing 8']],
    ['the newest events and the counters cut', cut, ['cut off 15-18'], ['cut off 15-18']],
    [
      'two events exchanged and every later hash computed anew',
      swapped,
      ['reordered b1 5', 'reordered b4 14'],
      ['changed b1 5'],
    ],
    [
      'a whole stream deleted and the rest renumbered',
      streamDeleted,
      [2, 5, 8, 11, 14, 17].map((position) => (position > 12 ? `cut off ${position}` : `missing ${position}`)),
      [2, 5, 8, 11, 14, 17].map((position) => (position > 12 ? `cut off ${position}` : `missing ${position}`)),
    ],
  ])('name %s', async (_, change, withKeys, withoutKeys) => {
    const tenant = await written();
    await tamper(tenant, change);
    expect(await found(tenant)).toEqual(withKeys);
    expect(await found(tenant, {})).toEqual(withoutKeys);
  });

  it('name nothing where only newer events came', async () => {
    const tenant = await written();
    await write(tenant, 'a', 'd', 'b');
    expect(await found(tenant)).toEqual([]);
  });

  it('name what was changed behind the cut of an attacker who went on writing', async () => {
    const tenant = await written();
    await tamper(tenant, cut);
    for (const name of ['a', 'b', 'c']) {
      const stored = await log.readStream(tenant, name as StreamName);
      ends.set(`${tenant} ${name}`, stored.at(-1)!);
    }
    await write(tenant, 'b', 'c', 'a', 'b', 'c', 'a');
    const findings = await found(tenant);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings).toContain('changed c4 16');
  });

  it('name the anchors that are missing from the database, and forged ones', async () => {
    const tenant = await written();
    await tamper(tenant, (client) =>
      client.query(`delete from log_anchors where tenant = $1 and anchor like '%"position":12,%'`, [tenant]),
    );
    expect(await found(tenant)).toEqual(['anchor missing 12 database']);
    await tamper(tenant, (client) => client.query('delete from log_anchors where tenant = $1', [tenant]));
    expect(await found(tenant)).toEqual([3, 12, 18].map((position) => `anchor missing ${position} database`));

    // An anchor for what the forger made of the log: without the key its MAC is wrong.
    await tamper(tenant, changed);
    const [first] = await places()[1]!.read(tenant);
    const forged = new AnchorSeal(randomBytes(32)).sealed({ ...(first as Anchor), position: 18 as Position });
    await places()[0]!.append([forged]);
    expect(await found(tenant)).toEqual([
      'anchor forged 18 database',
      ...[3, 12, 18].map((position) => `anchor missing ${position} database`),
      'changed b2 8',
    ]);
  });

  it('name the anchors that are missing from the directory', async () => {
    const tenant = await written();
    await rm(path.join(directory, `${tenant}.ndjson`));
    expect(await found(tenant)).toEqual([3, 12, 18].map((position) => `anchor missing ${position} directory`));
  });
});

describe('Anchors', () => {
  it('reads only what is new, makes one every so many events, and says nothing twice', async () => {
    const tenant = newTenant();
    const reads: number[] = [];
    const counting: EventLog = {
      ...log,
      readAll: (one, after, limit) => {
        reads.push(after);
        return log.readAll(one, after, limit);
      },
    };
    const options = { log: counting, seal, places: places(), clock, everyEvents: 5 };
    const anchors = new Anchors({ ...options, onError: (error) => expect.unreachable(String(error)) });
    made.push(anchors);
    await write(tenant, ...'abcdefghijkl');
    expect(await anchors.anchor(tenant)).toMatchObject({ position: 12, count: 12 });
    expect((await places()[0]!.read(tenant)).map(({ position }) => position)).toEqual([5, 10, 12]);
    expect(await anchors.anchor(tenant)).toBeUndefined();
    reads.length = 0;
    await write(tenant, 'm');
    await anchors.anchor(tenant);
    expect(reads).toEqual([12]);
    expect(await found(tenant)).toEqual([]);
  });

  it('anchors every hour what is new, and at the stop', async () => {
    const tenant = newTenant();
    const anchors = anchorsOf({ everyMs: 3_600_000 });
    anchors.start();
    const positions = async () => (await places()[1]!.read(tenant)).map(({ position }) => position);
    await write(tenant, 'a');
    clock.advance(15_000);
    await expect.poll(positions).toEqual([1]);
    await write(tenant, 'a', 'b');
    await expect
      .poll(() => {
        clock.advance(3_600_000);
        return positions();
      })
      .toEqual([1, 3]);
    await write(tenant, 'c');
    await anchors.stop(60_000);
    expect(await positions()).toEqual([1, 3, 4]);
  });

  it('goes on after a crash that kept the newest line out of the file', async () => {
    const tenant = await written();
    const file = path.join(directory, `${tenant}.ndjson`);
    const text = await readFile(file, 'utf8');
    await truncate(file, text.length - 40);
    expect(await found(tenant)).toEqual([]);
    await write(tenant, 'a');
    await anchorsOf().anchor(tenant);
    expect((await places()[1]!.read(tenant)).map(({ position }) => position)).toEqual([3, 12, 18, 19]);
    expect(await found(tenant)).toEqual([]);
  });

  it('brings a place up to the other that could not be written to for a time', async () => {
    const tenant = await written();
    const [table, files] = places();
    let isFull = true;
    const shaky = {
      ...files!,
      append: async (anchors: readonly Anchor[]) => {
        if (isFull) throw new Error('no space left');
        await files!.append(anchors);
      },
    };
    const onError = () => {};
    const anchors = new Anchors({ log, seal, places: [table!, shaky], clock, onError });
    made.push(anchors);
    for (const name of ['a', 'b']) {
      await write(tenant, name);
      await expect(anchors.anchor(tenant)).rejects.toThrow('no space left');
    }
    isFull = false;
    await write(tenant, 'c');
    await anchors.anchor(tenant);
    const positions = async (place: typeof table) => (await place!.read(tenant)).map(({ position }) => position);
    expect(await positions(files)).toEqual(await positions(table));
    expect(await found(tenant)).toEqual([]);
  });

  it('of two processes that anchor the same events do no harm to each other', async () => {
    const tenant = await written();
    const [one, other] = [anchorsOf(), anchorsOf()];
    await write(tenant, 'a', 'b');
    await Promise.all([one.anchor(tenant), other.anchor(tenant)]);
    await write(tenant, 'c');
    await one.anchor(tenant);
    await write(tenant, 'a');
    await other.anchor(tenant);
    await write(tenant, 'b');
    await one.anchor(tenant);
    expect(await found(tenant)).toEqual([]);
    await tamper(tenant, async (client) => {
      await client.query(
        `update events set payload = set_byte(payload, 39, get_byte(payload, 39) # 255) where tenant = $1 and position = 22`,
        [tenant],
      );
      await rechain(client, tenant, 'a');
    });
    expect(await found(tenant)).toEqual(['changed a7 22']);
  });

  it('of several nodes makes the owner’s alone, in the directories of all, wherever the tenant goes', async () => {
    const tenant = newTenant();
    let owner = 0;
    const nodes = await Promise.all(
      ['own', 'own2', 'shared', 'shared'].map(async (name, nth) => {
        const own = [anchorTable(database.pool), anchorFiles(path.join(directory, name))];
        const ownership = { isMine: () => owner === nth };
        const onError = (error: unknown) => expect(error).toBeInstanceOf(AnchorsContradict);
        const hour = virtualClock();
        const anchors = new Anchors({ log, seal, places: own, clock: hour, ownership, onError, everyMs: 60_000 });
        made.push(anchors);
        anchors.start();
        return { anchors, own, hour };
      }),
    );
    const foundBy = async (own: AnchorPlace[]): Promise<Finding[]> => {
      const findings: Finding[] = [];
      const anchors = (one: TenantId) => anchorProof(one, { log, places: own, seal, keys });
      await verifyTenant(tenant, { log, anchors, onFinding: (finding) => findings.push(finding) });
      return findings;
    };
    const inDatabase = () => anchorTable(database.pool).read(tenant);
    const anHourLater = () => {
      for (const { hour } of nodes) hour.advance(60_000);
    };
    for (const next of [0, 1, 2, 0, 3, 1]) {
      owner = next;
      await write(tenant, 'a', 'b');
      const before = (await inDatabase()).length;
      const newest = async () => {
        anHourLater();
        return (await inDatabase()).at(-1)?.position;
      };
      await expect.poll(newest).toBe(await log.head(tenant));
      // Whoever is asked anchors, owner or not.
      await write(tenant, 'c');
      await nodes[(next + 1) % nodes.length]!.anchors.anchor(tenant);
      expect(await inDatabase()).toHaveLength(before + 2);
    }
    const macs = (await inDatabase()).map(({ mac }) => mac);
    for (const { own } of nodes) {
      const held = async () => {
        anHourLater();
        // Nodes that share a directory may write one line twice.
        return [...new Set((await own[1]!.read(tenant)).map(({ mac }) => mac))].sort();
      };
      await expect.poll(held).toEqual(macs.toSorted());
      expect(await foundBy(own)).toEqual([]);
    }
  });

  it('does not go on behind a log that was cut, until somebody says that it was restored', async () => {
    const tenant = await written();
    await tamper(tenant, cut);
    await expect(anchorsOf().anchor(tenant)).rejects.toThrow(AnchorsContradict);
    // What a restore puts back is the table as it was then.
    await tamper(tenant, (client) =>
      client.query(`delete from log_anchors where tenant = $1 and anchor like '%"position":18,%'`, [tenant]),
    );
    const anchors = anchorsOf();
    await anchors.restored(tenant);
    expect(await found(tenant)).toEqual([]);
    for (const name of ['a', 'b', 'c']) {
      const stored = await log.readStream(tenant, name as StreamName);
      ends.set(`${tenant} ${name}`, stored.at(-1)!);
    }
    await write(tenant, 'c', 'b', 'a', 'c', 'b', 'a');
    await anchors.anchor(tenant);
    expect(await found(tenant)).toEqual([]);
    // Said again, it brings nothing back of what was given up.
    await anchorsOf().restored(tenant);
    expect(await found(tenant)).toEqual([]);
    await tamper(tenant, (client) =>
      client.query(`update events set recorded_at = $2 where tenant = $1 and position = 17`, [
        tenant,
        '2020-01-01T00:00:00.000Z' as Instant,
      ]),
    );
    expect(await found(tenant)).toHaveLength(1);
  });

  it('follows a log that is restored to an earlier point, and then to a later one that was given up', async () => {
    const tenant = await written();
    const table = async () =>
      (await database.pool.query('select anchor, mac from log_anchors where tenant = $1 order by nth', [tenant])).rows;
    const stored = async () => (await database.pool.query('select * from events where tenant = $1', [tenant])).rows;
    const later = { events: await stored(), anchors: await table(), ends: [5, 5, 5] };
    const bringBack: (state: typeof later) => Change = (state) => async (client) => {
      for (const name of ['events', 'log_anchors'])
        await client.query(`delete from ${name} where tenant = $1`, [tenant]);
      for (const row of state.events)
        await client.query(
          'insert into events values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
          [
            'tenant',
            'position',
            'stream',
            'revision',
            'id',
            'type',
            'schema_version',
            'recorded_at',
            'payload',
            'hash',
          ].map((column) => row[column]),
        );
      for (const { anchor, mac } of state.anchors)
        await client.query('insert into log_anchors (tenant, anchor, mac) values ($1, $2, $3)', [tenant, anchor, mac]);
      await client.query('update tenants set position = $2 where tenant = $1', [tenant, state.events.length]);
      for (const [nth, name] of ['a', 'b', 'c'].entries())
        await client.query('update streams set revision = $3 where tenant = $1 and stream = $2', [
          ...[tenant, name, state.ends[nth]],
        ]);
    };
    const earlier = {
      events: later.events.filter(({ position }) => Number(position) <= 14),
      anchors: later.anchors.slice(0, 2),
      ends: [4, 4, 3],
    };
    await tamper(tenant, bringBack(earlier));
    const anchors = anchorsOf();
    await anchors.restored(tenant);
    for (const name of ['a', 'b', 'c'])
      ends.set(`${tenant} ${name}`, (await log.readStream(tenant, name as StreamName)).at(-1)!);
    await write(tenant, 'c', 'b', 'a', 'c', 'b', 'a');
    await anchors.anchor(tenant);
    expect(await found(tenant)).toEqual([]);

    await tamper(tenant, bringBack(later));
    expect((await found(tenant)).length).toBeGreaterThan(0);
    const others = anchorsOf();
    await others.restored(tenant);
    expect(await found(tenant)).toEqual([]);
    await others.anchor(tenant);
    expect(await found(tenant)).toEqual([]);
    await tamper(tenant, changed);
    expect(await found(tenant)).toEqual(['changed b2 8']);
  });

  it('keeps the files of strange names inside of its directory', async () => {
    const tenant = '../..%2f/x.example' as TenantId;
    const anchor = seal.sealed({
      ...{ tenant, position: 1 as Position, count: 1, hash: '0'.repeat(64), trace: '' },
      at: clock.instant(),
    });
    const place = anchorFiles(path.join(directory, 'strange'));
    await place.append([anchor]);
    expect(await place.read(tenant)).toEqual([anchor]);
    expect(await place.tenants()).toEqual([tenant]);
    expect(await readdir(path.join(directory, 'strange'))).toHaveLength(1);
  });
});
