/** Two sets of the same tables, row by row: how many there are, a hash of what they hold, and how many differ. */
import { sql, type Transaction } from 'kysely';
import type { AnyDatabase } from './projection.ts';

/** What of a table is not compared as it stands. */
export type Comparison = Readonly<
  Record<
    string,
    {
      /** Sealed anew each time: compared by whether there is something, and by the row's version. */
      readonly sealed?: readonly string[];
      /** Written by workers, not made of events. */
      readonly notOfEvents?: readonly string[];
    }
  >
>;

export interface TableComparison {
  readonly table: string;
  readonly liveRows: number;
  readonly rows: number;
  readonly liveHash: string;
  readonly hash: string;
  /** Rows that only one of the two has. */
  readonly differing: number;
}

export async function compareTables(
  trx: Transaction<AnyDatabase>,
  schemas: { readonly live: string; readonly side: string },
  tables: readonly string[],
  comparison: Comparison,
): Promise<TableComparison[]> {
  const result: TableComparison[] = [];
  for (const table of tables) {
    const { sealed = [], notOfEvents = [] } = comparison[table] ?? {};
    const presence = sealed.map(
      (column) => sql`|| jsonb_build_object(${column}::text, ${sql.ref(`t.${column}`)} is null)`,
    );
    const rowsOf = (schema: string) => sql`
      select (to_jsonb(t) - ${[...sealed, ...notOfEvents]}::text[]) ${sql.join(presence, sql` `)} as content
      from ${sql.table(`${schema}.${table}`)} t`;
    // A sum does not depend on the order; 60 bits of each row's hash keep it exact.
    const sum = (schema: string) => sql<{ rows: number; hash: string }>`
      select count(*)::int as rows,
        coalesce(sum(('x' || left(md5(content::text), 15))::bit(60)::bigint), 0)::text as hash
      from (${rowsOf(schema)}) c`;
    const [live] = (await sum(schemas.live).execute(trx)).rows;
    const [side] = (await sum(schemas.side).execute(trx)).rows;
    if (!live || !side) throw new Error('an aggregate without a row');
    const isSame = live.rows === side.rows && live.hash === side.hash;
    const differing = isSame
      ? 0
      : (
          await sql<{ n: number }>`
            with l as (${rowsOf(schemas.live)}), s as (${rowsOf(schemas.side)})
            select count(*)::int as n from (
              (table l except all table s) union all (table s except all table l)) d`.execute(trx)
        ).rows[0]!.n;
    result.push({ table, liveRows: live.rows, rows: side.rows, liveHash: live.hash, hash: side.hash, differing });
  }
  return result;
}
