import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Forwarder } from '../../test/forwarder.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { isAway } from './away.ts';
import { createKysely } from './kysely.ts';
import { createPool } from './pool.ts';

const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  );

describe('a database that is away', async () => {
  const database = await freshDatabase();

  it('is told from a statement that is wrong', async () => {
    const { pool } = database;
    expect(isAway(await failureOf(pool.query('select nothing')))).toBe(false);
    expect(isAway(await failureOf(pool.query('select 1/0')))).toBe(false);
    expect(isAway(new Error('something'))).toBe(false);
  });

  it('is known by every way it goes: refused, ended under a statement, read-only, too slow, without room', async () => {
    const pool = database.openPool({ max: 2 });
    const refused = createPool({
      connection: 'postgres://nobody@127.0.0.1:1/none',
      applicationName: 'test',
      onError: () => {},
    });
    expect(isAway(await failureOf(refused.query('select 1')))).toBe(true);
    expect(isAway(await failureOf(pool.query('select pg_terminate_backend(pg_backend_pid())')))).toBe(true);
    expect(isAway(await failureOf(pool.query('set transaction read only; create table none ()')))).toBe(true);
    expect(isAway(await failureOf(pool.query(`set statement_timeout = 20; select pg_sleep(5)`)))).toBe(true);
    for (const code of ['53100', '53300', '57P03', '08006', 'ETIMEDOUT'])
      expect(isAway(Object.assign(new Error('so'), { code }))).toBe(true);
    expect(isAway(new Error('wrapped', { cause: Object.assign(new Error('so'), { code: '57P01' }) }))).toBe(true);
    await Promise.all([refused.end(), pool.end()]);
  });

  it('that says nothing any more is given up on, and the connection with it', async () => {
    const { host, port } = database.connection;
    const line = await Forwarder.to(`${host}/.s.PGSQL.${port}`);
    const pool = createPool({
      connection: { ...database.connection, host: '127.0.0.1', port: line.port },
      applicationName: 'test',
      statementTimeoutMs: 100,
      onError: () => {},
    });
    const db = createKysely<unknown>(pool);
    const ask = async (text: string) => (await sql<{ text: string }>`select ${text} as text`.execute(db)).rows[0]?.text;
    // A connection for each of the two that then wait in vain.
    expect((await Promise.all([ask('one'), pool.query('select pg_sleep(0.05)')]))[0]).toBe('one');
    line.isSilent = true;
    const [throughKysely, direct] = await Promise.all([failureOf(ask('two')), failureOf(pool.query('select 1'))]);
    expect([isAway(throughKysely), isAway(direct)]).toEqual([true, true]);
    line.isSilent = false;
    expect(await ask('three')).toBe('three');
    await pool.end();
    await line.close();
  }, 30_000);
});

it('pg takes one host and passes over target_session_attrs: the address has to lead to the primary', async () => {
  expect(() => new pg.Client('postgres://u:p@10.0.0.1:5432,10.0.0.2:5432/db')).toThrow('Invalid URL');
  const { host } = new pg.Client('postgres://u:p@/db?host=10.0.0.1,10.0.0.2');
  expect(host).toBe('10.0.0.1,10.0.0.2');
});
