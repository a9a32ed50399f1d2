/**
 * A restore is more than its rows: until conversations go on in epochs of their own, no phone may be served. So the
 * transaction that puts the rows back says that it is under way, and the end of it takes that back.
 */
import { sql } from 'kysely';
import type pg from 'pg';
import type { NamedMigration } from '../postgres/migrate.ts';

export const restoreMigration: NamedMigration = {
  name: '0005-restore',
  up: async (db) => {
    await sql`create table restore_under_way (folder text not null, at timestamptz not null default now())`.execute(db);
  },
};

/** In the transaction that loads: from its commit on the server does not start until {@link endRestore}. */
export async function beginRestore(client: Pick<pg.PoolClient, 'query'>, folder: string): Promise<void> {
  await client.query('insert into restore_under_way (folder) values ($1)', [folder]);
}

/** The log is whole and read models, anchors and epochs fit it. */
export async function endRestore(client: Pick<pg.Pool, 'query'>): Promise<void> {
  await client.query('delete from restore_under_way');
}

/** The folder of a restore that was cut short; undefined ordinarily. */
export async function restoreUnderWay(client: Pick<pg.Pool, 'query'>): Promise<string | undefined> {
  const { rows } = await client.query<{ folder: string }>('select folder from restore_under_way limit 1');
  return rows[0]?.folder;
}
