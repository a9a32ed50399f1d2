import type { Pool } from '../../postgres/pool.ts';
import type { QuietCount } from '../quiet-hours.ts';
import type { ExchangeBatch } from '../store.port.ts';

/** Arrays do not nest in `unnest`, so the lists of a row come as text. */
const insertExchanges = `
  insert into exchange (id, tenant, account, device, at, duration_ms, waited_ms, command, version, http_status, status,
    request_bytes, answer_bytes, position, collections, verdicts, causes, app_version, mapping_version, has_body)
  select n.id, n.tenant, n.account, n.device, n.at, n.duration_ms, n.waited_ms, n.command, n.version, n.http_status,
    n.status, n.request_bytes, n.answer_bytes, n.position, n.collections, string_to_array(n.verdicts, ','),
    string_to_array(n.causes, ','), n.app_version, n.mapping_version, n.has_body
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::integer[],
    $8::text[], $9::smallint[], $10::smallint[], $11::smallint[], $12::integer[], $13::integer[], $14::bigint[],
    $15::jsonb[], $16::text[], $17::text[], $18::text[], $19::integer[], $20::boolean[])
    as n(id, tenant, account, device, at, duration_ms, waited_ms, command, version, http_status, status,
      request_bytes, answer_bytes, position, collections, verdicts, causes, app_version, mapping_version, has_body)
  on conflict (id) do nothing`;

const insertBodies = `
  insert into exchange_body (id, account, sealed)
  select * from unnest($1::uuid[], $2::text[], $3::bytea[])
  on conflict (id) do nothing`;

const insertWithheld = `
  insert into exchange_withheld (tenant, device, item, account, collection, reason, first_at, last_at, times, exchange)
  select n.tenant, n.device, n.item, n.account, n.collection, n.reason, n.at, n.at, 1, n.exchange
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[], $8::uuid[])
    as n(tenant, device, item, account, collection, reason, at, exchange)
  on conflict (tenant, device, item) do update set account = excluded.account, collection = excluded.collection,
    reason = excluded.reason, last_at = excluded.last_at, times = exchange_withheld.times + 1,
    exchange = excluded.exchange`;

const addToQuiet = `
  insert into exchange_quiet as q (device, command, hour, tenant, account, first_at, last_at, times)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::timestamptz[],
    $7::timestamptz[], $8::bigint[])
  on conflict (device, command, hour) do update set first_at = least(q.first_at, excluded.first_at),
    last_at = greatest(q.last_at, excluded.last_at), times = q.times + excluded.times`;

/** All or nothing, in one transaction. */
export async function insertBatch(pool: Pool, batch: ExchangeBatch): Promise<void> {
  const { exchanges, bodies } = batch;
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('begin');
    await client.query(insertExchanges, [
      exchanges.map((one) => one.id),
      exchanges.map((one) => one.tenant),
      exchanges.map((one) => one.account),
      exchanges.map((one) => one.device),
      exchanges.map((one) => one.at),
      exchanges.map((one) => one.durationMs),
      exchanges.map((one) => one.waitedMs),
      exchanges.map((one) => one.command),
      exchanges.map((one) => one.version),
      exchanges.map((one) => one.httpStatus),
      exchanges.map((one) => one.status),
      exchanges.map((one) => one.requestBytes),
      exchanges.map((one) => one.answerBytes),
      exchanges.map((one) => one.position),
      exchanges.map((one) => JSON.stringify(one.collections)),
      exchanges.map((one) => one.verdicts.join(',')),
      exchanges.map((one) => one.causes.join(',')),
      exchanges.map((one) => one.appVersion),
      exchanges.map((one) => one.mappingVersion),
      exchanges.map((one) => one.hasBody),
    ]);
    if (bodies.length > 0) {
      await client.query(insertBodies, [
        bodies.map((one) => one.id),
        bodies.map((one) => one.account),
        bodies.map((one) => one.sealed),
      ]);
    }
    const withheld = latestOfEach(batch.withheld);
    if (withheld.length > 0) {
      await client.query(insertWithheld, [
        withheld.map((one) => one.tenant),
        withheld.map((one) => one.device),
        withheld.map((one) => one.item),
        withheld.map((one) => one.account),
        withheld.map((one) => one.collection),
        withheld.map((one) => one.reason),
        withheld.map((one) => one.at),
        withheld.map((one) => one.exchange),
      ]);
    }
    await client.query('commit');
  } catch (error) {
    failure = error as Error;
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    // A connection on which something failed is not trusted any more.
    client.release(failure);
  }
}

export async function addQuiet(pool: Pool, counts: readonly QuietCount[]): Promise<void> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  await pool.query(addToQuiet, [
    counts.map((one) => one.device),
    counts.map((one) => one.command),
    counts.map((one) => iso(one.hourMs)),
    counts.map((one) => one.tenant),
    counts.map((one) => one.account),
    counts.map((one) => iso(one.firstMs)),
    counts.map((one) => iso(one.lastMs)),
    counts.map((one) => one.times),
  ]);
}

/** A statement cannot touch one row twice. */
function latestOfEach(notes: ExchangeBatch['withheld']): ExchangeBatch['withheld'] {
  return [...new Map(notes.map((note) => [`${note.tenant}/${note.device}/${note.item}`, note])).values()];
}
