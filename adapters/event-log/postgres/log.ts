import type pg from 'pg';
import { Subject } from 'rxjs';
import type { Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { NO_POSITION } from '../../../domain/shared/ids.ts';
import { checkWrites } from '../check.ts';
import {
  type AppendOutcome,
  AppendRejected,
  type Commit,
  type CommitNotice,
  type EventLog,
  type StoredEvent,
  type StreamWrite,
} from '../port.ts';
import { newCommits, parameters, storedEvents } from './call.ts';
import { tenantQueue } from './queue.ts';
import { columns, type EventRow, rowTypes, storedEvent } from './rows.ts';

type Writes = readonly StreamWrite[];

/** Limits of what is gathered into one call of the database. */
const maxTogether = { calls: 64, events: 1_000, bytes: 4_000_000 };

const functionArguments =
  '($1, $2, $3::bigint[], $4::integer[], $5::uuid[], $6, $7::integer[], $8::timestamptz[], $9::integer[], $10)';

export const queries = {
  append: { name: 'append_events', text: `select append_events${functionArguments}` },
  appendOneByOne: {
    name: 'append_events_one_by_one',
    text: `select last_revision, last_position, repeated from append_events_one_by_one${functionArguments}`,
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
    (await pool.query<Row>({ ...query, values, rowMode: 'array', types: rowTypes })).rows;
  const read = async (tenant: TenantId, query: { name: string; text: string }, values: unknown[]) =>
    (await rows<EventRow>(query, values)).map((row) => storedEvent(tenant, row));
  const readStream = (tenant: TenantId, stream: StreamName, from: number, limit?: number) =>
    read(tenant, queries.readStream, [tenant, stream, from, limit ?? null]);

  function announce(tenant: TenantId, events: readonly StoredEvent[]): void {
    const last = events.at(-1);
    if (last) commits.next({ tenant, head: last.position, events });
  }

  /** All the writes at once; undefined when something about them is unusual and nothing was stored. */
  async function appendAtOnce(tenant: TenantId, writes: Writes): Promise<number | undefined> {
    try {
      const [row] = await rows<[number]>(queries.append, parameters(tenant, writes));
      return row![0];
    } catch (error) {
      if (isConflict(error) || isKnownId(error)) return undefined;
      throw error;
    }
  }

  async function appendOneByOne(tenant: TenantId, writes: Writes): Promise<AppendOutcome> {
    let done: [number, number, boolean][];
    try {
      done = await rows(queries.appendOneByOne, parameters(tenant, writes));
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
      return repeated ? [] : storedEvents(tenant, [write], position - write.events.length);
    });
    announce(tenant, added);
    return { kind: 'appended', commits: committed };
  }

  async function appendAlone(tenant: TenantId, writes: Writes): Promise<AppendOutcome> {
    const before = distinctStreams([writes]) ? await appendAtOnce(tenant, writes) : undefined;
    if (before === undefined) return appendOneByOne(tenant, writes);
    announce(tenant, storedEvents(tenant, writes, before));
    return { kind: 'appended', commits: newCommits(writes, before) };
  }

  const queue = tenantQueue<Writes, AppendOutcome>(
    fitTogether,
    async (name, calls): Promise<PromiseSettledResult<AppendOutcome>[]> => {
      const tenant = name as TenantId;
      if (calls.length > 1) {
        const all = calls.flat();
        const before = await appendAtOnce(tenant, all);
        if (before !== undefined) {
          announce(tenant, storedEvents(tenant, all, before));
          let from = before;
          return calls.map((writes) => {
            const committed = newCommits(writes, from);
            from = committed.at(-1)!.position;
            return { status: 'fulfilled', value: { kind: 'appended', commits: committed } };
          });
        }
      }
      const results: PromiseSettledResult<AppendOutcome>[] = [];
      for (const writes of calls) results.push(...(await Promise.allSettled([appendAlone(tenant, writes)])));
      return results;
    },
  );

  return {
    async append(tenant, writes) {
      checkWrites(writes);
      if (closed) throw new Error('the event log is closed');
      return queue.run(tenant, writes);
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
      commits.complete();
    },
  };
}

/** How many calls, from the first, touch different streams with different ids and stay within the limits. */
function fitTogether(calls: readonly Writes[]): number {
  const streams = new Set<string>();
  const ids = new Set<string>();
  let events = 0;
  let bytes = 0;
  for (const [index, writes] of calls.entries()) {
    for (const write of writes) {
      if (streams.has(write.stream)) return Math.max(1, index);
      streams.add(write.stream);
      for (const event of write.events) {
        if (ids.has(event.id)) return Math.max(1, index);
        ids.add(event.id);
        events++;
        bytes += event.payload.byteLength;
      }
    }
    if (events > maxTogether.events || bytes > maxTogether.bytes || index >= maxTogether.calls)
      return Math.max(1, index);
  }
  return calls.length;
}

function distinctStreams(calls: readonly Writes[]): boolean {
  const streams = calls.flat().map((write) => write.stream);
  return new Set(streams).size === streams.length;
}

function isConflict(error: unknown): boolean {
  return (error as { code?: string }).code === 'MS001';
}

function isKnownId(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23505' && constraint === 'events_id';
}
