import { type Kysely, sql } from 'kysely';
import type { AccountId, CollectionId, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { FolderViewTable } from './table.ts';

export interface FolderShare {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly collection: CollectionId;
}

export class FoldersReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** The folders of other people that show this collection. */
  async showing(source: CollectionId): Promise<FolderShare[]> {
    const { rows } = await sql<FolderViewTable>`
      select tenant, account, collection from folder_view where source = ${source} order by account
    `.execute(this.#db);
    return rows.map(({ tenant, account, collection }) => ({ tenant, account, collection }));
  }

  /** Whose folder a collection is: the account that writes into it. */
  async ownerOf(collection: CollectionId): Promise<AccountId | undefined> {
    const { rows } = await sql<FolderViewTable>`
      select account from folder_view where collection = ${collection} and owner is null limit 1
    `.execute(this.#db);
    return rows[0]?.account;
  }
}
