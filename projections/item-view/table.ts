/**
 * Every item as it is now, by folder, in the order of its last change: what a device's next answer is read from. A
 * removed item stays as a tombstone for the devices that still hold it; a moved one leaves a tombstone behind that is
 * not `current`.
 */
import { type Kysely, sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase, Migration } from '../runner/projection.ts';

export interface ItemViewTable {
  tenant: TenantId;
  collection: CollectionId;
  item: ItemId;
  kind: ItemKind;
  owner: AccountId;
  /** Of the last event that changed the row. */
  position: Position;
  /** Revision of that event in the item's stream. */
  version: number;
  deleted: boolean;
  current: boolean;
  /** Fields as JSON, sealed with the item's key; null in tombstones. */
  content: Buffer | null;
  /** When the last occurrence of an appointment ends; null for endless series and other classes. */
  ends_at: Date | null;
  /** False for completed tasks: MS-ASCMD FilterType 8. */
  open: boolean;
}

export const itemViewMigration: Migration = {
  name: '0100_item_view',
  async up(db: Kysely<AnyDatabase>) {
    await sql`
      create table item_view (
        tenant text not null,
        collection text not null,
        item text not null,
        kind text not null,
        owner text not null,
        position bigint not null,
        version integer not null,
        deleted boolean not null,
        current boolean not null,
        content bytea,
        ends_at timestamptz,
        open boolean not null,
        primary key (tenant, collection, item)
      )`.execute(db);
    await sql`create unique index item_view_by_position on item_view (tenant, collection, position, item)`.execute(db);
    await sql`create index item_view_by_item on item_view (tenant, item) where current`.execute(db);
  },
};
