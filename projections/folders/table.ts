/** Which folders there are and whom they are shown to. Their names stay in the sealed stream. */
import { sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, TenantId } from '../../domain/shared/ids.ts';
import type { Migration } from '../runner/projection.ts';

export interface FolderViewTable {
  collection: CollectionId;
  account: AccountId;
  tenant: TenantId;
  kind: ItemKind;
  wire_type: number;
  access: 'read' | 'write';
  /** Another person's folder: whose, and which of theirs. */
  owner: AccountId | null;
  source: CollectionId | null;
}

export const foldersMigration: Migration = {
  name: '0130_folders',
  async up(db) {
    await sql`
      create table folder_view (
        collection text not null,
        account text not null,
        tenant text not null,
        kind text not null,
        wire_type smallint not null,
        access text not null,
        owner text,
        source text,
        primary key (account, collection)
      )`.execute(db);
    await sql`create index folder_view_by_source on folder_view (source) where source is not null`.execute(db);
    await sql`create index folder_view_by_collection on folder_view (collection)`.execute(db);
  },
};
