import { beforeEach, describe, expect, it } from 'vitest';
import { event, newTenant, write } from '../adapters/event-log/contract.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import { postgresEventLog } from '../adapters/event-log/postgres/log.ts';
import { joinPayload } from '../adapters/event-log/sealed.ts';
import { beginMove, endMove, giveUpMove, readLogHome } from '../adapters/log-copy/home.ts';
import type { SubjectId, TenantId } from '../domain/shared/ids.ts';
import { freshDatabase } from '../test/postgres.ts';
import { ConfigError } from './config.ts';
import { mustBeHome, mustHaveKeys, mustHaveNoHome, mustReachRows } from './log-home.ts';

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

  it('must have the keys of what follows the rows: a database brought back too early is not served from', async () => {
    const other = memoryEventLog();
    const tenant = 'keys.example' as TenantId;
    const sealed = (subject: string) => ({
      ...event(subject),
      payload: joinPayload(subject as SubjectId, Buffer.from('sealed')),
    });
    const checkpoint = (position: number) =>
      pool.query(
        `insert into projection_checkpoint (projection, tenant, position, version) values ('a', $1, $2, 1)
          on conflict (projection, tenant) do update set position = excluded.position`,
        [tenant, position],
      );
    await pool.query(`insert into data_keys (tenant, subject, owner, wrapped) values ($1, 'kari', 'kari', '')`, [
      tenant,
    ]);
    // The first is behind the rows, which were made with its key: nobody looks.
    await other.append(tenant, [write('s', -1, sealed('long gone'))]);
    await checkpoint(1);
    await other.append(tenant, [write('s', 0, sealed('kari'))]);
    await mustHaveKeys(pool, other);
    await other.append(tenant, [write('s', 1, sealed('item-a'), sealed('item-b'), sealed('item-b'))]);
    await expect(mustHaveKeys(pool, other)).rejects.toThrow(/in keys\.example the keys of 2 items or people are lost/);
    await checkpoint(5);
    await mustHaveKeys(pool, other);
  });
});
