import { readFileSync } from 'node:fs';
import { sql } from 'kysely';
import type { NamedMigration } from '../../postgres/migrate.ts';

const file = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

export const eventLogMigrations: readonly NamedMigration[] = [
  {
    name: '0001-event-log',
    up: async (db) => {
      await sql.raw(file('schema.sql')).execute(db);
      await sql.raw(file('append.sql')).execute(db);
    },
  },
];
