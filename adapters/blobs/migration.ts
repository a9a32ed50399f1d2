import { sql } from 'kysely';
import type { NamedMigration } from '../postgres/migrate.ts';

/** Sealed bytes do not compress, so none is tried: `external` keeps them out of line as they are. */
export const blobsMigration: NamedMigration = {
  name: '0003-blobs',
  up: async (db) => {
    await sql`
      create table blobs (
        tenant text collate "C" not null,
        hash text collate "C" not null check (hash ~ '^[0-9a-f]{64}$'),
        bytes bytea not null,
        created_at timestamptz not null default clock_timestamp(),
        primary key (tenant, hash)
      )`.execute(db);
    await sql`alter table blobs alter column bytes set storage external`.execute(db);
  },
};
