import type pg from 'pg';
import type { StreamName } from '../../../domain/shared/ids.ts';
import { unhurried } from '../../postgres/unhurried.ts';
import type { LogCensus, StreamEnd } from '../census.ts';

const endsTogether = 5_000;

/** By the tables themselves: one scan of a tenant's events, and the revisions that `streams` counts. */
export function postgresCensus(pool: pg.Pool): LogCensus {
  return {
    async sealedBy(tenant, subjects) {
      const { rows } = await unhurried(pool, (client) =>
        client.query<{ stream: StreamName; events: number }>(
          // A payload begins with a format byte, the length of the subject's id and the id.
          `select stream, count(*)::integer as events from events where tenant = $1
            and substring(payload from 4 for get_byte(payload, 1) * 256 + get_byte(payload, 2))
              in (select convert_to(s, 'UTF8') from unnest($2::text[]) as s)
            group by stream`,
          [tenant, subjects],
        ),
      );
      return new Map(rows.map(({ stream, events }) => [stream, events]));
    },
    /** In the order of names; also of streams whose events are all gone. */
    async *streamEnds(tenant) {
      for (let after = ''; ; ) {
        const { rows } = await pool.query<{ stream: StreamName; revision: string }>({
          name: 'stream_ends',
          text: 'select stream, revision from streams where tenant = $1 and stream > $2 order by stream limit $3',
          values: [tenant, after, endsTogether],
        });
        yield* rows.map(({ stream, revision }): StreamEnd => ({ stream, revision: Number(revision) }));
        if (rows.length < endsTogether) return;
        after = rows.at(-1)!.stream;
      }
    },
  };
}
