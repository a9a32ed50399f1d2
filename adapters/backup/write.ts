/**
 * Takes a backup beside a running server: one snapshot of what the database stores, streamed table by table. Where the
 * events are in another store, they are read up to where each tenant stood before the snapshot: keys and blobs are
 * stored before the events that need them, so the snapshot has all of theirs.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { EventLog } from '../event-log/port.ts';
import { type KeptKey, writeKeys } from './keys-file.ts';
import { applyLedger, readLedger } from './ledger.ts';
import { type Cut, logTables } from './log-tables.ts';
import { type BackedUpTable, type Manifest, NoBackup, writeManifest } from './manifest.ts';
import { keysTable, logTableNames, type StoredTable, storedTables } from './tables.ts';

export interface BackupProgress {
  readonly table: string;
  readonly rows: number;
  /** As they lie in the folder. */
  readonly bytes: number;
}

export interface BackupOptions {
  readonly pool: pg.Pool;
  /** Where the events are, if not in the tables of the database. */
  readonly log?: Pick<EventLog, 'readAll' | 'tenants'>;
  /** Made if need be; must be empty. */
  readonly folder: string;
  /** Where erasures are noted: what was erased while the backup was made is taken out of it. */
  readonly ledgerDirectory: string;
  readonly at: string;
  readonly onProgress?: (progress: BackupProgress) => void;
}

const keysTogether = 5_000;

/** @throws NoBackup when the folder holds something already. */
export async function writeBackup(options: BackupOptions): Promise<Manifest> {
  const { pool, log, folder, ledgerDirectory, at, onProgress } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new NoBackup(`${folder} is not empty: a backup gets a folder of its own.`);
  const tables: BackedUpTable[] = [];
  const done = (table: BackedUpTable): void => {
    tables.push(table);
    onProgress?.({ table: table.name, rows: table.rows, bytes: table.bytes });
  };
  // Before the snapshot: what is appended from here on may need keys that are not in it.
  const cuts = (await log?.tenants())?.map(({ tenant, head }): Cut => ({ tenant, position: head }));
  const kept = cuts ? storedTables.filter(({ name }) => !logTableNames.has(name)) : storedTables;
  const snapshot = await writeSnapshot(pool, folder, kept, done);
  onProgress?.({ table: keysTable, rows: snapshot.keys, bytes: 0 });
  if (log && cuts) {
    for (const { name, columns, chunks, rows } of logTables(log, cuts)) {
      const file = await writeFile(folder, name, Readable.from(chunks));
      done({ name, columns: [...columns], rows: rows(), ...file });
    }
  }
  await applyLedger(folder, await readLedger(ledgerDirectory));
  const places = storedTables.map(({ name }) => name);
  const manifest: Manifest = {
    ...{ format: 1, at, keys: snapshot.keys, postgres: snapshot.postgres, migrations: snapshot.migrations },
    tables: tables.sort((one, other) => places.indexOf(one.name) - places.indexOf(other.name)),
    tenants: cuts ?? snapshot.tenants,
  };
  await writeManifest(folder, manifest);
  return manifest;
}

/** What the database holds, as of one moment. */
async function writeSnapshot(
  pool: pg.Pool,
  folder: string,
  stored: readonly StoredTable[],
  done: (table: BackedUpTable) => void,
): Promise<Pick<Manifest, 'keys' | 'postgres' | 'migrations' | 'tenants'>> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    for (const table of stored) done(await writeTable(client, folder, table));
    const keys = await writeKeys(folder, keysOf(client));
    const { rows: tenants } = await client.query<{ tenant: string; position: number }>(
      'select tenant, position from tenants order by tenant',
    );
    const { rows: migrations } = await client.query<{ name: string }>(
      'select name from kysely_migration order by name',
    );
    const { rows: versions } = await client.query<{ server_version: string }>('show server_version');
    await client.query('commit');
    return {
      keys,
      postgres: versions[0]?.server_version ?? '',
      migrations: migrations.map(({ name }) => name),
      tenants: tenants.map(({ tenant, position }) => ({ tenant, position: Number(position) })),
    };
  } finally {
    // Also ends a copy that was broken off.
    client.release(true);
  }
}

async function writeTable(
  client: pg.PoolClient,
  folder: string,
  { name, instead }: StoredTable,
): Promise<BackedUpTable> {
  const { rows } = await client.query<{ column: string }>(
    `select attname as column from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [name],
  );
  const columns = rows.map(({ column }) => column);
  const selected = columns.map((column) => (instead?.[column] ? `${instead[column]} as ${column}` : column)).join(', ');
  const copied = client.query(copyTo(`copy (select ${selected} from ${name}) to stdout (format binary)`));
  const written = await writeFile(folder, name, copied);
  return { name, columns, rows: copied.rowCount, ...written };
}

async function writeFile(folder: string, name: string, content: Readable) {
  const file = `${name}.copy.zst`;
  const hash = createHash('sha256');
  let bytes = 0;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const target = path.join(folder, file);
  await pipeline(content, createZstdCompress(), measured, createWriteStream(target, { mode: 0o600 }));
  const handle = await open(target, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { file, bytes, sha256: hash.digest('hex') };
}

async function* keysOf(client: pg.PoolClient): AsyncGenerator<KeptKey> {
  await client.query(`declare kept no scroll cursor for
    select tenant, subject, owner, encode(wrapped, 'base64') as wrapped, created_at::text as "createdAt",
      destroyed_at::text as "destroyedAt" from ${keysTable} order by tenant, subject`);
  for (;;) {
    const { rows } = await client.query<KeptKey>(`fetch ${keysTogether} from kept`);
    yield* rows.map((row) => ({ ...row, wrapped: row.wrapped?.replaceAll('\n', '') ?? null }));
    if (rows.length < keysTogether) return;
  }
}
