/**
 * Which record of the office is which item, and the hash it had when last seen: what a crawl compares with. What the
 * record held stays sealed in the item's link stream, which is read only for records that differ.
 */
import { sql } from 'kysely';
import type { CollectionId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface OfficeBaselineTable {
  tenant: TenantId;
  item: ItemId;
  /** The collection of items that the office's collection is shown as. */
  home: CollectionId;
  record: string;
  hash: string;
  /** How many complete listings in a row have lacked the record. */
  missing: number;
  /** Of the last event of the link's stream. */
  revision: number;
}

export const officeBaselineMigration: Migration = {
  name: '0140_office_baseline',
  async up(db) {
    await sql`
      create table office_baseline (
        tenant text not null,
        item text not null,
        home text not null,
        record text not null,
        hash text not null,
        missing smallint not null,
        revision integer not null,
        primary key (tenant, item)
      )`.execute(db);
    await sql`create index office_baseline_by_home on office_baseline (tenant, home)`.execute(db);
  },
};
