/** Questions to the item log: which events, before any is opened. Each walks one index in the order of the log. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { Actor } from '../../domain/shared/event.ts';
import {
  type AccountId,
  type CollectionId,
  type DeviceKey,
  type Instant,
  type ItemId,
  NO_POSITION,
  type Position,
  type TenantId,
} from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';

/** One event of an item, or of its record in the office (`isLink`); see `ItemEventTable`. */
export interface ItemEventRow {
  readonly position: Position;
  readonly item: ItemId;
  readonly kind: ItemKind | null;
  readonly isLink: boolean;
  readonly revision: number;
  readonly type: string;
  readonly verb: string | null;
  readonly recordedAt: Instant;
  readonly at: Instant;
  readonly actor: Actor['kind'];
  readonly account: AccountId | null;
  readonly device: DeviceKey | null;
  readonly owner: AccountId | null;
  readonly collection: CollectionId | null;
  readonly command: string | null;
  readonly exchange: string | null;
  readonly fields: readonly string[];
}

/** All that are named must hold. */
export interface ItemEventFilter {
  /** Whose item it is. */
  readonly owner?: AccountId;
  /** Who acted, by a device or as the person of an office. */
  readonly account?: AccountId;
  readonly device?: DeviceKey;
  /** Where the item lies after the event. */
  readonly collection?: CollectionId;
  readonly item?: ItemId;
  readonly kind?: ItemKind;
  readonly actor?: Actor['kind'];
  /** Types of events and verbs of item events (`Removed`), either of them. */
  readonly types?: readonly string[];
  readonly verbs?: readonly string[];
  /** A path; a field that is a record also stands for all within it. */
  readonly field?: string;
  readonly command?: string;
  /** Only events of the item's record in the office, or only its own. */
  readonly isLink?: boolean;
  /** By the time of recording: not before `from`, and before `to`. */
  readonly from?: Instant;
  readonly to?: Instant;
}

export interface ItemEventPage {
  /** Beyond this position, in the order asked for. */
  readonly after?: Position;
  readonly limit: number;
  /** Only what lies beyond this position, in the order of the log. */
  readonly since?: Position;
  /** `asc` unless told. */
  readonly order?: 'asc' | 'desc';
  /** Of each item only the last event that the filter names. */
  readonly isLastOnly?: boolean;
}

/** Clocks of several processes may differ by as much: positions are in order, times need not be. */
const clockSkewMs = 300_000;

const columns = sql.raw(`position, item, kind, link as "isLink", revision, type, verb,
  to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "recordedAt",
  to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "at",
  actor, account, device, owner, collection, command, exchange, fields`);

export class ItemLogReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** The tenant's events that the filter names, in the order of the log, at most `limit`. */
  async find(tenant: TenantId, filter: ItemEventFilter, page: ItemEventPage): Promise<ItemEventRow[]> {
    const { after, since, limit, order = 'asc', isLastOnly = false } = page;
    const isDescending = order === 'desc';
    const isTimed = filter.from !== undefined || filter.to !== undefined;
    const bounds = since === undefined && isTimed ? await this.bounds(tenant, filter) : undefined;
    const from = since ?? bounds?.from;
    const wanted = conditions(filter, 'e');
    if (from !== undefined) wanted.push(sql`e.position > ${from}`);
    if (bounds) wanted.push(sql`e.position <= ${bounds.to}`);
    if (after !== undefined) wanted.push(isDescending ? sql`e.position < ${after}` : sql`e.position > ${after}`);
    if (isLastOnly) {
      const later = [sql`l.item = e.item`, sql`l.tenant = e.tenant`, sql`l.position > e.position`];
      const alike = sql.join([...later, ...conditions(filter, 'l')], sql` and `);
      wanted.push(sql`not exists (select from item_event l where ${alike})`);
    }
    const { rows } = await sql<ItemEventRow>`
      select ${columns} from item_event e where ${sql.join([sql`e.tenant = ${tenant}`, ...wanted], sql` and `)}
      order by e.position ${sql.raw(isDescending ? 'desc' : 'asc')} limit ${limit}
    `.execute(this.#db);
    return rows;
  }

  /** Whose an item is and of which kind; null for an item nobody has or had. Asks once, whatever tenants there are. */
  async locate(item: ItemId): Promise<{ tenant: TenantId; kind: ItemKind } | null> {
    // The last: a stream may begin with what says that it is no item of its own, which is of no kind.
    const { rows } = await sql<{ tenant: TenantId; kind: ItemKind }>`
      select tenant, kind from item_event where item = ${item} and not link order by position desc limit 1
    `.execute(this.#db);
    return rows[0] ?? null;
  }

  /** After which position, and up to which, the filter's times lie; to be told apart by the times themselves. */
  async bounds(tenant: TenantId, { from, to }: ItemEventFilter): Promise<{ from: Position; to: Position }> {
    const before = async (atMs: number) => ((await this.#firstAt(tenant, atMs)) - 1) as Position;
    return {
      from: from === undefined ? NO_POSITION : await before(Date.parse(from) - clockSkewMs),
      to: await before(to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to) + clockSkewMs),
    };
  }

  /** The first position recorded at or after the time, by halves: positions are the index, and times go with them. */
  async #firstAt(tenant: TenantId, atMs: number): Promise<Position> {
    const at = atMs === Number.POSITIVE_INFINITY ? 'infinity' : new Date(atMs).toISOString();
    const { rows } = await sql<{ position: Position }>`
      with recursive half(low, high) as (
        select 0::bigint, coalesce(
          (select position from item_event where tenant = ${tenant} order by position desc limit 1), 0)::bigint + 1
        union all
        select case when e.recorded_at < ${at}::timestamptz then e.position + 1 else h.low end,
          case when e.recorded_at < ${at}::timestamptz then h.high else (h.low + h.high) / 2 end
        from half h cross join lateral (
          select position, recorded_at from item_event
          where tenant = ${tenant} and position >= (h.low + h.high) / 2 order by position limit 1) e
        where h.low < h.high)
      select low as position from half where low >= high limit 1
    `.execute(this.#db);
    return rows[0]?.position ?? NO_POSITION;
  }
}

function conditions(filter: ItemEventFilter, alias: string): RawBuilder<unknown>[] {
  const { types = [], verbs = [], field, isLink, from, to } = filter;
  const result: RawBuilder<unknown>[] = [];
  const of = (name: string) => sql.ref(`${alias}.${name}`);
  for (const name of ['owner', 'account', 'device', 'collection', 'item', 'kind', 'actor', 'command'] as const) {
    const value = filter[name];
    if (value !== undefined) result.push(sql`${of(name)} = ${value}`);
  }
  if (types.length + verbs.length > 0) {
    result.push(sql`(${of('type')} = any(${types}::text[]) or ${of('verb')} = any(${verbs}::text[]))`);
  }
  if (isLink !== undefined) result.push(sql`${of('link')} = ${isLink}`);
  if (field !== undefined) {
    result.push(
      sql`exists (select from unnest(${of('fields')}) as f where f = ${field} or starts_with(f, ${`${field}/`}))`,
    );
  }
  if (from !== undefined) result.push(sql`${of('recorded_at')} >= ${new Date(from)}::timestamptz`);
  if (to !== undefined) result.push(sql`${of('recorded_at')} < ${new Date(to)}::timestamptz`);
  return result;
}
