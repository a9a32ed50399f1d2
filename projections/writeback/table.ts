/**
 * What the office must still hear of, a row an event. The key is the event's id: however often the log is folded, an
 * intent is made once, and one that is settled stays settled. Rows send nothing; the worker that claims them does.
 */
import { sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, EventId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface WriteBackIntentTable {
  event_id: EventId;
  tenant: TenantId;
  item: ItemId;
  kind: ItemKind;
  /** Who acts in the office; null until the worker knows whose item it is. */
  account: AccountId | null;
  /** Of the event in the item's stream. */
  revision: number;
  position: number;
  /** Null: open. */
  outcome: 'done' | 'refused' | null;
  reason: string | null;
  attempts: number;
  /** Milliseconds since 1970, by the worker's clock. */
  next_at: number;
  lease_until: number;
}

export const writeBackMigration: Migration = {
  name: '0150_writeback',
  async up(db) {
    await sql`
      create table writeback_intent (
        event_id uuid primary key,
        tenant text not null,
        item text not null,
        kind text not null,
        account text,
        revision integer not null,
        position bigint not null,
        outcome text,
        reason text,
        attempts integer not null default 0,
        next_at bigint not null default 0,
        lease_until bigint not null default 0
      ) with (fillfactor = 70)`.execute(db);
    await sql`
      create index writeback_intent_due on writeback_intent (next_at, position) where outcome is null`.execute(db);
    await sql`
      create index writeback_intent_by_item on writeback_intent (tenant, item, position)
      where outcome is null`.execute(db);
    await sql`
      create index writeback_intent_by_account on writeback_intent (tenant, account)
      where outcome is distinct from 'done'`.execute(db);
    await sql`
      create table writeback_account (
        tenant text not null,
        account text not null,
        primary key (tenant, account)
      )`.execute(db);
  },
};
