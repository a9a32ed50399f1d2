/** Questions to the item view. All are answered by an index, in proportion to what changed. */
import { type Kysely, sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';

export interface ItemRow {
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly owner: AccountId;
  readonly collection: CollectionId;
  readonly position: Position;
  readonly version: number;
  readonly deleted: boolean;
  readonly content: Buffer | null;
  readonly ends_at: Date | null;
  readonly open: boolean;
}

export class ItemViewReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** The folder's rows that changed after the position, tombstones included, in order, at most `limit`. */
  async changedSince(tenant: TenantId, collection: CollectionId, after: Position, limit: number): Promise<ItemRow[]> {
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, content, ends_at, open from item_view
      where tenant = ${tenant} and collection = ${collection} and position > ${after}
      order by position, item limit ${limit}
    `.execute(this.#db);
    return rows;
  }

  /** Rows of one folder by item, tombstones included. */
  async byItems(tenant: TenantId, collection: CollectionId, items: readonly ItemId[]): Promise<ItemRow[]> {
    if (items.length === 0) return [];
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, content, ends_at, open from item_view
      where tenant = ${tenant} and collection = ${collection} and item = any(${items}::text[])
    `.execute(this.#db);
    return rows;
  }

  /** Where the items are now; removed ones included. */
  async locate(tenant: TenantId, items: readonly ItemId[]): Promise<Map<ItemId, ItemRow>> {
    if (items.length === 0) return new Map();
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, content, ends_at, open from item_view
      where tenant = ${tenant} and item = any(${items}::text[]) and current
    `.execute(this.#db);
    return new Map(rows.map((row) => [row.item, row]));
  }

  /** All items of a folder without their content, tombstones left out: for a full difference. */
  async outline(tenant: TenantId, collection: CollectionId): Promise<Omit<ItemRow, 'content'>[]> {
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, ends_at, open from item_view
      where tenant = ${tenant} and collection = ${collection} and not deleted order by position, item
    `.execute(this.#db);
    return rows;
  }

  /** How many items a folder holds. */
  async count(tenant: TenantId, collection: CollectionId): Promise<number> {
    const { rows } = await sql<{ items: string }>`
      select count(*) as items from item_view where tenant = ${tenant} and collection = ${collection} and not deleted
    `.execute(this.#db);
    return Number(rows[0]?.items ?? 0);
  }

  /** The position of the folder's last change; 0 when it never held anything. */
  async lastChange(tenant: TenantId, collection: CollectionId): Promise<Position> {
    const { rows } = await sql<{ position: Position | null }>`
      select max(position) as position from item_view where tenant = ${tenant} and collection = ${collection}
    `.execute(this.#db);
    return Number(rows[0]?.position ?? 0) as Position;
  }
}

/** The same questions, whoever answers them: a past can be asked in the place of the rows. */
export type ItemView = Pick<ItemViewReader, keyof ItemViewReader>;
