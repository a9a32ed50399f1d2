import type pg from 'pg';
import { Subject } from 'rxjs';
import type { Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { NO_POSITION } from '../../../domain/shared/ids.ts';
import { lanes } from '../../lanes.ts';
import { isAway } from '../../postgres/away.ts';
import { checkWrites } from '../check.ts';
import {
  type AppendOutcome,
  AppendRejected,
  type Commit,
  type CommitNotice,
  type EventLog,
  LogSealed,
  type StoredEvent,
} from '../port.ts';
import {
  batchParameters,
  type Call,
  isSingle,
  newCommits,
  oneByOneParameters,
  singleParameters,
  storedEvents,
  tenantsOf,
} from './call.ts';
import { Doubts } from './doubts.ts';
import { columns, type EventRow, rowTypes, storedEvent } from './rows.ts';
import { sealedCode } from './seal.ts';

/** Limits of what is gathered into one call of the database. */
const maxTogether = { calls: 64, events: 1_000, bytes: 4_000_000 };

/** Of one process; each takes a connection while it works. More of them gather less and cost more. */
const laneCount = 2;
const maxWaiting = 5_000;

export const queries = {
  appendEvent: {
    name: 'append_event',
    text: 'select append_event($1, $2, $3, $4, $5, $6, $7, $8, $9)',
  },
  appendEvents: {
    name: 'append_events',
    text: 'select unnest(append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17))',
  },
  appendOneByOne: {
    name: 'append_events_one_by_one',
    text: `select last_revision, last_position, repeated
      from append_events_one_by_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
  },
  revisions: {
    name: 'stream_revisions',
    text: `select tenant, stream, revision from streams
      join unnest($1::text[], $2::text[]) as asked (tenant, stream) using (tenant, stream)`,
  },
  readStream: {
    name: 'read_stream',
    text: `select ${columns} from events where tenant = $1 and stream = $2 and revision >= $3
      order by revision limit $4`,
  },
  readStreams: {
    name: 'read_streams',
    text: `select ${columns} from events where tenant = $1 and stream = any ($2::text[]) order by stream, revision`,
  },
  readAll: {
    name: 'read_all',
    text: `select ${columns} from events where tenant = $1 and position > $2 order by position limit $3`,
  },
  head: { name: 'tenant_head', text: 'select position from tenants where tenant = $1' },
  settledHead: { name: 'settled_head', text: 'select position from tenants where tenant = $1 for share' },
  heads: { name: 'tenant_heads', text: 'select tenant, position from tenants where tenant = any ($1::text[])' },
  tenants: { name: 'tenants', text: 'select tenant, position from tenants where position > 0 order by tenant' },
};

/**
 * The event log in PostgreSQL; see `schema.sql` and `append.sql` for how order and atomicity come about. The pool
 * comes from `createPool`, its database is migrated, and it stays the caller's to end.
 */
export function postgresEventLog({ pool }: { readonly pool: pg.Pool }): EventLog {
  const commits = new Subject<CommitNotice>();
  let closed = false;

  const rows = async <Row extends unknown[]>(query: { name: string; text: string }, values: unknown[]) =>
    (await pool.query<Row>({ ...query, values, rowMode: 'array', types: rowTypes }).catch(sealed)).rows;
  const read = async (tenant: TenantId, query: { name: string; text: string }, values: unknown[]) =>
    (await rows<EventRow>(query, values)).map((row) => storedEvent(tenant, row));
  const readStream = (tenant: TenantId, stream: StreamName, from: number, limit?: number) =>
    read(tenant, queries.readStream, [tenant, stream, from, limit ?? null]);

  function announce(tenant: TenantId, events: readonly StoredEvent[]): void {
    const last = events.at(-1);
    if (last) commits.next({ tenant, head: last.position, events });
  }

  /** All the calls at once; undefined when something about one of them is unusual and nothing was stored. */
  async function appendAtOnce(calls: readonly Call[]): Promise<AppendOutcome[] | undefined> {
    const names = tenantsOf(calls);
    const before = new Map<TenantId, number>();
    try {
      const heads = isSingle(calls)
        ? await rows<[number]>(queries.appendEvent, singleParameters(calls[0]!))
        : await rows<[number]>(queries.appendEvents, batchParameters(calls));
      for (const [index, name] of names.entries()) before.set(name, heads[index]![0]);
    } catch (error) {
      if (isConflict(error) || isKnownId(error)) return undefined;
      throw error;
    }
    const added = new Map<TenantId, StoredEvent[]>();
    const outcomes = calls.map((call): AppendOutcome => {
      const from = before.get(call.tenant)!;
      const commits = newCommits(call, from);
      before.set(call.tenant, commits.at(-1)!.position);
      const events = storedEvents(call, from);
      const earlier = added.get(call.tenant);
      if (earlier) earlier.push(...events);
      else added.set(call.tenant, events);
      return { kind: 'appended', commits };
    });
    for (const [tenant, events] of added) announce(tenant, events);
    return outcomes;
  }

  async function appendOneByOne(call: Call): Promise<AppendOutcome> {
    const { tenant, writes } = call;
    let done: [number, number, boolean][];
    try {
      done = await rows(queries.appendOneByOne, oneByOneParameters(call));
    } catch (error) {
      if ((error as { code?: string }).code === 'MS002') throw new AppendRejected((error as Error).message);
      if (!isConflict(error)) throw error;
      const index = Number((error as { detail?: string }).detail);
      const { stream, expectedRevision } = writes[index]!;
      return { kind: 'conflict', index, missed: await readStream(tenant, stream, expectedRevision + 1), commits: [] };
    }
    const committed = done.map(([revision, position, repeated], index): Commit => {
      const stream = writes[index]!.stream;
      return { stream, revision: revision as Revision, position: position as Position, repeated };
    });
    const added = writes.flatMap((write, index) => {
      const { repeated, position } = committed[index]!;
      return repeated ? [] : storedEvents({ tenant, writes: [write] }, position - write.events.length);
    });
    announce(tenant, added);
    return { kind: 'appended', commits: committed };
  }

  /** The calls of which some stream is not at the revision they expect. */
  async function staleOf(calls: readonly Call[]): Promise<Set<Call>> {
    const all = calls.flatMap(({ tenant, writes }) => writes.map(({ stream }) => ({ tenant, stream })));
    const found = await rows<[string, string, number]>(queries.revisions, [
      all.map((one) => one.tenant),
      all.map((one) => one.stream),
    ]);
    const revisions = new Map(found.map(([tenant, stream, revision]) => [`${tenant}\n${stream}`, revision]));
    return new Set(
      calls.filter(({ tenant, writes }) =>
        writes.some((write) => (revisions.get(`${tenant}\n${write.stream}`) ?? -1) !== write.expectedRevision),
      ),
    );
  }

  /** Together where that goes; the unusual ones are found by their streams, or else by halving, and go alone. */
  async function store(calls: readonly Call[]): Promise<PromiseSettledResult<AppendOutcome>[]> {
    if (calls.length === 1 && !distinctStreams(calls[0]!)) return Promise.allSettled([appendOneByOne(calls[0]!)]);
    const [together] = await Promise.allSettled([appendAtOnce(calls)]);
    if (together.status === 'rejected') return calls.map(() => together);
    if (together.value) return together.value.map((value) => ({ status: 'fulfilled', value }));
    if (calls.length === 1) return Promise.allSettled([appendOneByOne(calls[0]!)]);

    const stale = await staleOf(calls);
    if (stale.size === 0) {
      const half = calls.length >> 1;
      return [...(await store(calls.slice(0, half))), ...(await store(calls.slice(half)))];
    }
    const results = new Map<Call, PromiseSettledResult<AppendOutcome>>();
    const usual = calls.filter((call) => !stale.has(call));
    const stored = usual.length > 0 ? await store(usual) : [];
    for (const [index, call] of usual.entries()) results.set(call, stored[index]!);
    for (const call of stale) results.set(call, (await Promise.allSettled([appendOneByOne(call)]))[0]!);
    return calls.map((call) => results.get(call)!);
  }

  const doubts = new Doubts({
    // The row is locked until an append that is still under way has ended.
    headOf: async (tenant) =>
      ((await rows<[number]>(queries.settledHead, [tenant]))[0]?.[0] ?? NO_POSITION) as Position,
    announce: (tenant, head) => commits.next({ tenant, head }),
  });

  async function storeOrDoubt(calls: readonly Call[]): Promise<PromiseSettledResult<AppendOutcome>[]> {
    const results = await store(calls);
    for (const [index, result] of results.entries())
      if (result.status === 'rejected' && isAway(result.reason)) doubts.add(calls[index]!.tenant);
    return results;
  }

  const queue = lanes<Call, AppendOutcome>({ lanes: laneCount, maxWaiting, take: fitTogether, work: storeOrDoubt });

  return {
    async append(tenant, writes) {
      checkWrites(writes);
      if (closed) throw new Error('the event log is closed');
      return queue.run(tenant, { tenant, writes });
    },
    readStream: (tenant, stream, { from = 0, limit } = {}) => readStream(tenant, stream, from, limit),
    async readStreams(tenant, streams) {
      const found = new Map<StreamName, StoredEvent[]>();
      for (const event of await read(tenant, queries.readStreams, [tenant, streams])) {
        const events = found.get(event.stream);
        if (events) events.push(event);
        else found.set(event.stream, [event]);
      }
      return found;
    },
    readAll: (tenant, after, limit) => read(tenant, queries.readAll, [tenant, after, limit]),
    head: async (tenant) => ((await rows<[number]>(queries.head, [tenant]))[0]?.[0] ?? NO_POSITION) as Position,
    tenants: async () =>
      (await rows<[TenantId, Position]>(queries.tenants, [])).map(([tenant, head]) => ({ tenant, head })),
    commits: commits.asObservable(),
    async close() {
      closed = true;
      await queue.idle();
      await doubts.close();
      commits.complete();
    },
  };
}

/** Where some tenants stand, in one round trip; those without events are absent. */
export async function postgresHeads(
  pool: pg.Pool,
  tenants: readonly TenantId[],
): Promise<{ tenant: TenantId; head: Position }[]> {
  const query = { ...queries.heads, values: [tenants], rowMode: 'array' as const, types: rowTypes };
  const { rows } = await pool.query<[TenantId, Position]>(query);
  return rows.map(([tenant, head]) => ({ tenant, head }));
}

/** How many calls, from the first, touch different streams with different ids and stay within the limits. */
function fitTogether(calls: readonly Call[]): number {
  if (calls.length === 1) return 1;
  const seen = new Set<string>();
  let events = 0;
  let bytes = 0;
  for (const [index, { tenant, writes }] of calls.entries()) {
    for (const write of writes) {
      const stream = `s${tenant}\n${write.stream}`;
      if (seen.has(stream)) return Math.max(1, index);
      seen.add(stream);
      for (const event of write.events) {
        const id = `i${tenant}\n${event.id}`;
        if (seen.has(id)) return Math.max(1, index);
        seen.add(id);
        events++;
        bytes += event.payload.byteLength;
      }
    }
    if (events > maxTogether.events || bytes > maxTogether.bytes || index >= maxTogether.calls)
      return Math.max(1, index);
  }
  return calls.length;
}

function distinctStreams({ writes }: Call): boolean {
  return writes.length === 1 || new Set(writes.map((write) => write.stream)).size === writes.length;
}

function sealed(error: unknown): never {
  const { code, message } = error as Error & { code?: string };
  throw code === sealedCode ? new LogSealed(message) : error;
}

function isConflict(error: unknown): boolean {
  return (error as { code?: string }).code === 'MS001';
}

function isKnownId(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23505' && constraint === 'events_id';
}
