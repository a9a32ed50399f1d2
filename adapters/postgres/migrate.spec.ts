import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { freshDatabase } from '../../test/postgres.ts';
import { migrate, type NamedMigration } from './migrate.ts';
import { migrations } from './migrations/index.ts';

const step = (name: string, statement: string): NamedMigration => ({
  name,
  up: async (db) => {
    await sql.raw(statement).execute(db);
  },
});

it('runs each step once, however many processes start at the same time', async () => {
  const { openPool } = await freshDatabase();
  const steps = [...migrations, step('9000-one', 'create table one ()'), step('9001-two', 'create table two ()')];
  const pools = Array.from({ length: 4 }, () => openPool({ max: 2 }));
  const ran = await Promise.all(pools.map((pool) => migrate(pool, steps)));
  expect(ran.flat().sort()).toEqual(['9000-one', '9001-two']);
  for (const pool of pools) await pool.end();
});

it('runs a step of a module that came later, though its name sorts first', async () => {
  const { pool } = await freshDatabase();
  expect(await migrate(pool, [...migrations, step('0000-late', 'create table late ()')])).toEqual(['0000-late']);
});

it('leaves nothing of a step that fails, and says why', async () => {
  const { pool } = await freshDatabase();
  const failing = step('9000-fails', 'create table half (); select * from nowhere');
  await expect(migrate(pool, [...migrations, failing])).rejects.toThrow('nowhere');
  expect((await pool.query("select to_regclass('half') as found")).rows).toEqual([{ found: null }]);
});

it('refuses two steps of one name', async () => {
  const { pool } = await freshDatabase();
  await expect(migrate(pool, [step('a', ''), step('a', '')])).rejects.toThrow('two migrations are called a');
});
