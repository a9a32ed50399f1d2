import { beforeEach, describe, expect, it } from 'vitest';
import { event, newTenant, write } from '../adapters/event-log/contract.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import { postgresEventLog } from '../adapters/event-log/postgres/log.ts';
import { beginMove, endMove, giveUpMove, readLogHome } from '../adapters/log-copy/home.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import { freshDatabase } from '../test/postgres.ts';
import { ConfigError } from './config.ts';
import { mustBeHome, mustHaveNoHome, mustReachRows } from './log-home.ts';

const { pool } = await freshDatabase();
const log = postgresEventLog({ pool });
beforeEach(() =>
  pool.query(`set local mobilesync.maintenance = 'events';
    truncate events, streams, tenants, log_home, projection_checkpoint`),
);

describe('the log of a database', () => {
  it('is the one of the first start, and once it is used no other', async () => {
    await mustBeHome(pool, 'eventstoredb');
    await mustBeHome(pool, 'postgres');
    await log.append(newTenant(), [write('s', -1, event('a'))]);
    await mustBeHome(pool, 'postgres');
    await expect(mustBeHome(pool, 'eventstoredb')).rejects.toThrow(
      'EVENT_LOG=eventstoredb, but the events of this database are in postgres: start with EVENT_LOG=postgres, or move ' +
        'them first, with npm run mobilesync -- log copy --from postgres --to eventstoredb --cut-over.',
    );
    await mustHaveNoHome(pool);
  });

  it('is none while it is moved, the other one afterwards, and the same as before when the move is given up', async () => {
    await mustBeHome(pool, 'postgres');
    await log.append(newTenant(), [write('s', -1, event('a'))]);
    await beginMove(pool, 'eventstoredb');
    for (const asked of ['postgres', 'eventstoredb'] as const)
      await expect(mustBeHome(pool, asked)).rejects.toThrow('are being moved from postgres to eventstoredb');
    await giveUpMove(pool);
    await mustBeHome(pool, 'postgres');
    await beginMove(pool, 'eventstoredb');
    await endMove(pool);
    expect(await readLogHome(pool)).toEqual({ log: 'eventstoredb' });
    await mustBeHome(pool, 'eventstoredb');
    await expect(mustBeHome(pool, 'postgres')).rejects.toThrow('--from eventstoredb --to postgres');
    await expect(mustHaveNoHome(pool)).rejects.toThrow(ConfigError);
  });

  it('must not end before what the rows were made of', async () => {
    const other = memoryEventLog();
    const tenant = 'demo.example' as TenantId;
    await pool.query(
      `insert into projection_checkpoint (projection, tenant, position, version) values ('a', $1, 2, 1)`,
      [tenant],
    );
    await other.append(tenant, [write('s', -1, event('a'))]);
    await expect(mustReachRows(pool, other)).rejects.toThrow('it holds 1 events of demo.example');
    await other.append(tenant, [write('s', 0, event('b'))]);
    await mustReachRows(pool, other);
  });
});
