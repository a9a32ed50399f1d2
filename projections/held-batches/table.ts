/**
 * What the guard against mass deletes keeps back, by batch: whose device, in which folder, how much, and what a person
 * decided. The commands themselves stay in the sealed stream of the conversation.
 */
import { sql } from 'kysely';
import type { AccountId, CollectionId, DeviceKey, Position, TenantId } from '../../domain/shared/ids.ts';
import type { SyncEventData } from '../../domain/sync/events.ts';
import type { Migration } from '../runner/projection.ts';

export interface HeldBatchTable {
  tenant: TenantId;
  batch: string;
  account: AccountId;
  device: DeviceKey;
  collection: CollectionId;
  /** By which command the device asked. */
  asked_by: SyncEventData['CommandsHeld']['by'];
  items: number;
  /** What the folder held when it began. */
  items_before: number;
  held_at: Date;
  last_at: Date;
  state: 'open' | 'released' | 'discarded';
  decided_at: Date | null;
  /** Of the event that began it. */
  position: Position;
}

export const heldBatchesMigration: Migration = {
  name: '0230_held_batches',
  async up(db) {
    await sql`
      create table held_batch (
        tenant text not null,
        batch text not null,
        account text not null,
        device text not null,
        collection text not null,
        asked_by text not null,
        items integer not null,
        items_before integer not null,
        held_at timestamptz not null,
        last_at timestamptz not null,
        state text not null,
        decided_at timestamptz,
        position bigint not null,
        primary key (tenant, batch)
      )`.execute(db);
    await sql`create index held_batch_by_batch on held_batch (batch)`.execute(db);
    await sql`create index held_batch_by_account on held_batch (tenant, account, held_at, batch)`.execute(db);
    await sql`create index held_batch_by_time on held_batch (held_at, batch)`.execute(db);
  },
};
