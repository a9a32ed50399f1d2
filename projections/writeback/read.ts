/** The queue of write-backs: what is open, what was refused, and how a worker takes its next piece. */
import { type Kysely, sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, EventId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';

export interface OpenIntent {
  readonly event_id: EventId;
  readonly tenant: TenantId;
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly account: AccountId | null;
  readonly revision: number;
  readonly position: number;
  readonly reason: string | null;
  readonly attempts: number;
  readonly next_at: number;
}

/** Changes that the office refused for one reason. */
export interface Refusals {
  readonly tenant: TenantId;
  readonly reason: string;
  readonly times: number;
  readonly accounts: number;
  /** Of the changes themselves, in the log. */
  readonly first: Position;
  readonly last: Position;
  /** Of the last one. */
  readonly item: ItemId;
}

export class WriteBackQueue {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /**
   * Takes the oldest open intents, one an item, that are due and nobody works on, until the lease ends; of these
   * tenants, or of all. The claim counts as an attempt, so that one that kills its worker is not tried for ever at full
   * speed.
   */
  async claim(nowMs: number, leaseMs: number, limit: number, tenants?: readonly TenantId[]): Promise<OpenIntent[]> {
    const { rows } = await sql<OpenIntent>`
      with due as (
        select i.event_id from writeback_intent i
        where i.outcome is null and i.next_at <= ${nowMs} and i.lease_until <= ${nowMs}
          and (${tenants ?? null}::text[] is null or i.tenant = any(${tenants ?? null}::text[]))
          and not exists (
            select 1 from writeback_intent e
            where e.tenant = i.tenant and e.item = i.item and e.outcome is null and e.position < i.position)
        order by i.next_at, i.position limit ${limit} for update skip locked)
      update writeback_intent i set lease_until = ${nowMs + leaseMs}, attempts = i.attempts + 1
      from due where i.event_id = due.event_id
      returning i.event_id, i.tenant, i.item, i.kind, i.account, i.revision, i.position, i.reason, i.attempts, i.next_at
    `.execute(this.#db);
    return rows;
  }

  /** Those of the intents that are still worked on are so until the time. */
  async renew(intents: readonly OpenIntent[], leaseUntilMs: number): Promise<void> {
    await sql`
      update writeback_intent set lease_until = ${leaseUntilMs}
      where event_id = any(${intents.map(({ event_id }) => event_id)}::uuid[]) and outcome is null and lease_until > 0
    `.execute(this.#db);
  }

  /** Nobody works on the intents any more, and none was tried. */
  async giveBack(intents: readonly OpenIntent[]): Promise<void> {
    await sql`
      update writeback_intent set lease_until = 0, attempts = attempts - 1
      where event_id = any(${intents.map(({ event_id }) => event_id)}::uuid[]) and outcome is null
    `.execute(this.#db);
  }

  /** Whoever worked on the tenants' intents does so no more. */
  async free(tenants: readonly TenantId[]): Promise<void> {
    await sql`
      update writeback_intent set lease_until = 0
      where tenant = any(${tenants}::text[]) and outcome is null and lease_until > 0
    `.execute(this.#db);
  }

  /** The item's intents up to the revision are dealt with. */
  async settle(
    tenant: TenantId,
    item: ItemId,
    upTo: number,
    outcome: 'done' | 'refused',
    reason: string | null,
    account: AccountId | null,
  ): Promise<void> {
    await sql`
      update writeback_intent set outcome = ${outcome}, reason = ${reason}, lease_until = 0,
        account = coalesce(account, ${account}::text)
      where tenant = ${tenant} and item = ${item} and revision <= ${upTo} and outcome is null
    `.execute(this.#db);
  }

  /** Not now: the item's open intents wait. `account` is filled in where it was not known. */
  async postpone(intent: OpenIntent, nextAtMs: number, reason: string, account: AccountId | null): Promise<void> {
    await sql`
      update writeback_intent set next_at = ${nextAtMs}, lease_until = 0, reason = ${reason},
        account = coalesce(account, ${account}::text)
      where tenant = ${intent.tenant} and item = ${intent.item} and outcome is null
    `.execute(this.#db);
  }

  /** The office serves this account nothing before the time. */
  async postponeAccount(tenant: TenantId, account: AccountId, nextAtMs: number, reason: string): Promise<void> {
    await sql`
      update writeback_intent set next_at = greatest(next_at, ${nextAtMs}), reason = ${reason}
      where tenant = ${tenant} and account = ${account} and outcome is null
    `.execute(this.#db);
  }

  /** Those in a retry's pause are due at once; those that wait for a quota go on waiting. */
  async hurry(tenant: TenantId, account: AccountId, nowMs: number): Promise<void> {
    await sql`
      update writeback_intent set next_at = ${nowMs}
      where tenant = ${tenant} and account = ${account} and outcome is null and next_at > ${nowMs}
        and reason is distinct from 'quotaExceeded'
    `.execute(this.#db);
  }

  /** Asks for another look at an item, once for each id. */
  async enqueue(intent: Omit<OpenIntent, 'reason' | 'attempts' | 'next_at'>): Promise<void> {
    await sql`
      insert into writeback_intent (event_id, tenant, item, kind, account, revision, position)
      values (${intent.event_id}, ${intent.tenant}, ${intent.item}, ${intent.kind}, ${intent.account},
        ${intent.revision}, ${intent.position})
      on conflict (event_id) do nothing
    `.execute(this.#db);
  }

  /** What waits for the office on behalf of the account, and what waits in its tenant for an owner to be found. */
  async open(tenant: TenantId, account: AccountId): Promise<OpenIntent[]> {
    const { rows } = await sql<OpenIntent>`
      select event_id, tenant, item, kind, account, revision, position, reason, attempts, next_at
      from writeback_intent
      where tenant = ${tenant} and (account = ${account} or account is null) and outcome is null
      order by position limit 1000
    `.execute(this.#db);
    return rows;
  }

  /** What the office refused, the latest first. */
  async refused(tenant: TenantId, account: AccountId, limit: number): Promise<OpenIntent[]> {
    const { rows } = await sql<OpenIntent>`
      select event_id, tenant, item, kind, account, revision, position, reason, attempts, next_at
      from writeback_intent where tenant = ${tenant} and account = ${account} and outcome = 'refused'
      order by position desc limit ${limit}
    `.execute(this.#db);
    return rows;
  }

  /** What the office refused, the like together, the most frequent first; at most 200. */
  async refusals({ tenant, account }: { tenant?: TenantId; account?: AccountId }): Promise<Refusals[]> {
    const { rows } = await sql<Refusals>`
      select tenant, coalesce(reason, '') as reason, count(*) as times, count(distinct account) as accounts,
        min(position) as first, max(position) as last, (array_agg(item order by position desc))[1] as item
      from writeback_intent
      where outcome = 'refused' and (${tenant ?? null}::text is null or tenant = ${tenant ?? null})
        and (${account ?? null}::text is null or account = ${account ?? null})
      group by tenant, reason order by times desc, tenant, reason limit 200
    `.execute(this.#db);
    return rows;
  }

  /** When the next open intent of each tenant falls due or its lease ends; of those that have any. */
  async dueByTenant(): Promise<{ readonly tenant: TenantId; readonly dueMs: number }[]> {
    const { rows } = await sql<{ tenant: TenantId; due: number }>`
      select i.tenant, min(greatest(i.next_at, i.lease_until)) as due from writeback_intent i
      where i.outcome is null and not exists (
        select 1 from writeback_intent e
        where e.tenant = i.tenant and e.item = i.item and e.outcome is null and e.position < i.position)
      group by i.tenant
    `.execute(this.#db);
    return rows.map(({ tenant, due }) => ({ tenant, dueMs: Number(due) }));
  }
}
