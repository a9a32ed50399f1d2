import { sql } from 'kysely';
import type { NamedMigration } from '../../postgres/migrate.ts';

export const dataKeysMigrations: readonly NamedMigration[] = [
  {
    name: '0002-data-keys',
    up: async (db) => {
      await sql`
        create table data_keys (
          tenant text collate "C" not null,
          subject text collate "C" not null,
          owner text collate "C" not null,
          wrapped bytea,
          created_at timestamptz not null default now(),
          destroyed_at timestamptz,
          primary key (tenant, subject),
          check ((wrapped is null) = (destroyed_at is not null))
        )`.execute(db);
      await sql`create index data_keys_owner on data_keys (tenant, owner)`.execute(db);
    },
  },
];
