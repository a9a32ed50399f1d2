import { sql } from 'kysely';
import type { NamedMigration } from '../../../postgres/migrate.ts';

/**
 * Nodes that live, and which of them has which tenant. A node that died is one whose row is gone: whoever finds it
 * expired deletes it, and what it had is nobody's in that same moment.
 */
export const nodesMigration: NamedMigration = {
  name: '0020-nodes',
  up: async (db) => {
    await sql`
      create table node (
        id uuid primary key,
        host text not null,
        pid integer not null,
        process_space text not null,
        version text not null,
        is_working boolean not null default true,
        started_at timestamptz not null,
        expires_at timestamptz not null
      ) with (fillfactor = 50)`.execute(db);
    await sql`
      create table tenant_owner (
        tenant text collate "C" primary key,
        node uuid references node on delete set null,
        since timestamptz not null
      ) with (fillfactor = 70)`.execute(db);
    await sql`create index tenant_owner_by_node on tenant_owner (node)`.execute(db);
  },
};
