/**
 * What happened to items, one row an event of an item's stream or of its `writeback-` stream: who, where, by which
 * way, and the names of the fields it touched. No values: those stay sealed in the log. Auditors narrow by it what
 * they then open.
 */
import { sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type {
  AccountId,
  CollectionId,
  DeviceKey,
  EventId,
  ItemId,
  Position,
  TenantId,
} from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface ItemEventTable {
  tenant: TenantId;
  position: Position;
  item: ItemId;
  /** Null for the record of an item that was erased. */
  kind: ItemKind | null;
  /** Of the item's `writeback-` stream; else of the item's own. */
  link: boolean;
  /** In that stream. */
  revision: number;
  event_id: EventId;
  /** As stored; `Forgotten` once the item's key was destroyed. */
  type: string;
  /** `Added`, `Changed` … where the type is one of a class; null for all others. */
  verb: string | null;
  recorded_at: Date;
  at: Date;
  actor: Actor['kind'];
  /** The person who acted, or whose office did. */
  account: AccountId | null;
  device: DeviceKey | null;
  /** Whose item it is, and where it lies after the event; null where the item was erased. */
  owner: AccountId | null;
  collection: CollectionId | null;
  /** Of the event's cause: see `Cause`. */
  command: string | null;
  exchange: string | null;
  /** Paths set, cleared or contested; none where the event touches no field. */
  fields: string[];
}

export const itemLogMigration: Migration = {
  name: '0200_item_log',
  async up(db) {
    await sql`
      create table item_event (
        tenant text not null,
        position bigint not null,
        item text not null,
        kind text,
        link boolean not null,
        revision integer not null,
        event_id uuid not null,
        type text not null,
        verb text,
        recorded_at timestamptz not null,
        at timestamptz not null,
        actor text not null,
        account text,
        device text,
        owner text,
        collection text,
        command text,
        exchange text,
        fields text[] not null,
        primary key (tenant, position)
      )`.execute(db);
    // Ids of items are of no tenant: one look finds whose it is.
    await sql`create index item_event_by_item on item_event (item, position)`.execute(db);
    await sql`create index item_event_by_owner on item_event (tenant, owner, position)`.execute(db);
    await sql`create index item_event_by_account on item_event (tenant, account, position)`.execute(db);
    await sql`
      create index item_event_by_device on item_event (tenant, device, position) where device is not null`.execute(db);
  },
};
