import { beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase } from '../../../test/postgres.ts';
import { createPool } from '../../postgres/pool.ts';
import { event, newTenant, write } from '../contract.ts';
import { LogSealed } from '../port.ts';
import { postgresEventLog } from './log.ts';
import { passingSeal, sealPostgresLog, unsealPostgresLog } from './seal.ts';

const { pool, connection } = await freshDatabase();
const log = postgresEventLog({ pool });
beforeEach(() => unsealPostgresLog(pool));

describe('a sealed log in PostgreSQL', () => {
  it('refuses appends of one event, of several, and again of known ones beside new ones; and keeps what it has', async () => {
    const tenant = newTenant();
    const known = event('a');
    await log.append(tenant, [write('s', -1, known)]);
    await sealPostgresLog(pool);
    await sealPostgresLog(pool);
    const refused = [
      [write('s', 0, event('b'))],
      [write('s', 0, event('b')), write('t', -1, event('c'))],
      [write('s', 0, event('b')), write('s', 1, event('c'))],
      [write('s', -1, known), write('t', -1, event('c'))],
    ];
    for (const writes of refused) await expect(log.append(tenant, writes)).rejects.toThrow(LogSealed);
    expect(await log.head(tenant)).toBe(1);
    await unsealPostgresLog(pool);
    await log.append(tenant, [write('s', 0, event('b'))]);
    expect(await log.head(tenant)).toBe(2);
  });

  it('takes those of the copy', async () => {
    await sealPostgresLog(pool);
    const passing = createPool({
      ...{ connection, applicationName: 'test', max: 2, settings: passingSeal, onError: () => {} },
    });
    const tenant = newTenant();
    await postgresEventLog({ pool: passing }).append(tenant, [write('s', -1, event('a'))]);
    await passing.end();
    expect(await log.head(tenant)).toBe(1);
  });

  it('leaves nothing behind that an append of an open log would pay for', async () => {
    const triggers = `select from pg_trigger where tgrelid = 'events'::regclass and tgtype & 4 = 4`;
    expect((await pool.query(triggers)).rowCount).toBe(0);
    await sealPostgresLog(pool);
    expect((await pool.query(triggers)).rowCount).toBe(1);
    await unsealPostgresLog(pool);
    expect((await pool.query(triggers)).rowCount).toBe(0);
  });

  it('waits for the append that is under way, which is stored', async () => {
    const tenant = newTenant();
    const client = await pool.connect();
    await client.query('begin');
    await client.query(
      `select append_event($1, 's', -1, gen_random_uuid(), 'Noted', 1, now(), '\\x00', decode(repeat('00', 32), 'hex'))`,
      [tenant],
    );
    let isSealed = false;
    const sealed = sealPostgresLog(pool).then(() => {
      isSealed = true;
    });
    await expect
      .poll(async () => (await pool.query('select from pg_locks where not granted')).rowCount, { interval: 5 })
      .toBeGreaterThan(0);
    expect(isSealed).toBe(false);
    await client.query('commit');
    client.release();
    await sealed;
    expect(await log.head(tenant)).toBe(1);
    await expect(log.append(tenant, [write('s', 0, event('b'))])).rejects.toThrow(LogSealed);
  });
});
