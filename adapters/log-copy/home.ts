/**
 * Which log holds the events that the rows, keys and bodies of this database belong to. A server that was given
 * another would begin anew beside them; so it looks here before it starts, and a move of the log says here where it is.
 */
import { sql } from 'kysely';
import type pg from 'pg';
import type { NamedMigration } from '../postgres/migrate.ts';

/** Logs that outlive a process, as `EVENT_LOG` names them. */
export const logNames = ['postgres', 'eventstoredb'] as const;
export type LogName = (typeof logNames)[number];

export interface LogHome {
  readonly log: LogName;
  /** The log is sealed, and the rest of it goes there: until that is done nobody may append to either. */
  readonly movingTo?: LogName;
}

type Queryable = Pick<pg.Pool, 'query'>;

export const logHomeMigration: NamedMigration = {
  name: '0006-log-home',
  up: async (db) => {
    await sql`create table log_home (
      is_only boolean primary key default true check (is_only),
      log text not null,
      moving_to text,
      since timestamptz not null default now()
    )`.execute(db);
    await sql`insert into log_home (log) select 'postgres' where exists (select from events)`.execute(db);
  },
};

/** Undefined while no server was ever started on the database. */
export async function readLogHome(pool: Queryable): Promise<LogHome | undefined> {
  const { rows } = await pool.query<{ log: LogName; moving_to: LogName | null }>('select log, moving_to from log_home');
  const [row] = rows;
  return row && { log: row.log, ...(row.moving_to ? { movingTo: row.moving_to } : {}) };
}

/** The home, which is `log` from now on where no log was named yet, or the one that was named was never used. */
export async function claimLogHome(pool: Queryable, log: LogName): Promise<LogHome> {
  await pool.query(
    `insert into log_home (log) values ($1) on conflict (is_only) do update set log = excluded.log, since = now()
      where log_home.moving_to is null and not exists (select from events)
        and not exists (select from projection_checkpoint where position > 0)`,
    [log],
  );
  return (await readLogHome(pool))!;
}

/** From here on no server starts, until {@link endMove} or {@link giveUpMove}. */
export async function beginMove(pool: Queryable, to: LogName): Promise<void> {
  await pool.query('update log_home set moving_to = $1', [to]);
}

/** The events are in the other log, and servers start there. */
export async function endMove(pool: Queryable): Promise<void> {
  await pool.query('update log_home set log = moving_to, moving_to = null, since = now() where moving_to is not null');
}

/** The log stays where it is. */
export async function giveUpMove(pool: Queryable): Promise<void> {
  await pool.query('update log_home set moving_to = null');
}
