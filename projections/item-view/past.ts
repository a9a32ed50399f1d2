/**
 * Questions about the folders of an earlier position. A row whose last change lies at or before it is still what it was
 * then; of the others only the names are told, since their streams must be folded.
 */
import { type Kysely, sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { CollectionId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { ItemRow } from './read.ts';

export class PastRowsReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** Rows that changed last after the one position and not after the other, in order, at most `limit`. */
  async changedBetween(
    tenant: TenantId,
    collection: CollectionId,
    { after, upTo }: { readonly after: Position; readonly upTo: Position },
    limit: number,
  ): Promise<ItemRow[]> {
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, content, ends_at, open from item_view
      where tenant = ${tenant} and collection = ${collection} and position > ${after} and position <= ${upTo}
      order by position, item limit ${limit}
    `.execute(this.#db);
    return rows;
  }

  /** Items that changed last at or before the position, without their content, tombstones left out. */
  async outlineUpTo(tenant: TenantId, collection: CollectionId, upTo: Position): Promise<Omit<ItemRow, 'content'>[]> {
    const { rows } = await sql<ItemRow>`
      select item, kind, owner, collection, position, version, deleted, ends_at, open from item_view
      where tenant = ${tenant} and collection = ${collection} and position <= ${upTo} and not deleted
      order by position, item
    `.execute(this.#db);
    return rows;
  }

  /** The last change of a row that did not change after the position; 0 when there is none. */
  async lastUpTo(tenant: TenantId, collection: CollectionId, upTo: Position): Promise<Position> {
    const { rows } = await sql<{ position: Position | null }>`
      select max(position) as position from item_view
      where tenant = ${tenant} and collection = ${collection} and position <= ${upTo}
    `.execute(this.#db);
    return Number(rows[0]?.position ?? 0) as Position;
  }

  /** Items whose row here changed after the position: what they were then only their streams know. */
  async changedAfter(
    tenant: TenantId,
    collection: CollectionId,
    position: Position,
  ): Promise<{ readonly item: ItemId; readonly kind: ItemKind }[]> {
    const { rows } = await sql<{ item: ItemId; kind: ItemKind }>`
      select item, kind from item_view
      where tenant = ${tenant} and collection = ${collection} and position > ${position}
    `.execute(this.#db);
    return rows;
  }
}

/** What a past folder asks of the read model; never anything that writes. */
export type PastRows = Pick<PastRowsReader, keyof PastRowsReader>;
