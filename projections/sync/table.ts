/**
 * The conversations of all devices, and what each device surely holds. `state` is the conversation's two generations
 * as JSON: ids, hashes and options, nothing personal.
 */
import { sql } from 'kysely';
import type { CollectionId, DeviceKey, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface SyncConversationTable {
  tenant: TenantId;
  device: DeviceKey;
  collection: CollectionId;
  /** Of the last event folded into `state`. */
  revision: number;
  state: string;
}

export interface DeviceKnownTable {
  tenant: TenantId;
  device: DeviceKey;
  collection: CollectionId;
  item: ItemId;
  version: number;
  hash: string;
}

export const syncMigration: Migration = {
  name: '0110_sync',
  async up(db) {
    await sql`
      create table sync_conversation (
        tenant text not null,
        device text not null,
        collection text not null,
        revision integer not null,
        state text not null,
        primary key (tenant, device, collection)
      )`.execute(db);
    await sql`
      create table device_known (
        tenant text not null,
        device text not null,
        collection text not null,
        item text not null,
        version integer not null,
        hash text not null,
        primary key (tenant, device, collection, item)
      )`.execute(db);
  },
};
