/** An `EventStore` in memory that keeps events in clear: for specs of what stands above the store. */
import { Subject } from 'rxjs';
import {
  type EventStore,
  emptyHead,
  type RecordedEvent,
  type StreamHead,
} from '../adapters/event-log/event-store.port.ts';
import type { Commit, CommitNotice, StoredEvent } from '../adapters/event-log/port.ts';
import { commandIdFrom } from '../adapters/ids.ts';
import type { EventId, Position, Revision, StreamName, TenantId } from '../domain/shared/ids.ts';

export interface PlainEventStore extends EventStore {
  /** How often streams were read: what a cache saves. */
  readonly loads: () => number;
  /** Runs once, between the next read of a stream and its answer: for races. */
  beforeNextAnswer(action: () => Promise<unknown> | unknown): void;
}

export function plainEventStore(): PlainEventStore {
  const logs = new Map<TenantId, RecordedEvent[]>();
  const commits = new Subject<CommitNotice>();
  let loads = 0;
  let before: (() => unknown) | undefined;
  const logOf = (tenant: TenantId) => logs.get(tenant) ?? logs.set(tenant, []).get(tenant)!;
  const streamOf = (tenant: TenantId, stream: StreamName) => logOf(tenant).filter((event) => event.stream === stream);
  const headOf = (events: readonly RecordedEvent[]): StreamHead => ({ ...emptyHead, revision: events.length - 1 });

  const store: PlainEventStore = {
    loads: () => loads,
    beforeNextAnswer(action) {
      before = action;
    },
    async append(tenant, writes) {
      const log = logOf(tenant);
      const added: RecordedEvent[] = [];
      const made: Commit[] = [];
      const recorded: RecordedEvent[][] = [];
      for (const [index, write] of writes.entries()) {
        const present = streamOf(tenant, write.stream);
        if (present.length - 1 !== write.head.revision) return { kind: 'conflict', index };
        for (const [at, { event, meta }] of write.events.entries()) {
          added.push({
            id: commandIdFrom([meta.commandId, write.stream, String(at)]) as string as EventId,
            tenant,
            stream: write.stream,
            revision: (present.length + at) as Revision,
            position: (log.length + added.length + 1) as Position,
            recordedAt: meta.at,
            type: event.type,
            data: structuredClone(event.data),
            meta,
          });
        }
        const { stream, revision, position } = added.at(-1)!;
        recorded.push(added.slice(-write.events.length));
        made.push({ stream, revision, position, repeated: false });
      }
      log.push(...added);
      const heads = made.map(({ revision }) => ({ ...emptyHead, revision }));
      commits.next({ tenant, head: log.length as Position, events: added as unknown as StoredEvent[] });
      return { kind: 'appended', commits: made, heads, recorded };
    },
    async load(tenant, stream) {
      loads++;
      const events = streamOf(tenant, stream);
      const action = before;
      before = undefined;
      await action?.();
      return { events, head: headOf(events) };
    },
    async loadMany(tenant, streams) {
      const pages = streams.map((stream) => [stream, streamOf(tenant, stream)] as const);
      return new Map(pages.map(([stream, events]) => [stream, { events, head: headOf(events) }]));
    },
    readAll: async (tenant, after, limit) => logOf(tenant).slice(after, after + limit),
    head: async (tenant) => logOf(tenant).length as Position,
    tenants: async () => [...logs].map(([tenant, events]) => ({ tenant, head: events.length as Position })),
    commits,
  };
  return store;
}
