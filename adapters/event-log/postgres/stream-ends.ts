import type pg from 'pg';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';

/** The last revision of every stream as the table `streams` counts it, in the order of names; for `verifyTenant`. */
export async function* streamEnds(
  pool: pg.Pool,
  tenant: TenantId,
): AsyncGenerator<{ stream: StreamName; revision: number }> {
  const pageSize = 5_000;
  for (let after = ''; ; ) {
    const { rows } = await pool.query<{ stream: StreamName; revision: string }>({
      name: 'stream_ends',
      text: 'select stream, revision from streams where tenant = $1 and stream > $2 order by stream limit $3',
      values: [tenant, after, pageSize],
    });
    for (const { stream, revision } of rows) yield { stream, revision: Number(revision) };
    if (rows.length < pageSize) return;
    after = rows.at(-1)!.stream;
  }
}
