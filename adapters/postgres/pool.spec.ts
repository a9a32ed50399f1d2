import { beforeAll, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';

describe('the pool', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  it('reads bigint as a number, also in arrays, and refuses one that is no safe integer', async () => {
    const { rows } = await database.pool.query(
      'select 9007199254740991::bigint as one, array[1, -2]::bigint[] as many',
    );
    expect(rows).toEqual([{ one: Number.MAX_SAFE_INTEGER, many: [1, -2] }]);
    await expect(database.pool.query('select 9007199254740992::bigint')).rejects.toThrow(RangeError);
  });

  it('speaks UTC and limits how long a statement and an idle transaction take', async () => {
    for (const [name, value] of [
      ['TimeZone', 'UTC'],
      ['statement_timeout', '30s'],
      ['idle_in_transaction_session_timeout', '30s'],
      ['application_name', 'test'],
    ])
      expect((await database.pool.query(`show ${name}`)).rows[0]).toEqual({ [name!]: value });
  });

  it('replaces a connection that was killed while idle', async () => {
    const pool = database.openPool({ max: 1 });
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    const failed = new Promise((resolve) => pool.once('error', resolve));
    await database.pool.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await failed;
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});
