import { sql } from 'kysely';
import type { NamedMigration } from '../../postgres/migrate.ts';

/**
 * Facts hold no personal content; bodies and the reasons of what was withheld are sealed. Ids are in the order of time,
 * so the primary keys serve listings and the sweep alike.
 */
export const exchangeRecordMigration: NamedMigration = {
  name: '0010-exchange-record',
  up: async (db) => {
    await sql`
      create table exchange (
        id uuid primary key,
        tenant text not null,
        account text not null,
        device text not null,
        at timestamptz not null,
        duration_ms integer not null,
        waited_ms integer not null,
        command text not null,
        version smallint not null,
        http_status smallint not null,
        status smallint,
        request_bytes integer not null,
        answer_bytes integer not null,
        position bigint not null,
        collections jsonb not null,
        verdicts text[] not null,
        causes text[] not null,
        app_version text not null,
        mapping_version integer not null,
        has_body boolean not null
      )`.execute(db);
    await sql`create index exchange_by_device on exchange (device, id)`.execute(db);
    await sql`create index exchange_by_account on exchange (account, id)`.execute(db);
    await sql`create index exchange_suspicious on exchange (id) where verdicts <> '{}'`.execute(db);
    await sql`
      create table exchange_body (
        id uuid primary key,
        account text not null,
        sealed bytea not null
      )`.execute(db);
    await sql`alter table exchange_body alter column sealed set storage external`.execute(db);
    await sql`create index exchange_body_by_account on exchange_body (account)`.execute(db);
    await sql`
      create table exchange_quiet (
        device text not null,
        command text not null,
        hour timestamptz not null,
        tenant text not null,
        account text not null,
        first_at timestamptz not null,
        last_at timestamptz not null,
        times bigint not null,
        primary key (device, command, hour)
      ) with (fillfactor = 70)`.execute(db);
    await sql`create index exchange_quiet_by_hour on exchange_quiet (hour)`.execute(db);
    await sql`create index exchange_quiet_by_account on exchange_quiet (account)`.execute(db);
    await sql`
      create table exchange_withheld (
        tenant text not null,
        device text not null,
        item text not null,
        account text not null,
        collection text not null,
        reason bytea,
        first_at timestamptz not null,
        last_at timestamptz not null,
        times integer not null,
        exchange uuid not null,
        primary key (tenant, device, item)
      )`.execute(db);
    await sql`create index exchange_withheld_by_time on exchange_withheld (last_at)`.execute(db);
    await sql`create index exchange_withheld_by_account on exchange_withheld (account)`.execute(db);
    await sql`
      create table exchange_watch_all (
        one boolean primary key default true check (one),
        until timestamptz not null,
        by text
      )`.execute(db);
  },
};
