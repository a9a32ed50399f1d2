/**
 * Who there is, and by which names people sign in. Everything else about a person stays in the sealed stream: these
 * rows hold what must be searched for, and nothing more.
 */
import { sql } from 'kysely';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface AccountViewTable {
  account: AccountId;
  tenant: TenantId;
  email: string;
  /** Name of the office system; null is a person without an office. */
  office: string | null;
  created_at: Date;
}

export interface AccountLoginTable {
  /** The whole email or alias, normalized. */
  name: string;
  /** What stands before the `@`, or the whole of an alias without one. */
  local_part: string;
  account: AccountId;
  tenant: TenantId;
  is_email: boolean;
}

export const accountsMigration: Migration = {
  name: '0110_accounts',
  async up(db) {
    await sql`
      create table account_view (
        account text primary key,
        tenant text not null,
        email text not null,
        office text,
        created_at timestamptz not null
      )`.execute(db);
    await sql`create unique index account_view_by_email on account_view (email)`.execute(db);
    await sql`
      create table account_login (
        name text not null,
        local_part text not null,
        account text not null,
        tenant text not null,
        is_email boolean not null,
        primary key (name, account)
      )`.execute(db);
    await sql`create index account_login_by_local_part on account_login (local_part)`.execute(db);
    await sql`create index account_login_by_account on account_login (account)`.execute(db);
  },
};
