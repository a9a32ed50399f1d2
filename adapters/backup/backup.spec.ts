import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allMigrations, allProjections } from '../../api/catalogue.ts';
import type { Instant, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { checkpointMigration } from '../../projections/runner/checkpoints.ts';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import { dumpOf } from '../../test/dump.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import { createKysely } from '../postgres/kysely.ts';
import { migrate } from '../postgres/migrate.ts';
import { type KeptKey, readKeys, writeKeys } from './keys-file.ts';
import { forgetInBackups, type LedgerEntry, readLedger } from './ledger.ts';
import { checkBackup, loadBackup } from './load.ts';
import { NoBackup, readManifest } from './manifest.ts';
import { keysTable, leftOutTables, storedTables } from './tables.ts';
import { writeBackup } from './write.ts';

let database: FreshDatabase;
let directory: string;
beforeAll(async () => {
  database = await freshDatabase();
  await migrate(database.pool, allMigrations());
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-backup-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const at = '2026-11-22T12:00:00.000Z' as Instant;
const at2 = '2026-11-22T13:00:00.000Z' as Instant;
const folderOf = (name: string) => path.join(directory, name);
const take = (name: string) =>
  writeBackup({ pool: database.pool, folder: folderOf(name), ledgerDirectory: directory, at });

const tenant = 'demo.example' as TenantId;
const entry = (...subjects: string[]): LedgerEntry => ({
  ...{ tenant, at: at2, subjects: subjects as SubjectId[] },
  erased: { subject: 'person', account: 'kari', items: 1, events: 2 },
});

describe('a backup', () => {
  it('knows of every table whether it is stored, left out, or made of events', async () => {
    const side = await freshDatabase();
    const db = createKysely<AnyDatabase>(side.pool);
    const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32)) });
    await sql`create schema side`.execute(db);
    const derived = await db.transaction().execute(async (trx) => {
      await sql`set local search_path to side`.execute(trx);
      for (const { up } of [checkpointMigration, ...allProjections(keys).flatMap(({ migrations }) => migrations)])
        await up(trx);
      const { rows } = await sql<{ name: string }>`
        select tablename as name from pg_tables where schemaname = 'side'`.execute(trx);
      return rows.map(({ name }) => name);
    });
    const { rows } = await database.pool.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' and tablename not like 'kysely%'`,
    );
    const known = [...storedTables.map(({ name }) => name), ...leftOutTables, keysTable, ...derived];
    expect(rows.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  it('gives back what was there, to the byte, and nothing that came later', async () => {
    const { pool } = database;
    await pool.query(`insert into tenants values ('demo.example', 2), ('æøå "x".example', 1)`);
    await pool.query(`insert into streams values ('demo.example', 'a', 1), ('æøå "x".example', 's', 0)`);
    await pool.query(`insert into events
      select 'demo.example', n, 'a', n - 1, gen_random_uuid(), 'Noted', 1, now(), '\\x00ff0a5c'::bytea, '\\x01'::bytea from generate_series(1, 2) n
      union all select 'æøå "x".example', 1, 's', 0, gen_random_uuid(), 'Noted', 1, now(), '\\x'::bytea, '\\x01'::bytea`);
    await pool.query(`insert into data_keys (tenant, subject, owner, wrapped) select 'demo.example', 's' || n, 's' || n,
      decode(repeat('ab', 200), 'hex') from generate_series(1, 6000) n`);
    await pool.query(`insert into log_anchors (tenant, anchor, mac) values ('demo.example', '{}', 'm')`);
    const stored = new Set([...storedTables.map(({ name }) => `public.${name}`), `public.${keysTable}`]);
    const before = [...(await dumpOf(pool))].filter(([name]) => stored.has(name));
    const manifest = await take('whole');
    expect(manifest.tenants).toEqual([
      { tenant: 'demo.example', position: 2 },
      { tenant: 'æøå "x".example', position: 1 },
    ]);
    expect(await readManifest(folderOf('whole'))).toEqual(manifest);

    await pool.query(`insert into tenants values ('later.example', 1)`);
    await pool.query(`insert into account_view values ('k', 'demo.example', 'kari@demo.example', null, now())`);
    await checkBackup(folderOf('whole'), manifest);
    await load('whole', []);
    const after = new Map(await dumpOf(pool));
    for (const [name, text] of before) expect([name, sorted(after.get(name)!)]).toEqual([name, sorted(text)]);
    expect(after.get('public.account_view')).toBe('');
    // New anchors go behind those that were put back.
    await pool.query(`insert into log_anchors (tenant, anchor, mac) values ('demo.example', '{}', 'n')`);
  });

  it('loses the keys of what is erased later, and one being made meanwhile does too', async () => {
    await forgetInBackups(directory, entry('s1', 's6000'));
    for (const name of ['whole', 'later']) {
      if (name === 'later') await take(name);
      const keys = [];
      for await (const key of readKeys(folderOf(name))) keys.push(key);
      expect(keys).toHaveLength(6_000);
      expect(keys.filter(({ wrapped }) => wrapped === null).map(({ subject }) => subject)).toEqual(['s1', 's6000']);
      await checkBackup(folderOf(name), await readManifest(folderOf(name)));
    }
    expect(await readLedger(directory)).toEqual([entry('s1', 's6000')]);
  });

  it('kept elsewhere brings nothing erased back, nor lets a new key take its place', async () => {
    await load('whole', [entry('s2', 'made later')]);
    const { rows } = await database.pool.query(
      `select subject from data_keys where wrapped is null order by subject collate "C"`,
    );
    expect(rows.map(({ subject }) => subject)).toEqual(['made later', 's1', 's2', 's6000']);
  });

  it('that is damaged, cut short or not finished is refused with a sentence, before anything is touched', async () => {
    const manifest = await take('damaged');
    const file = path.join(folderOf('damaged'), 'events.copy.zst');
    const bytes = await readFile(file);
    await writeFile(file, Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]));
    await expect(checkBackup(folderOf('damaged'), manifest)).rejects.toThrow(/events\.copy\.zst is damaged/);
    await rm(file);
    await expect(checkBackup(folderOf('damaged'), manifest)).rejects.toThrow(/events\.copy\.zst is missing/);
    await writeFile(file, bytes);
    const keys = path.join(folderOf('damaged'), 'keys.ndjson');
    const text = await readFile(keys, 'utf8');
    await writeFile(keys, text.slice(0, -100));
    await expect(checkBackup(folderOf('damaged'), manifest)).rejects.toThrow(NoBackup);
    await writeFile(keys, text.replace('"s3"', '"s4"'));
    await expect(checkBackup(folderOf('damaged'), manifest)).rejects.toThrow(NoBackup);
    await rm(keys);
    await expect(checkBackup(folderOf('damaged'), manifest)).rejects.toThrow(/lacks its keys/);
    await rm(path.join(folderOf('damaged'), 'manifest.json'));
    await expect(readManifest(folderOf('damaged'))).rejects.toThrow(/no finished backup/);
    await writeFile(path.join(folderOf('damaged'), 'manifest.json'), '{"format":2}');
    await expect(readManifest(folderOf('damaged'))).rejects.toThrow(NoBackup);
    await expect(take('damaged')).rejects.toThrow(/is not empty/);
  });

  it('is compressed', async () => {
    const raw = zstdDecompressSync(await readFile(path.join(folderOf('whole'), 'tenants.copy.zst')));
    expect(raw.includes('demo.example')).toBe(true);
  });
});

describe('the file of keys', () => {
  it('is what it was after any number of them', async () => {
    const keysOf = (count: number): KeptKey[] =>
      Array.from({ length: count }, (_, n) => ({
        ...{ tenant: 'æ "\n', subject: `s${n}`, owner: 'o', wrapped: 'YQ==', createdAt: at, destroyedAt: null },
      }));
    for (const count of [0, 1, 1_000, 2_501]) {
      const folder = await mkdtemp(path.join(directory, 'keys-'));
      async function* given() {
        yield* keysOf(count);
      }
      expect(await writeKeys(folder, given())).toBe(count);
      const read = [];
      for await (const key of readKeys(folder)) read.push(key);
      expect(read).toEqual(keysOf(count));
    }
  });
});

const sorted = (text: string): string[] => text.split('\n').sort();

async function load(name: string, erased: readonly LedgerEntry[]): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await loadBackup(client, folderOf(name), await readManifest(folderOf(name)), erased);
    await client.query('commit');
  } finally {
    client.release(true);
  }
}
