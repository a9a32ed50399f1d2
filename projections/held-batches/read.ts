/** Questions about held batches, for support. */
import { type Kysely, sql } from 'kysely';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { HeldBatchTable } from './table.ts';

export interface HeldBatchQuery {
  /** Everybody's unless told. */
  readonly person?: { readonly tenant: TenantId; readonly account: AccountId };
  readonly isOpenOnly: boolean;
  readonly limit: number;
  /** The last batch of the page before. */
  readonly after?: string;
}

export class HeldBatchReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** The newest first. */
  async list({ person, isOpenOnly, limit, after }: HeldBatchQuery): Promise<HeldBatchTable[]> {
    const [tenant, account] = [person?.tenant ?? null, person?.account ?? null];
    const { rows } = await sql<HeldBatchTable>`
      select h.* from held_batch h
      where (${tenant}::text is null or (h.tenant = ${tenant} and h.account = ${account}))
        and (h.state = 'open' or not ${isOpenOnly})
        and (${after ?? null}::text is null
          or (h.held_at, h.batch) < (select a.held_at, a.batch from held_batch a where a.batch = ${after ?? null}))
      order by h.held_at desc, h.batch desc limit ${limit}
    `.execute(this.#db);
    return rows;
  }

  async find(batch: string): Promise<HeldBatchTable | undefined> {
    const { rows } = await sql<HeldBatchTable>`select * from held_batch where batch = ${batch}`.execute(this.#db);
    return rows[0];
  }

  /** How many of the person's batches wait for a word. */
  async countOpen(tenant: TenantId, account: AccountId): Promise<number> {
    const { rows } = await sql<{ open: string }>`
      select count(*) as open from held_batch where tenant = ${tenant} and account = ${account} and state = 'open'
    `.execute(this.#db);
    return Number(rows[0]?.open ?? 0);
  }
}
