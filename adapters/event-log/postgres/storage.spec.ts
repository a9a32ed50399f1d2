import { beforeAll, describe, expect, it } from 'vitest';
import { NO_POSITION, type StreamName } from '../../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import { event, newTenant, stream, write } from '../contract.ts';
import type { EventLog } from '../port.ts';
import { postgresEventLog, queries } from './log.ts';

let database: FreshDatabase;
let log: EventLog;
beforeAll(async () => {
  database = await freshDatabase();
  log = postgresEventLog(database);
});

describe('stored events', () => {
  it.each([
    ["update events set payload = 'forged'"],
    ["update events set type = 'Forged' where revision = 0"],
    ['delete from events'],
    ['truncate events'],
    ['truncate events, streams, tenants'],
  ])('withstand: %s', async (statement) => {
    const tenant = newTenant();
    await log.append(tenant, [write('s', -1, event('a'))]);
    const before = await log.readAll(tenant, NO_POSITION, 10);
    await expect(database.pool.query(statement)).rejects.toMatchObject({ code: 'MS003' });
    expect(await log.readAll(tenant, NO_POSITION, 10)).toEqual(before);
  });

  it('can be moved to an archive by somebody who says so in the transaction', async () => {
    const tenant = newTenant();
    await log.append(tenant, [write('s', -1, event('a'))]);
    const client = await database.pool.connect();
    try {
      await client.query("begin; set local mobilesync.maintenance = 'events'");
      expect((await client.query('delete from events where tenant = $1', [tenant])).rowCount).toBe(1);
      await client.query('rollback');
      await expect(client.query('delete from events')).rejects.toMatchObject({ code: 'MS003' });
    } finally {
      client.release();
    }
  });
});

describe('over 20,000 events the query', () => {
  const tenant = newTenant();
  beforeAll(async () => {
    for (let page = 0; page < 20; page++) {
      const writes = Array.from({ length: 500 }, (_, n) => write(`s${page}-${n}`, -1, event('a'), event('b')));
      await log.append(tenant, writes);
    }
    await database.pool.query('analyze');
  });

  interface Plan {
    'Node Type': string;
    Plans?: Plan[];
  }
  const nodes = (plan: Plan): string[] => [plan['Node Type'], ...(plan.Plans ?? []).flatMap(nodes)];

  it.each([
    ['readAll', queries.readAll.text, `'${tenant}', 9000, 1000`],
    ['readStream', queries.readStream.text, `'${tenant}', 's3-77', 0, null`],
    ['readStream of a part', queries.readStream.text, `'${tenant}', 's3-77', 1, 100`],
    ['readStreams', queries.readStreams.text, `'${tenant}', array['s3-77', 's4-78', 's5-79']`],
  ])('%s walks an index and sorts nothing, planned for these values or for any', async (_, text, values) => {
    const client = await database.pool.connect();
    try {
      await client.query(`prepare explained as ${text}`);
      for (const mode of ['force_custom_plan', 'force_generic_plan']) {
        await client.query(`set plan_cache_mode = ${mode}`);
        const { rows } = await client.query(`explain (format json) execute explained (${values})`);
        const found = nodes(rows[0]['QUERY PLAN'][0].Plan);
        expect(found.filter((node) => node !== 'Limit')).toEqual(['Index Scan']);
      }
    } finally {
      client.release(true);
    }
  });
});

describe('a connection killed in the middle of appends', () => {
  it('gives clean errors, and repeats of the same calls store everything once', async () => {
    const tenant = newTenant();
    const pool = database.openPool({ max: 3 });
    const shaky = postgresEventLog({ pool });
    const callOf = (n: number) => [write(`k${n}`, -1, event(`${n}`), event(`${n}'`))];
    let calls = 0;
    let appending = true;
    let killed = 0;
    const killer = (async () => {
      while (appending) {
        const { rowCount } = await database.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and query like '%append%' and state = 'active'`,
        );
        killed += rowCount ?? 0;
      }
    })();
    let errors = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        // Goes on until the killer, which is as busy as the machine lets it be, has met one.
        while (calls < 200 || killed === 0) {
          const call = callOf(calls++);
          for (let done = false; !done; ) {
            try {
              const outcome = await shaky.append(tenant, call);
              expect(outcome.kind).toBe('appended');
              done = true;
            } catch (error) {
              expect(error).toBeInstanceOf(Error);
              expect((error as Error).name).not.toBe('AppendRejected');
              errors++;
              // Enough was killed: let the rest through.
              if (errors > 300) appending = false;
            }
          }
        }
      }),
    );
    appending = false;
    await killer;
    await shaky.close();
    await pool.end();
    expect(killed).toBeGreaterThan(0);
    const stored = await log.readAll(tenant, NO_POSITION, calls * 2 + 1);
    expect(stored.map((one) => one.position)).toEqual(Array.from({ length: calls * 2 }, (_, n) => n + 1));
    const all = await log.readStreams(
      tenant,
      Array.from({ length: calls }, (_, n) => `k${n}` as StreamName),
    );
    expect(all.size).toBe(calls);
    expect([...all.values()].every((events) => events.length === 2)).toBe(true);
  });
});

describe('two processes on one tenant', () => {
  it('share one order without gaps and without deadlocks', async () => {
    const tenant = newTenant();
    const pools = [database.openPool({ max: 4 }), database.openPool({ max: 4 })];
    const logs = pools.map((pool) => postgresEventLog({ pool }));
    const tenants = [tenant, newTenant(), newTenant()];
    await Promise.all(
      Array.from({ length: 240 }, (_, n) =>
        logs[n % 2]!.append(tenants[n % 3]!, [write(`s${n}`, -1, event('a')), write(`t${n}`, -1, event('b'))]),
      ),
    );
    for (const one of tenants) {
      const stored = await log.readAll(one, NO_POSITION, 1_000);
      expect(stored.map((event) => event.position)).toEqual(Array.from({ length: 160 }, (_, n) => n + 1));
    }
    expect(await log.readStream(tenant, stream('s0'))).toHaveLength(1);
    for (const one of logs) await one.close();
    for (const pool of pools) await pool.end();
  });
});
