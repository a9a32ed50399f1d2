/** Takes a backup beside a running server: one snapshot of what is stored, streamed table by table. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { type KeptKey, writeKeys } from './keys-file.ts';
import { applyLedger, readLedger } from './ledger.ts';
import { type BackedUpTable, type Manifest, NoBackup, writeManifest } from './manifest.ts';
import { keysTable, type StoredTable, storedTables } from './tables.ts';

export interface BackupProgress {
  readonly table: string;
  readonly rows: number;
  /** As they lie in the folder. */
  readonly bytes: number;
}

export interface BackupOptions {
  readonly pool: pg.Pool;
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
  const { pool, folder, ledgerDirectory, at, onProgress } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new NoBackup(`${folder} is not empty: a backup gets a folder of its own.`);
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    const tables: BackedUpTable[] = [];
    for (const table of storedTables) {
      const written = await writeTable(client, folder, table);
      tables.push(written);
      onProgress?.({ table: table.name, rows: written.rows, bytes: written.bytes });
    }
    const keys = await writeKeys(folder, keysOf(client));
    onProgress?.({ table: keysTable, rows: keys, bytes: 0 });
    const { rows: tenants } = await client.query<{ tenant: string; position: number }>(
      'select tenant, position from tenants order by tenant',
    );
    const { rows: migrations } = await client.query<{ name: string }>(
      'select name from kysely_migration order by name',
    );
    const { rows: versions } = await client.query<{ server_version: string }>('show server_version');
    await client.query('commit');
    await applyLedger(folder, await readLedger(ledgerDirectory));
    const manifest: Manifest = {
      ...{ format: 1, at, tables, keys },
      postgres: versions[0]?.server_version ?? '',
      migrations: migrations.map(({ name }) => name),
      tenants: tenants.map(({ tenant, position }) => ({ tenant, position: Number(position) })),
    };
    await writeManifest(folder, manifest);
    return manifest;
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
  await pipeline(copied, createZstdCompress(), measured, createWriteStream(target, { mode: 0o600 }));
  const handle = await open(target, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { name, columns, file, rows: copied.rowCount, bytes, sha256: hash.digest('hex') };
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
