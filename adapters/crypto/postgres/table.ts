import type pg from 'pg';
import type { SubjectId, TenantId } from '../../../domain/shared/ids.ts';
import { lanes } from '../../lanes.ts';
import { SealBroken } from '../envelope.ts';
import { type KeyTable, keyName, type WrappedKey } from '../key-ring.ts';
import type { MasterKey } from '../master-key.ts';

/** Rows and their owners, up to the one the master key wraps. */
const find = {
  name: 'find_data_keys',
  text: `with recursive found as (
      select subject, owner, wrapped from data_keys where tenant = $1 and subject = any ($2::text[])
      union
      select k.subject, k.owner, k.wrapped from found f join data_keys k
        on k.tenant = $1 and k.subject = f.owner and f.owner <> f.subject
    ) select subject, owner, wrapped from found where wrapped is not null`,
};

/** Only below an owner that lives; `for key share` makes a destroy of the owner wait for us, or us for it. */
const insert = {
  name: 'insert_data_keys',
  text: `with fresh as (
      select * from unnest($2::text[], $3::text[], $4::bytea[]) as f (subject, owner, wrapped)
    ), owners as (
      select subject from data_keys
        where tenant = $1 and subject = any ($3::text[]) and wrapped is not null for key share
    ), inserted as (
      insert into data_keys (tenant, subject, owner, wrapped)
        select $1, subject, owner, wrapped from fresh
          where owner = subject or owner in (select subject from owners)
        order by subject
        on conflict (tenant, subject) do nothing
        returning subject, owner, wrapped
    ) select subject, owner, wrapped from inserted`,
};

const destroy = {
  name: 'destroy_data_keys',
  text: `with recursive gone as (
      select $2::text collate "C" as subject
      union
      select k.subject from gone g join data_keys k on k.tenant = $1 and k.owner = g.subject
    ), erased as (
      update data_keys k set wrapped = null, destroyed_at = coalesce(k.destroyed_at, now())
        from gone g where k.tenant = $1 and k.subject = g.subject and k.wrapped is not null
    ), kept as (
      insert into data_keys (tenant, subject, owner, wrapped, destroyed_at) values ($1, $2, $2, null, now())
        on conflict (tenant, subject) do nothing
    ) select subject from gone`,
};

interface Insert {
  readonly tenant: TenantId;
  readonly fresh: readonly WrappedKey[];
}

/** Keys that are stored by one statement at most. */
const maxTogether = 1_000;
const maxWaiting = 5_000;

/**
 * Wrapped keys in the table `data_keys`. New keys of one tenant that arrive while others are stored are gathered: each
 * commit is paid for by many.
 */
export function postgresKeyTable({ pool }: { readonly pool: pg.Pool }): KeyTable {
  const inserts = lanes<Insert, WrappedKey[]>({
    lanes: 1,
    maxWaiting,
    take: (calls) => {
      const other = calls.findIndex(({ tenant }) => tenant !== calls[0]?.tenant);
      return Math.min(other < 0 ? calls.length : other, maxTogether);
    },
    async work(calls) {
      const { tenant } = calls[0] as Insert;
      // Of two that make a key for one subject the first is stored; the other finds it.
      const fresh = new Map(
        calls.flatMap((call) => call.fresh.map((key) => [key.subject, { key, call }] as const)).reverse(),
      );
      const keys = [...fresh.values()].map(({ key }) => key);
      const columns = [
        keys.map((key) => key.subject),
        keys.map((key) => key.owner),
        keys.map((key) => Buffer.from(key.wrapped)),
      ];
      const { rows } = await pool.query<WrappedKey>({ ...insert, values: [tenant, ...columns] });
      const inserted = new Map(calls.map((call) => [call, [] as WrappedKey[]]));
      for (const row of rows) {
        const of = fresh.get(row.subject)?.call;
        if (of) inserted.get(of)?.push(row);
      }
      return calls.map((call) => ({ status: 'fulfilled', value: inserted.get(call) ?? [] }));
    },
  });
  return {
    async insertAndFind(tenant: TenantId, fresh: readonly WrappedKey[], subjects: readonly SubjectId[]) {
      const inserted = fresh.length > 0 ? await inserts.run(tenant, { tenant, fresh }) : [];
      const done = new Set(inserted.map((key) => key.subject));
      const missing = subjects.filter((subject) => !done.has(subject));
      if (missing.length === 0) return inserted;
      return inserted.concat((await pool.query<WrappedKey>({ ...find, values: [tenant, missing] })).rows);
    },
    async destroy(tenant, subject) {
      const { rows } = await pool.query<{ subject: SubjectId }>({ ...destroy, values: [tenant, subject] });
      return rows.map((row) => row.subject);
    },
  };
}

/**
 * Whether `master` wrapped the keys of this database; undefined while there is none it could be tried on. All roots are
 * wrapped by one master key, so one of them tells.
 */
export async function isMasterOf(pool: pg.Pool, master: MasterKey): Promise<boolean | undefined> {
  const { rows } = await pool.query<{ tenant: TenantId; subject: SubjectId; wrapped: Uint8Array }>(
    'select tenant, subject, wrapped from data_keys where owner = subject and wrapped is not null limit 1',
  );
  const [root] = rows;
  if (!root) return undefined;
  try {
    master.unwrap(root.wrapped, keyName(root.tenant, root.subject));
    return true;
  } catch (error) {
    if (error instanceof SealBroken) return false;
    throw error;
  }
}
