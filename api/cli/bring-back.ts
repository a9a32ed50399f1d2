/** A backup, or a database that somebody else brought back, becomes what the program stands on; or nothing changes. */
import type pg from 'pg';
import { loadBackup } from '../../adapters/backup/load.ts';
import { giveUpKeys, lostKeys } from '../../adapters/backup/lost-keys.ts';
import type { Manifest } from '../../adapters/backup/manifest.ts';
import { fillLog, stageLog } from '../../adapters/backup/staged-log.ts';
import { beginRestore } from '../../adapters/backup/under-way.ts';
import { postgresCensus } from '../../adapters/event-log/postgres/census.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { unsealPostgresLog } from '../../adapters/event-log/postgres/seal.ts';
import { claimLogHome } from '../../adapters/log-copy/home.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { ConfigError } from '../config.ts';
import type { Print } from './command-line.ts';
import type { OpenedLog } from './open-log.ts';
import type { Gone } from './restored-log.ts';
import { mustHold, type ProofOptions } from './restored-proof.ts';

/** A backup whose files are as they were written. */
export interface Source {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Everything up to the point from which the restored log is the log, or nothing of it. Answers with what it holds. */
export async function bringBack(
  pool: Pool,
  source: Source | undefined,
  options: Omit<ProofOptions, 'tenants' | 'log' | 'census'> & {
    readonly opened: OpenedLog;
    readonly erased: readonly Gone[];
    readonly remark: Print;
  },
): Promise<Manifest['tenants']> {
  const { opened, erased, remark } = options;
  const isBeside = opened.name !== 'postgres';
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    // There is nobody else to share the connection with.
    const own = { query: client.query.bind(client) } as unknown as Pool;
    let tenants: Manifest['tenants'];
    if (source) {
      if (isBeside) await stageLog(client);
      const told = (table: string, count: number) => remark(`${table}: ${count} rows`);
      await loadBackup(client, source.folder, source.manifest, erased, told);
      tenants = (await client.query<Manifest['tenants'][number]>('select tenant, position from tenants')).rows;
      const staged = postgresEventLog({ pool: own });
      await mustHold(own, { ...options, tenants, log: staged, census: postgresCensus(own) });
      if (isBeside) {
        const filled = (tenant: string, position: number) => remark(`${tenant}: ${position} events in the event store`);
        await fillLog(opened.log, staged, tenants, filled);
      } else await unsealPostgresLog(client);
      await claimLogHome(own, opened.name);
    } else {
      await eraseAgain(client, erased);
      tenants = (await opened.log.tenants()).map(({ tenant, head }) => ({ tenant, position: head }));
      if (isBeside) await mustHaveKeys(client, opened, options);
      const { log, census } = isBeside ? opened : { log: postgresEventLog({ pool: own }), census: postgresCensus(own) };
      await mustHold(own, { ...options, tenants, log, census });
    }
    await beginRestore(client, source?.folder ?? 'the database in place');
    await client.query('commit');
    return tenants;
  } finally {
    // Also gives up what was begun, and with it the tables of this session.
    client.release(true);
  }
}

/** @throws ConfigError where the database lacks keys of what the event store holds; forced, these are given up. */
async function mustHaveKeys(
  client: pg.PoolClient,
  { log }: OpenedLog,
  { force, print }: Pick<ProofOptions, 'force' | 'print'>,
): Promise<void> {
  const lost = await lostKeys(client, log);
  for (const { tenant, subjects, events } of lost)
    print(`${tenant}: the keys of ${subjects.length} items or people are lost, and what ${events} events say of them`);
  if (lost.length === 0) return;
  if (!force)
    throw new ConfigError(
      'The database is of an earlier point than the event store: bring back a later one, or say --force to go on without what cannot be read any more.',
    );
  await giveUpKeys(client, lost);
}

/** What the ledgers name goes once more. */
async function eraseAgain(client: pg.PoolClient, erased: readonly Gone[]): Promise<void> {
  for (const { tenant, subjects, at } of erased)
    await client.query(
      `update data_keys set wrapped = null, destroyed_at = $3
        where tenant = $1 and subject = any($2::text[]) and wrapped is not null`,
      [tenant, subjects, at],
    );
}
