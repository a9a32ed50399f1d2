/** Brings a database to the present schema. Safe when several processes start at once: Kysely's migrator locks. */
import { Kysely, type Migration, Migrator, PostgresDialect } from 'kysely';
import type pg from 'pg';

/** A step of the schema. Names sort in the order they run and never change: `0100-item-view`. */
export interface NamedMigration {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a migration sees tables no present type describes
  readonly up: (db: Kysely<any>) => Promise<void>;
}

/**
 * Runs what is missing, each step in a transaction, and answers with the names of what it ran.
 * @throws Error of the step that failed; steps before it stay.
 */
export async function migrate(pool: pg.Pool, migrations: readonly NamedMigration[]): Promise<string[]> {
  const named: Record<string, Migration> = {};
  for (const { name, up } of migrations) {
    if (named[name]) throw new Error(`two migrations are called ${name}`);
    named[name] = { up };
  }
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: borrowed(pool) }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => named },
    // Projections bring their own steps, so a new one may sort before some that have run.
    allowUnorderedMigrations: true,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error) throw error;
  return (results ?? []).map((result) => result.migrationName);
}

/** Kysely ends the pool it was given; this one belongs to the caller. */
function borrowed(pool: pg.Pool): pg.Pool {
  return Object.assign(Object.create(pool), { end: async () => {} });
}
