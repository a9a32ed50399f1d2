/**
 * What rows there are of somebody or something, and how they go. A rebuild of the read models from a log whose events
 * are forgotten makes the same rows as are left here.
 */
import type pg from 'pg';
import type { AccountId, CollectionId, DeviceKey, ItemId, SubjectId, TenantId } from '../../../domain/shared/ids.ts';
import { unhurried } from '../../postgres/unhurried.ts';

export interface Share {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly collection: CollectionId;
  readonly source: CollectionId | null;
}

export class Traces {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** The subjects whose keys the subject's own wraps, at any depth, with itself. */
  async subjectsBelow(tenant: TenantId, subject: SubjectId): Promise<SubjectId[]> {
    const { rows } = await this.#pool.query<{ subject: SubjectId }>(
      `with recursive below as (
          select $2::text collate "C" as subject
          union select k.subject from below b join data_keys k on k.tenant = $1 and k.owner = b.subject
        ) select subject from below`,
      [tenant, subject],
    );
    return rows.map((row) => row.subject);
  }

  /** The subject itself, and those whose keys wrap its own: to erase one of them is to erase it. Also once erased. */
  async subjectsAbove(tenant: TenantId, subject: SubjectId): Promise<SubjectId[]> {
    const { rows } = await this.#pool.query<{ subject: SubjectId }>(
      `with recursive above as (
          select $2::text collate "C" as subject
          union select k.owner from above a join data_keys k on k.tenant = $1 and k.subject = a.subject
        ) select subject from above`,
      [tenant, subject],
    );
    return rows.map((row) => row.subject);
  }

  /** Whether the item's write-backs wait still, and why the last was refused. */
  async openWriteBacks(tenant: TenantId, item: ItemId): Promise<{ open: number; refused: string | null }> {
    const { rows } = await this.#pool.query<{ outcome: string | null; reason: string | null }>(
      'select outcome, reason from writeback_intent where tenant = $1 and item = $2 order by position',
      [tenant, item],
    );
    const last = rows.at(-1);
    const open = rows.filter(({ outcome }) => outcome === null).length;
    return { open, refused: last?.outcome === 'refused' ? (last.reason ?? 'refused') : null };
  }

  /** Whose folders show one of the account's own, and which. */
  async sharesOf(account: AccountId): Promise<Share[]> {
    const { rows } = await this.#pool.query<Share>(
      `select tenant, account, collection, source from folder_view
        where account <> $1 and (owner = $1 or source in (select collection from folder_view where account = $1))`,
      [account],
    );
    return rows;
  }

  /** @param collection where its tombstone stays, so that devices take it away. */
  async purgeItem(tenant: TenantId, item: ItemId, collection: string | null): Promise<void> {
    await unhurried(this.#pool, async (client) => {
      await client.query('delete from item_view where tenant = $1 and item = $2 and collection is distinct from $3', [
        tenant,
        item,
        collection,
      ]);
      await purgeItems(client, tenant, [item]);
      // Bodies hold what devices sent and were sent of whole folders; which of them spoke of the item nobody knows.
      await client.query(
        `delete from exchange_body b using exchange e where e.id = b.id and e.tenant = $1
          and e.at >= (select min(recorded_at) - interval '1 day' from item_event where tenant = $1 and item = $2)
          and (e.collections = '[]'::jsonb or exists (
            select from jsonb_array_elements(e.collections) as c
            where c->>'collection' in (
              select f.collection from folder_view f where $3 in (f.collection, f.source)
              union select i.collection from item_event i where i.tenant = $1 and i.item = $2 union select $3)))`,
        [tenant, item, collection],
      );
      await forgetItemEvents(client, tenant, [item]);
    });
  }

  async purgePerson(
    tenant: TenantId,
    account: AccountId,
    { items, devices }: { readonly items: readonly ItemId[]; readonly devices: readonly DeviceKey[] },
  ): Promise<void> {
    await unhurried(this.#pool, async (client) => {
      await client.query('delete from item_view where tenant = $1 and (owner = $2 or item = any($3::text[]))', [
        tenant,
        account,
        items,
      ]);
      await purgeItems(client, tenant, items);
      await forgetItemEvents(client, tenant, items);
      for (const table of ['device_known', 'sync_conversation', 'device_watch'])
        await client.query(`delete from ${table} where tenant = $1 and device = any($2::text[])`, [tenant, devices]);
      for (const table of accountTables) await client.query(`delete from ${table} where account = $1`, [account]);
    });
  }

  /**
   * Rewrites the tables whose dead rows still hold keys or names in clear. Answers with those it could not rewrite: they
   * are large, or in use, or not ours.
   */
  async rewriteDeadRows(): Promise<string[]> {
    const left: string[] = [];
    for (const table of rewrittenTables) {
      const { rows } = await this.#pool.query<{ bytes: number }>(
        'select pg_total_relation_size($1::regclass) as bytes',
        [table],
      );
      const isSmall = Number(rows[0]?.bytes ?? 0) <= rewrittenBytesMax;
      try {
        await this.#vacuum(`vacuum ${isSmall ? '(full)' : ''} ${table}`);
        if (!isSmall) left.push(table);
      } catch {
        left.push(table);
      }
    }
    return left;
  }

  /** Outside of a transaction, as VACUUM must be. */
  async #vacuum(statement: string): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query(`set statement_timeout = '10min'; set lock_timeout = '20s'`);
      try {
        await client.query(statement);
      } finally {
        await client.query('reset statement_timeout; reset lock_timeout');
      }
    } finally {
      client.release();
    }
  }
}

const accountTables = [
  'account_view',
  'account_login',
  'device_view',
  'folder_view',
  'held_batch',
  'writeback_account',
  'writeback_intent',
  'exchange',
  'exchange_body',
  'exchange_quiet',
  'exchange_withheld',
];

/** Keys, and what stands in clear. All else is sealed. */
const rewrittenTables = ['data_keys', 'account_view', 'account_login', 'device_view'];
/** About a second of work, for which the table is locked. */
const rewrittenBytesMax = 268_435_456;

async function purgeItems(client: pg.PoolClient, tenant: TenantId, items: readonly ItemId[]): Promise<void> {
  for (const table of ['office_baseline', 'writeback_intent', 'exchange_withheld', 'item_conflict'])
    await client.query(`delete from ${table} where tenant = $1 and item = any($2::text[])`, [tenant, items]);
}

/** As the item log shows events that are forgotten: that there were some stays. */
async function forgetItemEvents(client: pg.PoolClient, tenant: TenantId, items: readonly ItemId[]): Promise<void> {
  await client.query(
    `update item_event set type = 'Forgotten', verb = null, kind = case when link then null else kind end,
        at = recorded_at, actor = 'system', account = null, device = null, owner = null, collection = null,
        command = null, exchange = null, fields = '{}'
      where tenant = $1 and item = any($2::text[])`,
    [tenant, items],
  );
}
