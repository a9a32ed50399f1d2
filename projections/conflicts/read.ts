/** Which conflicts were kept; the item log, at the same position, says whose item it was and who acted. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { ConflictChoice } from '../../domain/conflict/events.ts';
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { AccountId, DeviceKey, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';

export interface ConflictRow {
  readonly tenant: TenantId;
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly revision: number;
  readonly position: Position;
  readonly recordedAt: Instant;
  /** Whose item it is. */
  readonly owner: AccountId;
  /** Who came with a change that others had been before: the `client` of the rule. */
  readonly actor: Actor['kind'];
  readonly account: AccountId | null;
  readonly device: DeviceKey | null;
  readonly rule: ConflictRule;
  readonly loser: 'client' | 'server';
  readonly lostRemoval: boolean;
  readonly contested: readonly string[];
  readonly decided: number | null;
  readonly decidedFor: ConflictChoice | null;
}

/** All that are named must hold. */
export interface ConflictFilter {
  readonly tenant?: TenantId;
  readonly owner?: AccountId;
  /** The device that came with its change, whether it won or lost. */
  readonly device?: DeviceKey;
  readonly actor?: Actor['kind'];
  readonly isOpen?: boolean;
  /** Recorded not before. */
  readonly since?: Instant;
}

export type ConflictPlace = Pick<ConflictRow, 'tenant' | 'position'>;

export class ConflictsReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  /** Conflicts beyond the place, by tenant and in the order of its log, at most `limit`. */
  async find(filter: ConflictFilter, after: ConflictPlace | null, limit: number): Promise<ConflictRow[]> {
    const { tenant, owner, device, actor, isOpen, since } = filter;
    const wanted: RawBuilder<unknown>[] = [sql`true`];
    if (tenant !== undefined) wanted.push(sql`c.tenant = ${tenant}`);
    if (after) wanted.push(sql`(c.tenant, c.position) > (${after.tenant}, ${after.position}::bigint)`);
    if (owner !== undefined) wanted.push(sql`e.owner = ${owner}`);
    if (device !== undefined) wanted.push(sql`e.device = ${device}`);
    if (actor !== undefined) wanted.push(sql`e.actor = ${actor}`);
    if (isOpen !== undefined) wanted.push(isOpen ? sql`c.decided is null` : sql`c.decided is not null`);
    if (since !== undefined) wanted.push(sql`e.recorded_at >= ${new Date(since)}::timestamptz`);
    const { rows } = await sql<ConflictRow>`
      select c.tenant, c.item, e.kind, c.revision, c.position, e.owner, e.actor, e.account, e.device, c.rule, c.loser,
        to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "recordedAt",
        c.lost_removal as "lostRemoval", c.contested, c.decided, c.decided_for as "decidedFor"
      from item_conflict c join item_event e on e.tenant = c.tenant and e.position = c.position
      where ${sql.join(wanted, sql` and `)}
      order by c.tenant, c.position limit ${limit}
    `.execute(this.#db);
    return rows;
  }
}
