/** The moment at which the events of a database are in another log, and the way back from it. */
import type pg from 'pg';
import { sealPostgresLog, unsealPostgresLog } from '../../adapters/event-log/postgres/seal.ts';
import type { CutOverSteps } from '../../adapters/log-copy/cut-over.ts';
import { beginMove, endMove, giveUpMove, type LogHome, type LogName } from '../../adapters/log-copy/home.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { NotNow } from './command-line.ts';

/** PostgreSQL refuses appends by itself; EventStoreDB cannot, so no server may run while events leave it. */
export function moveSteps(pool: Pool, from: LogName, to: LogName): Pick<CutOverSteps, 'seal' | 'open'> {
  return {
    async seal() {
      await atOnce(pool, async (client) => {
        await beginMove(client, to);
        if (from === 'postgres') await sealPostgresLog(client);
      });
      if (from === 'postgres' || !(await hasServers(pool))) return;
      // A server that starts from here on sees the move; one that runs was connected before.
      await giveUpMove(pool);
      throw new NotNow(`Servers run, and ${from} cannot refuse what they append: stop them all, then say it again.`);
    },
    open: () =>
      atOnce(pool, async (client) => {
        await endMove(client);
        if (to === 'postgres') await unsealPostgresLog(client);
      }),
  };
}

/** The log takes appends again. @throws NotNow when it is not being moved */
export async function unseal(pool: Pool, home: LogHome | undefined): Promise<void> {
  if (home?.movingTo === undefined)
    throw new NotNow('No move of the log is under way: nothing is sealed that is in use.');
  await atOnce(pool, async (client) => {
    await giveUpMove(client);
    if (home.log === 'postgres') await unsealPostgresLog(client);
  });
}

/** Whoever waits longer for a lock than this makes all others wait behind it. */
const lockTimeout = '5s';

async function atOnce(pool: Pool, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(`begin; set local lock_timeout = '${lockTimeout}'`);
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

async function hasServers(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity where datname = current_database() and application_name = 'mobilesync'
      union all select from node where expires_at > clock_timestamp() limit 1`,
  );
  return rows.length > 0;
}
