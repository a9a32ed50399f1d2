import { type Kysely, sql } from 'kysely';
import type { CollectionId, DeviceKey, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { ConversationState, Held } from '../../domain/sync/state.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { DeviceKnownTable } from './table.ts';

export interface ConversationRow {
  readonly collection: CollectionId;
  readonly revision: number;
  readonly state: ConversationState;
}

export class SyncViewReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  async conversation(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
  ): Promise<ConversationRow | undefined> {
    const { rows } = await sql<{ revision: number; state: string }>`
      select revision, state from sync_conversation
      where tenant = ${tenant} and device = ${device} and collection = ${collection}
    `.execute(this.#db);
    const row = rows[0];
    return row && { collection, revision: row.revision, state: JSON.parse(row.state) as ConversationState };
  }

  async conversations(tenant: TenantId, device: DeviceKey): Promise<ConversationRow[]> {
    const { rows } = await sql<{ collection: CollectionId; revision: number; state: string }>`
      select collection, revision, state from sync_conversation where tenant = ${tenant} and device = ${device}
      order by collection
    `.execute(this.#db);
    return rows.map((row) => ({ ...row, state: JSON.parse(row.state) as ConversationState }));
  }

  /** What the device acknowledged of these items; those it does not hold are absent. */
  async held(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
    items: readonly ItemId[],
  ): Promise<Map<ItemId, Held>> {
    if (items.length === 0) return new Map();
    const { rows } = await sql<DeviceKnownTable>`
      select item, version, hash from device_known
      where tenant = ${tenant} and device = ${device} and collection = ${collection} and item = any(${items}::text[])
    `.execute(this.#db);
    return new Map(rows.map(({ item, version, hash }) => [item, { version, hash }]));
  }

  async allHeld(tenant: TenantId, device: DeviceKey, collection: CollectionId): Promise<Map<ItemId, Held>> {
    const { rows } = await sql<DeviceKnownTable>`
      select item, version, hash from device_known
      where tenant = ${tenant} and device = ${device} and collection = ${collection}
    `.execute(this.#db);
    return new Map(rows.map(({ item, version, hash }) => [item, { version, hash }]));
  }
}

/** The same questions, whoever answers them: a past can be asked in the place of the rows. */
export type SyncView = Pick<SyncViewReader, keyof SyncViewReader>;
