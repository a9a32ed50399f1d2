/** The contract of `EventLog` in memory: for tests and the simulator, and the shortest way to read what it promises. */
import { Subject } from 'rxjs';
import {
  type EventId,
  NO_POSITION,
  type Position,
  type Revision,
  type StreamName,
  type TenantId,
} from '../../domain/shared/ids.ts';
import { checkWrites } from './check.ts';
import {
  type AppendOutcome,
  AppendRejected,
  type Commit,
  type CommitNotice,
  type EventLog,
  type StoredEvent,
  type StreamWrite,
} from './port.ts';

interface TenantLog {
  readonly all: StoredEvent[];
  readonly streams: Map<StreamName, StoredEvent[]>;
  readonly ids: Map<EventId, StoredEvent>;
}

/** What outlives a log: hand it to the next `memoryEventLog` to reopen it, as after a restart. */
export type MemoryStorage = Map<TenantId, TenantLog>;

/** The log as it is now, as a backup has it. */
export function copyOf(storage: MemoryStorage): MemoryStorage {
  return new Map(
    [...storage].map(([tenant, { all, streams, ids }]) => [
      tenant,
      {
        all: [...all],
        streams: new Map([...streams].map(([stream, events]) => [stream, [...events]])),
        ids: new Map(ids),
      },
    ]),
  );
}

/** Every call takes effect at once and is atomic over its writes. */
export function memoryEventLog(storage: MemoryStorage = new Map()): EventLog {
  const commits = new Subject<CommitNotice>();

  const tenantLog = (tenant: TenantId): TenantLog =>
    storage.get(tenant) ?? { all: [], streams: new Map(), ids: new Map() };

  function append(tenant: TenantId, writes: readonly StreamWrite[]): AppendOutcome {
    checkWrites(writes);
    const log = tenantLog(tenant);
    const added: StoredEvent[] = [];
    const done: Commit[] = [];
    for (const [index, write] of writes.entries()) {
      const repeat = repeatOf(log, write);
      if (repeat) {
        done.push(repeat);
        continue;
      }
      const stored = log.streams.get(write.stream) ?? [];
      const ours = added.filter((event) => event.stream === write.stream);
      const last = stored.length + ours.length - 1;
      if (last !== write.expectedRevision) {
        const missed = stored.slice(write.expectedRevision + 1);
        return { kind: 'conflict', index, missed, commits: [] };
      }
      for (const event of write.events) {
        added.push({
          ...event,
          payload: event.payload.slice(),
          hash: event.hash.slice(),
          tenant,
          stream: write.stream,
          revision: (last + 1 + write.events.indexOf(event)) as Revision,
          position: (log.all.length + added.length + 1) as Position,
        });
      }
      const { stream, revision, position } = added.at(-1)!;
      done.push({ stream, revision, position, repeated: false });
    }
    if (added.length > 0) {
      storage.set(tenant, log);
      for (const event of added) store(log, event);
      commits.next({ tenant, head: added.at(-1)!.position, events: added });
    }
    return { kind: 'appended', commits: done };
  }

  return {
    append: async (tenant, writes) => append(tenant, writes),
    readStream: async (tenant, stream, { from = 0, limit } = {}) =>
      (tenantLog(tenant).streams.get(stream) ?? []).slice(from, limit === undefined ? undefined : from + limit),
    readStreams: async (tenant, streams) => {
      const found = new Map<StreamName, StoredEvent[]>();
      for (const stream of streams) {
        const events = tenantLog(tenant).streams.get(stream);
        if (events) found.set(stream, [...events]);
      }
      return found;
    },
    readAll: async (tenant, after, limit) => tenantLog(tenant).all.slice(after, after + limit),
    head: async (tenant) => tenantLog(tenant).all.at(-1)?.position ?? NO_POSITION,
    tenants: async () => [...storage].map(([tenant, log]) => ({ tenant, head: log.all.at(-1)!.position })),
    commits: commits.asObservable(),
    close: async () => commits.complete(),
  };
}

function store(log: TenantLog, event: StoredEvent): void {
  log.all.push(event);
  log.ids.set(event.id, event);
  const stream = log.streams.get(event.stream);
  if (stream) stream.push(event);
  else log.streams.set(event.stream, [event]);
}

function repeatOf(log: TenantLog, write: StreamWrite): Commit | undefined {
  const known = write.events.flatMap((event) => log.ids.get(event.id) ?? []);
  if (known.length === 0) return undefined;
  if (known.length < write.events.length || known.some((event) => event.stream !== write.stream))
    throw new AppendRejected(`some ids of the write to ${write.stream} are stored already, elsewhere or in part`);
  const { stream, revision, position } = known.at(-1)!;
  return { stream, revision, position, repeated: true };
}
