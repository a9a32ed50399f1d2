/** The record of exchanges in PostgreSQL; see `migration.ts` for its tables. */
import type { AccountId } from '../../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../../domain/shared/streams.ts';
import type { KeyRing } from '../../crypto.port.ts';
import type { Pool } from '../../postgres/pool.ts';
import { openBody } from '../body.ts';
import type { WithheldItem } from '../port.ts';
import type { ExchangeStore, WatchAll } from '../store.port.ts';
import { openReason } from '../withheld-reason.ts';
import {
  type CauseRow,
  causeCountOf,
  causesStatement,
  type ExchangeRow,
  exchangeColumns,
  exchangeOf,
  firstIdOf,
  listStatement,
  type QuietRow,
  quietHourOf,
  quietStatement,
  type WithheldRow,
  withheldOf,
  withheldSinceStatement,
  withheldStatement,
} from './read.ts';
import { addQuiet, insertBatch } from './write.ts';

export interface PostgresExchangesOptions {
  readonly pool: Pool;
  readonly keys: KeyRing;
}

export function postgresExchanges({ pool, keys }: PostgresExchangesOptions): ExchangeStore {
  async function opened(rows: readonly WithheldRow[]): Promise<WithheldItem[]> {
    const byTenant = Map.groupBy(rows, ({ tenant }) => tenant);
    const reasons = new Map<WithheldRow, string>();
    for (const [tenant, some] of byTenant) {
      const found = await keys.find(
        tenant,
        some.map(({ item }) => itemSubject(item)),
      );
      for (const row of some) {
        const key = found.get(itemSubject(row.item));
        if (key && row.reason) reasons.set(row, openReason(key, row.device, row.item, row.reason));
      }
    }
    return rows.map((row) => withheldOf(row, reasons.get(row) ?? null));
  }

  return {
    insert: (batch) => insertBatch(pool, batch),

    async addQuiet(counts) {
      if (counts.length > 0) await addQuiet(pool, counts);
    },

    async find(id) {
      const { rows } = await pool.query<ExchangeRow>(`select ${exchangeColumns} from exchange where id = $1`, [id]);
      return rows[0] && exchangeOf(rows[0]);
    },

    async list(query) {
      const { text, values } = listStatement(query);
      return (await pool.query<ExchangeRow>(text, values)).rows.map(exchangeOf);
    },

    async body({ id, tenant, account }) {
      const { rows } = await pool.query<{ sealed: Buffer }>('select sealed from exchange_body where id = $1', [id]);
      if (!rows[0]) return undefined;
      const subject = accountSubject(account);
      const key = (await keys.find(tenant, [subject])).get(subject);
      return key && (await openBody(key, id, rows[0].sealed));
    },

    async withheldFor(tenant, device, item) {
      return await opened((await pool.query<WithheldRow>(withheldStatement, [tenant, device, item ?? null])).rows);
    },

    async withheldSince({ tenant, account, from, limit }) {
      const values = [from, tenant ?? null, account ?? null, limit];
      return await opened((await pool.query<WithheldRow>(withheldSinceStatement, values)).rows);
    },

    async quiet(tenant, device, from = '1970-01-01T00:00:00.000Z') {
      return (await pool.query<QuietRow>(quietStatement, [tenant, device, from])).rows.map(quietHourOf);
    },

    async causes({ tenant, account, from }) {
      const values = [firstIdOf(from), tenant ?? null, account ?? null];
      return (await pool.query<CauseRow>(causesStatement, values)).rows.map(causeCountOf);
    },

    async watchAll() {
      const { rows } = await pool.query<{ until: Date; by: string | null }>('select until, by from exchange_watch_all');
      return rows[0] && { until: rows[0].until.toISOString(), by: rows[0].by };
    },

    async setWatchAll(watch: WatchAll | undefined) {
      if (!watch) {
        await pool.query('delete from exchange_watch_all');
        return;
      }
      await pool.query(
        `insert into exchange_watch_all (until, by) values ($1, $2)
         on conflict (one) do update set until = excluded.until, by = excluded.by`,
        [watch.until, watch.by],
      );
    },

    async sweep({ from, bodiesFrom, withheldFrom }) {
      const removed = [
        await inPieces(pool, sweeps.bodies, firstIdOf(bodiesFrom)),
        await inPieces(pool, sweeps.exchanges, firstIdOf(from)),
        await inPieces(pool, sweeps.quiet, from),
        await inPieces(pool, sweeps.withheld, withheldFrom),
      ];
      await pool.query(`delete from exchange_watch_all where until < now()`);
      return removed.reduce((sum, count) => sum + count, 0);
    },

    async forget(account: AccountId) {
      let removed = 0;
      for (const statement of forgets) removed += (await pool.query(statement, [account])).rowCount ?? 0;
      return removed;
    },
  };
}

const pieceRows = 2_000;
/** One sweep goes no further; the next goes on. */
const piecesMax = 500;

const sweeps = {
  exchanges: `delete from exchange where id in (select id from exchange where id < $1 order by id limit ${pieceRows})`,
  // What is left of an exchange is known to have no body, so that nobody looks for it.
  bodies: `
    with gone as (
      delete from exchange_body where id in (select id from exchange_body where id < $1 order by id limit 200)
      returning id),
    marked as (update exchange e set has_body = false from gone where e.id = gone.id)
    select id from gone`,
  quiet: `
    delete from exchange_quiet where (device, command, hour) in (
      select device, command, hour from exchange_quiet where hour < $1 order by hour limit ${pieceRows})`,
  withheld: `
    delete from exchange_withheld where (tenant, device, item) in (
      select tenant, device, item from exchange_withheld where last_at < $1 limit ${pieceRows})`,
};

const forgets = [
  'delete from exchange_body where account = $1',
  'delete from exchange where account = $1',
  'delete from exchange_quiet where account = $1',
  'delete from exchange_withheld where account = $1',
];

async function inPieces(pool: Pool, statement: string, before: string): Promise<number> {
  let removed = 0;
  for (let piece = 0; piece < piecesMax; piece++) {
    const { rowCount } = await pool.query(statement, [before]);
    if (!rowCount) break;
    removed += rowCount;
  }
  return removed;
}
