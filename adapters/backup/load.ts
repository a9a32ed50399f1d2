/** Puts a backup back into a database, in one transaction of the caller's. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type KeptKey, readKeys } from './keys-file.ts';
import type { LedgerEntry } from './ledger.ts';
import { type BackedUpTable, type Manifest, NoBackup } from './manifest.ts';
import { keysTable, leftOutTables, storedTables } from './tables.ts';

const keysTogether = 5_000;

/** Reads every file once. @throws NoBackup naming the first that is not as it was written. */
export async function checkBackup(folder: string, manifest: Manifest): Promise<void> {
  for (const { file, bytes, sha256 } of manifest.tables) {
    const hash = createHash('sha256');
    let found = 0;
    const name = path.join(folder, file);
    try {
      for await (const chunk of createReadStream(name)) {
        found += (chunk as Buffer).length;
        hash.update(chunk as Buffer);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new NoBackup(`${name} is missing.`);
    }
    if (found !== bytes || hash.digest('hex') !== sha256) throw new NoBackup(`${name} is damaged or not whole.`);
  }
  let keys = 0;
  try {
    for await (const _ of readKeys(folder)) keys++;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new NoBackup(`${folder} lacks its keys.ndjson.`);
  }
  if (keys !== manifest.keys) throw new NoBackup(`${folder} holds ${keys} keys and not ${manifest.keys}.`);
}

/**
 * Takes away all that the database holds and writes what the backup holds, without the keys of what was erased since.
 * Read models are left empty. The client is in a transaction of a role that owns the tables.
 */
export async function loadBackup(
  client: pg.PoolClient,
  folder: string,
  manifest: Manifest,
  erased: readonly Pick<LedgerEntry, 'tenant' | 'subjects' | 'at'>[],
  onProgress: (table: string, rows: number) => void = () => {},
): Promise<void> {
  await client.query(`set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
    set local mobilesync.maintenance = 'events'`);
  const { rows: tables } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = current_schema() and tablename not like 'kysely%'`,
  );
  await client.query(`truncate ${tables.map(({ name }) => client.escapeIdentifier(name)).join(', ')}`);
  const known = new Set([...storedTables.map(({ name }) => name), ...leftOutTables]);
  for (const table of manifest.tables) {
    if (!known.has(table.name)) throw new NoBackup(`The backup holds a table ${table.name}, which there is not.`);
    await loadTable(client, folder, table);
    onProgress(table.name, table.rows);
  }
  // Only ever forwards: a sequence does not go back with a transaction that is given up.
  await client.query(`select setval(s, greatest(nextval(s), (select coalesce(max(nth), 0) + 1 from log_anchors)), false)
    from pg_get_serial_sequence('log_anchors', 'nth') as s`);
  const gone = new Map<string, string>(
    erased.flatMap(({ tenant, subjects, at }) => subjects.map((subject) => [`${tenant}\n${subject}`, at] as const)),
  );
  await loadKeys(client, folder, (key) => gone.get(`${key.tenant}\n${key.subject}`));
  onProgress(keysTable, manifest.keys);
  // Recorded between the point up to which the events of another store were read and the snapshot of the database.
  await client.query('delete from exchange e using tenants t where t.tenant = e.tenant and e.position > t.position');
  // Keys made after the backup were destroyed too: nobody shall make others in their place.
  await client.query(
    `insert into ${keysTable} (tenant, subject, owner, wrapped, destroyed_at)
      select t, s, s, null, at from unnest($1::text[], $2::text[], $3::timestamptz[]) as n(t, s, at)
      on conflict (tenant, subject) do nothing`,
    [
      [...gone.keys()].map((name) => name.split('\n')[0]),
      [...gone.keys()].map((name) => name.split('\n')[1]),
      [...gone.values()],
    ],
  );
}

async function loadTable(client: pg.PoolClient, folder: string, { name, columns, file, rows }: BackedUpTable) {
  const copied = client.query(copyFrom(`copy ${name} (${columns.join(', ')}) from stdin (format binary)`));
  await pipeline(createReadStream(path.join(folder, file)), createZstdDecompress(), copied);
  if (copied.rowCount !== rows) throw new NoBackup(`${file} held ${copied.rowCount} rows and not ${rows}.`);
}

async function loadKeys(
  client: pg.PoolClient,
  folder: string,
  goneAt: (key: KeptKey) => string | undefined,
): Promise<void> {
  let rows: KeptKey[] = [];
  const flush = async (): Promise<void> => {
    await client.query(
      `insert into ${keysTable} (tenant, subject, owner, wrapped, created_at, destroyed_at)
        select t, s, o, decode(w, 'base64'), c, d from unnest($1::text[], $2::text[], $3::text[], $4::text[],
          $5::timestamptz[], $6::timestamptz[]) as n(t, s, o, w, c, d)`,
      [
        rows.map((row) => row.tenant),
        rows.map((row) => row.subject),
        rows.map((row) => row.owner),
        rows.map((row) => row.wrapped),
        rows.map((row) => row.createdAt),
        rows.map((row) => row.destroyedAt),
      ],
    );
    rows = [];
  };
  for await (const key of readKeys(folder)) {
    const at = goneAt(key);
    rows.push(at === undefined || key.wrapped === null ? key : { ...key, wrapped: null, destroyedAt: at });
    if (rows.length >= keysTogether) await flush();
  }
  await flush();
}
