import { type Kysely, sql } from 'kysely';
import type { Known } from '../../domain/office/observe.ts';
import type { CollectionId, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';

/** A record as last seen, with the revision of the link stream that says so. */
export interface BaselineRow extends Known {
  readonly revision: number;
}

export class OfficeBaselineReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** Every record known of a collection: one index scan, no content. */
  async ofHome(tenant: TenantId, home: CollectionId): Promise<BaselineRow[]> {
    const { rows } = await sql<BaselineRow>`
      select item, record, hash, missing, revision from office_baseline where tenant = ${tenant} and home = ${home}
    `.execute(this.#db);
    return rows;
  }

  /** Whether a record is known of any of the collections. */
  async hasAny(tenant: TenantId, homes: readonly CollectionId[]): Promise<boolean> {
    const { rows } = await sql`
      select 1 from office_baseline where tenant = ${tenant} and home = any(${homes}::text[]) limit 1
    `.execute(this.#db);
    return rows.length > 0;
  }
}
