/** What nodes say and ask in the tables `node` and `tenant_owner`. All times are the database's. */
import type pg from 'pg';
import type { TenantId } from '../../../../domain/shared/ids.ts';

export interface NewNode {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Names the set of processes in which `pid` is unique, also from one start of the machine to the next. */
  readonly processSpace: string;
  readonly version: string;
}

export interface Renewed {
  /** False once somebody found the node expired: what it had is not its own any more. */
  readonly is_there: boolean;
  /** Other nodes that live. */
  readonly others: readonly { readonly id: string; readonly isWorking: boolean }[];
  readonly is_anyone_expired: boolean;
  readonly is_anything_free: boolean;
}

/** A node as others see it. */
export interface NodeRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly is_working: boolean;
  readonly started_at: Date;
  readonly expires_in_ms: number;
  /** How many tenants are its own, and since when it has the latest of them. */
  readonly tenants: number;
  readonly last_gained_at: Date | null;
}

const queries = {
  insert: {
    name: 'node_insert',
    text: `insert into node (id, host, pid, process_space, version, started_at, expires_at)
      values ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + $6 * interval '1 millisecond')`,
  },
  renew: {
    name: 'node_renew',
    text: `with renewed as (
        update node set expires_at = clock_timestamp() + $2 * interval '1 millisecond', is_working = $3
        where id = $1 returning id)
      select exists (select from renewed) as is_there,
        coalesce((
          select json_agg(json_build_object('id', id, 'isWorking', is_working) order by id)
          from node where id <> $1 and expires_at > clock_timestamp()), '[]') as others,
        exists (select from node where id <> $1 and expires_at <= clock_timestamp()) as is_anyone_expired,
        exists (select from tenant_owner where node is null) as is_anything_free`,
  },
  deleteExpired: {
    name: 'node_delete_expired',
    // One that is being renewed just now is left alone. In order, so that two who do this do not wait for each other.
    text: `delete from node where id in (
        select id from node where id <> $1 and expires_at <= clock_timestamp() order by id for update skip locked)`,
  },
  inSpace: { name: 'node_in_space', text: 'select id, pid from node where process_space = $1' },
  delete: { name: 'node_delete', text: 'delete from node where id = any ($1::uuid[])' },
  free: { name: 'tenant_owner_free', text: 'select tenant from tenant_owner where node is null' },
  claim: {
    name: 'tenant_owner_claim',
    text: `insert into tenant_owner as o (tenant, node, since)
      select tenant, $2::uuid, clock_timestamp() from unnest($1::text[]) as asked (tenant) order by tenant
      on conflict (tenant) do update set node = excluded.node, since = excluded.since where o.node is null
      returning tenant`,
  },
  release: {
    name: 'tenant_owner_release',
    text: `update tenant_owner set node = null where tenant = any ($1::text[]) and node = $2`,
  },
  list: {
    name: 'node_list',
    text: `select n.id, n.host, n.pid, n.version, n.is_working, n.started_at,
        (extract(epoch from n.expires_at - clock_timestamp()) * 1000)::integer as expires_in_ms,
        count(o.tenant) as tenants, max(o.since) as last_gained_at
      from node n left join tenant_owner o on o.node = n.id
      where n.expires_at > clock_timestamp() group by n.id order by n.started_at, n.id`,
  },
  of: { name: 'tenant_owner_of', text: 'select tenant from tenant_owner where node = $1' },
};

export class NodeRows {
  readonly #pool: Pick<pg.Pool, 'query'>;

  constructor(pool: Pick<pg.Pool, 'query'>) {
    this.#pool = pool;
  }

  async insert({ id, host, pid, processSpace, version }: NewNode, leaseMs: number): Promise<void> {
    await this.#ask(queries.insert, [id, host, pid, processSpace, version, leaseMs]);
  }

  /** The node lives for `leaseMs` from now on. The row of one that was found expired stays gone. */
  async renew(id: string, leaseMs: number, isWorking: boolean): Promise<Renewed> {
    const [renewed] = await this.#ask<Renewed>(queries.renew, [id, leaseMs, isWorking]);
    return renewed as Renewed;
  }

  /** Ends all other nodes that have not renewed in time; what they had is free. */
  async deleteExpired(id: string): Promise<void> {
    await this.#ask(queries.deleteExpired, [id]);
  }

  async inSpace(processSpace: string): Promise<{ id: string; pid: number }[]> {
    return await this.#ask(queries.inSpace, [processSpace]);
  }

  /** What the nodes had is free. */
  async delete(ids: readonly string[]): Promise<void> {
    await this.#ask(queries.delete, [ids]);
  }

  /** The tenants that nobody has. */
  async free(): Promise<TenantId[]> {
    return (await this.#ask<{ tenant: TenantId }>(queries.free, [])).map(({ tenant }) => tenant);
  }

  /** The tenants that the node has. */
  async of(id: string): Promise<TenantId[]> {
    return (await this.#ask<{ tenant: TenantId }>(queries.of, [id])).map(({ tenant }) => tenant);
  }

  /** Gives the node those of the tenants that nobody has; answers with them. @throws when the node is not there. */
  async claim(tenants: readonly TenantId[], id: string): Promise<TenantId[]> {
    return (await this.#ask<{ tenant: TenantId }>(queries.claim, [tenants, id])).map(({ tenant }) => tenant);
  }

  async release(tenants: readonly TenantId[], id: string): Promise<void> {
    await this.#ask(queries.release, [tenants, id]);
  }

  /** The nodes that live, the oldest first. */
  async list(): Promise<NodeRow[]> {
    return await this.#ask(queries.list, []);
  }

  async #ask<Row extends object>(query: { name: string; text: string }, values: unknown[]): Promise<Row[]> {
    return (await this.#pool.query<Row & pg.QueryResultRow>({ ...query, values })).rows;
  }
}
