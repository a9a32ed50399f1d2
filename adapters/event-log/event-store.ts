import { Subject } from 'rxjs';
import { v5 as uuidV5 } from 'uuid';
import type { EventMeta } from '../../domain/shared/event.ts';
import type {
  CommandId,
  EventId,
  Instant,
  Revision,
  StreamName,
  SubjectId,
  TenantId,
} from '../../domain/shared/ids.ts';
import type { EventRegistry } from '../../domain/shared/upcast.ts';
import type { DataKey, KeyRing } from '../crypto.port.ts';
import { chainHash } from './chain.ts';
import {
  type DomainWrite,
  type EventStore,
  emptyHead,
  type RecordedEvent,
  type StreamHead,
  type StreamPage,
  type WriteOutcome,
} from './event-store.port.ts';
import { AppendRejected, type EventLog, maxPayloadBytes, type StoredEvent, type UnstoredEvent } from './port.ts';
import { joinPayload, sealContext, splitPayload } from './sealed.ts';

export interface EventStoreOptions {
  readonly log: EventLog;
  readonly keys: KeyRing;
  /** The time of recording. */
  readonly clock: () => Instant;
  /** Every type that may be appended or met. */
  readonly events: EventRegistry;
  /** Of one sealed event; the log's own limit unless told. */
  readonly maxPayloadBytes?: number;
}

/** The write's subject or owner was erased: nothing can be stored about it any more. */
export class SubjectErased extends Error {
  override readonly name = 'SubjectErased';
  readonly subject: SubjectId;
  constructor(subject: SubjectId) {
    super('the subject of this write was erased');
    this.subject = subject;
  }
}

/** UUID namespace of event ids. */
const eventNamespace = '5b2f7a0e-6a59-4c1e-9d43-6f1f4e0c9a71';

/** The ids of a write's events: the same command has the same ones each time. */
export function eventIds({ stream, events }: Pick<DomainWrite, 'stream' | 'events'>): EventId[] {
  // Counted per command, so that a repeated command finds its ids whatever else shares the write.
  const counts = new Map<CommandId, number>();
  return events.map(({ meta: { commandId } }) => {
    const index = counts.get(commandId) ?? 0;
    counts.set(commandId, index + 1);
    return uuidV5(`${commandId}\n${stream}\n${index}`, eventNamespace) as EventId;
  });
}

interface Prepared {
  readonly events: readonly UnstoredEvent[];
  readonly head: StreamHead;
}

/**
 * The event store over a log and a key ring.
 * `append` throws `SubjectErased`; `AppendRejected` as the log does, and for an event of a type or version that is
 * not the present one of `events`. Reads throw `UnknownEvent` for what a newer program stored and `SealBroken` for
 * bytes that were changed.
 */
export function createEventStore(options: EventStoreOptions): EventStore {
  const { log, keys, clock, events: registry } = options;
  const limit = Math.min(options.maxPayloadBytes ?? maxPayloadBytes, maxPayloadBytes);

  const stored = new Subject<{ tenant: TenantId; events: readonly RecordedEvent[] }>();

  function prepare(tenant: TenantId, write: DomainWrite, key: DataKey, recordedAt: Instant): Prepared {
    const { stream } = write;
    let { revision, hash } = write.head;
    const ids = eventIds(write);
    const events = write.events.map(({ event, meta }, place): UnstoredEvent => {
      const { type, version: schemaVersion } = event;
      if (registry.definition(type, schemaVersion).version !== schemaVersion)
        throw new AppendRejected(`${type} is written in version ${schemaVersion}, which is not the present one`);
      revision++;
      const id = ids[place]!;
      const named = { tenant, stream, revision: revision as Revision, id, type, schemaVersion };
      const plain = Buffer.from(JSON.stringify({ data: event.data, meta }), 'utf8');
      const payload = joinPayload(write.subject, key.seal(plain, sealContext(named)));
      if (payload.byteLength > limit)
        throw new AppendRejected(`a payload of ${payload.byteLength} bytes is over ${limit}`);
      hash = chainHash(hash, { ...named, recordedAt, payload });
      return { id, type, schemaVersion, recordedAt, payload, hash };
    });
    return { events, head: { revision, hash } };
  }

  function opened(stored: StoredEvent, key: DataKey | undefined, sealed: Uint8Array): RecordedEvent {
    const { id, tenant, stream, revision, position, recordedAt, type, schemaVersion } = stored;
    if (!key) {
      const meta: EventMeta = { at: recordedAt, actor: { kind: 'system' }, commandId: '' as CommandId };
      return { id, tenant, stream, revision, position, recordedAt, type: 'Forgotten', data: null, meta };
    }
    const plain = key.open(sealed, sealContext(stored)) as Buffer;
    const { data, meta } = JSON.parse(plain.toString('utf8'));
    return {
      id,
      tenant,
      stream,
      revision,
      position,
      recordedAt,
      type,
      data: registry.upcast(type, schemaVersion, data),
      meta,
    };
  }

  async function openAll(tenant: TenantId, stored: readonly StoredEvent[]): Promise<RecordedEvent[]> {
    if (stored.length === 0) return [];
    const parts = stored.map((event) => splitPayload(event.payload));
    const found = await keys.find(tenant, [...new Set(parts.map((part) => part.subject))]);
    return stored.map((event, index) => opened(event, found.get(parts[index]!.subject), parts[index]!.sealed));
  }

  async function append(tenant: TenantId, writes: readonly DomainWrite[]): Promise<WriteOutcome> {
    const found = await keys.ensure(tenant, writes);
    const recordedAt = clock();
    const prepared = writes.map((write) => {
      const key = found.get(write.subject);
      if (!key) throw new SubjectErased(write.subject);
      return prepare(tenant, write, key, recordedAt);
    });
    const outcome = await log.append(
      tenant,
      writes.map((write, index) => ({
        stream: write.stream,
        expectedRevision: write.head.revision,
        events: prepared[index]!.events,
      })),
    );
    if (outcome.kind === 'conflict') return { kind: 'conflict', index: outcome.index };

    const heads: StreamHead[] = [];
    const recorded: (readonly RecordedEvent[])[] = [];
    for (const [index, commit] of outcome.commits.entries()) {
      const { stream, events: given } = writes[index]!;
      const { events, head } = prepared[index]!;
      if (commit.repeated) {
        // What was stored then differs from what we sealed now: only the log knows its hash, and what followed.
        const from = commit.revision - events.length + 1;
        const present = await log.readStream(tenant, stream, { from });
        heads.push(headOf(present));
        recorded.push(await openAll(tenant, present.slice(0, events.length)));
        continue;
      }
      heads.push(head);
      recorded.push(
        events.map(({ id, type }, place): RecordedEvent => {
          const back = events.length - 1 - place;
          return {
            id,
            tenant,
            stream,
            revision: (commit.revision - back) as RecordedEvent['revision'],
            position: (commit.position - back) as RecordedEvent['position'],
            recordedAt,
            type,
            data: given[place]!.event.data,
            meta: given[place]!.meta,
          };
        }),
      );
    }
    if (stored.observed) {
      const fresh = recorded.filter((_, index) => !outcome.commits[index]!.repeated).flat();
      if (fresh.length > 0) stored.next({ tenant, events: fresh });
    }
    return { kind: 'appended', commits: outcome.commits, heads, recorded };
  }

  const page = async (tenant: TenantId, stored: readonly StoredEvent[]): Promise<StreamPage> => ({
    events: await openAll(tenant, stored),
    head: headOf(stored),
  });

  return {
    append,
    load: async (tenant, stream, range) => page(tenant, await log.readStream(tenant, stream, range)),
    async loadMany(tenant, streams) {
      const stored = await log.readStreams(tenant, streams);
      const events = await openAll(tenant, [...stored.values()].flat());
      const pages = new Map<StreamName, StreamPage>();
      let from = 0;
      for (const [stream, ofStream] of stored) {
        pages.set(stream, { events: events.slice(from, from + ofStream.length), head: headOf(ofStream) });
        from += ofStream.length;
      }
      return pages;
    },
    readAll: async (tenant, after, count) => openAll(tenant, await log.readAll(tenant, after, count)),
    head: (tenant) => log.head(tenant),
    tenants: () => log.tenants(),
    commits: log.commits,
    ...(log.heard ? { heard: (tenant) => log.heard?.(tenant) } : {}),
    recorded: stored.asObservable(),
  };
}

function headOf(stored: readonly StoredEvent[]): StreamHead {
  const last = stored.at(-1);
  return last ? { revision: last.revision, hash: last.hash } : emptyHead;
}
