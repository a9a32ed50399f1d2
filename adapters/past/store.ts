/**
 * The log as it stood at a position, to run what was asked then once more. What is appended stays here, in memory,
 * behind the cut; of the real store only reading is in reach.
 */
import { LRUCache } from 'lru-cache';
import { Subject } from 'rxjs';
import type { DomainEvent } from '../../domain/shared/event.ts';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../domain/shared/ids.ts';
import {
  type DomainWrite,
  type EventStore,
  emptyHead,
  type RecordedEvent,
  type StreamHead,
  type StreamPage,
  type WriteOutcome,
} from '../event-log/event-store.port.ts';
import { eventIds, SubjectErased } from '../event-log/event-store.ts';
import { AppendRejected, type Commit, type CommitNotice, maxPayloadBytes } from '../event-log/port.ts';

/** Of the real store no more than this is asked. */
export type ReadableStore = Pick<EventStore, 'load' | 'loadMany' | 'readAll' | 'head'>;

export interface PastStoreOptions {
  readonly tenant: TenantId;
  /** What was stored later is not seen. */
  readonly position: Position;
  /** The time of recording of what is appended here. */
  readonly now: () => Instant;
}

/** What was appended to a stream here; of the real one its events up to `base` are seen. */
interface Own {
  readonly base: number;
  readonly events: RecordedEvent[];
}

const pageSize = 500;
/** A request looks at few streams, and at these several times. */
const loadedMax = 32;
/** Places between two positions of the log: as many events can be appended here in their order. */
const placesBetween = 65_536;

export class PastStore implements EventStore {
  readonly tenant: TenantId;
  readonly #store: ReadableStore;
  readonly #now: () => Instant;
  readonly #own = new Map<StreamName, Own>();
  readonly #appended: RecordedEvent[] = [];
  /** Streams as they are in the real log: before the cut nothing of them changes. */
  readonly #loaded = new LRUCache<StreamName, readonly RecordedEvent[]>({ max: loadedMax });
  readonly #commits = new Subject<CommitNotice>();
  #position: Position;
  #places = 0;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param store the one whose `load` gives events as they are stored: long bodies stay names. */
  constructor(store: ReadableStore, { tenant, position, now }: PastStoreOptions) {
    this.#store = store;
    this.tenant = tenant;
    this.#position = position;
    this.#now = now;
  }

  /** The last position of the real log that is seen. */
  get position(): Position {
    return this.#position;
  }

  /** All that was appended here, in order. Their positions lie between the cut and the next of the real log. */
  get appended(): readonly RecordedEvent[] {
    return this.#appended;
  }

  get commits() {
    return this.#commits.asObservable();
  }

  /** As of the real store; a repeat is one of an event that is seen here. @throws AppendRejected, SubjectErased */
  append(tenant: TenantId, writes: readonly DomainWrite[]): Promise<WriteOutcome> {
    this.#mustBeOurs(tenant);
    const turn = this.#queue.then(() => this.#append(writes));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async load(tenant: TenantId, stream: StreamName, options?: { readonly from?: number }): Promise<StreamPage> {
    this.#mustBeOurs(tenant);
    let events = this.#loaded.get(stream);
    if (!events) {
      events = (await this.#store.load(tenant, stream)).events;
      this.#loaded.set(stream, events);
    }
    return this.#seen(stream, events, options?.from);
  }

  async loadMany(tenant: TenantId, streams: readonly StreamName[]): Promise<Map<StreamName, StreamPage>> {
    this.#mustBeOurs(tenant);
    const pages = await this.#store.loadMany(tenant, streams);
    const seen = streams.map((stream) => [stream, this.#seen(stream, pages.get(stream)?.events ?? [])] as const);
    return new Map(seen.filter(([, { events }]) => events.length > 0));
  }

  async readAll(tenant: TenantId, after: Position, limit: number): Promise<RecordedEvent[]> {
    this.#mustBeOurs(tenant);
    const found: RecordedEvent[] = this.#appended.filter(({ position }) => position > after);
    for (let from = after, left = limit; left > 0; ) {
      const page = await this.#store.readAll(tenant, from, limit);
      const seen = page.filter((event) => this.#isSeen(event));
      found.push(...seen);
      left -= seen.length;
      const last = page.at(-1);
      if (!last || page.length < limit || last.position >= this.#position) break;
      from = last.position;
    }
    return found.sort((a, b) => a.position - b.position).slice(0, limit);
  }

  async head(tenant: TenantId): Promise<Position> {
    this.#mustBeOurs(tenant);
    const real = Math.min(this.#position, await this.#store.head(tenant));
    return Math.max(real, this.#appended.at(-1)?.position ?? 0) as Position;
  }

  async tenants(): Promise<{ tenant: TenantId; head: Position }[]> {
    return [{ tenant: this.tenant, head: await this.head(this.tenant) }];
  }

  /**
   * Goes on to a later position of the real log. What `isReplaced` names is left out of it, since what was appended here
   * stands in its place; what others appended to the same streams follows, so that revisions may be others than theirs.
   */
  async goOn(position: Position, isReplaced: (event: RecordedEvent) => boolean): Promise<void> {
    for (let from = this.#position; from < position; ) {
      const page = await this.#store.readAll(this.tenant, from, pageSize);
      for (const event of page) {
        if (event.position > position) break;
        this.#follow(event, isReplaced(event));
      }
      from = page.at(-1)?.position ?? position;
    }
    this.#position = position;
    this.#places = 0;
    this.#loaded.clear();
    this.#appended.sort((a, b) => a.position - b.position);
  }

  #follow(event: RecordedEvent, isReplaced: boolean): void {
    let own = this.#own.get(event.stream);
    if (isReplaced && !own) this.#own.set(event.stream, (own = { base: event.revision - 1, events: [] }));
    if (isReplaced || !own) return;
    const revision = (own.base + own.events.length + 1) as Revision;
    const following = { ...event, revision };
    own.events.push(following);
    this.#appended.push(following);
  }

  /** How often the stream was appended to here. */
  changesOf(stream: StreamName): number {
    return this.#own.get(stream)?.events.length ?? 0;
  }

  /** Streams that were appended to here. */
  get changedStreams(): Iterable<StreamName> {
    return this.#own.keys();
  }

  async #append(writes: readonly DomainWrite[]): Promise<WriteOutcome> {
    const streams = [...new Set(writes.map(({ stream }) => stream))];
    const pages = new Map<StreamName, RecordedEvent[]>();
    for (const stream of streams) pages.set(stream, [...(await this.load(this.tenant, stream)).events]);
    const added: RecordedEvent[] = [];
    const done: { commit: Commit; head: StreamHead; recorded: RecordedEvent[] }[] = [];
    for (const [index, write] of writes.entries()) {
      const present = pages.get(write.stream) as RecordedEvent[];
      if (present.some(({ type }) => type === 'Forgotten')) throw new SubjectErased(write.subject);
      const ids = eventIds(write);
      const known = present.filter(({ id }) => ids.includes(id));
      if (known.length > 0 && known.length < ids.length) {
        throw new AppendRejected(`some ids of the write to ${write.stream} are stored already`);
      }
      const isRepeat = known.length > 0;
      if (!isRepeat && (present.at(-1)?.revision ?? -1) !== write.head.revision) return { kind: 'conflict', index };
      const recorded = isRepeat ? known : this.#recorded(write, ids, added.length);
      if (!isRepeat) {
        present.push(...recorded);
        added.push(...recorded);
      }
      const { stream, revision, position } = recorded.at(-1) as RecordedEvent;
      done.push({ commit: { stream, revision, position, repeated: isRepeat }, head: headOf(present), recorded });
    }
    this.#take(added);
    return {
      kind: 'appended',
      commits: done.map(({ commit }) => commit),
      heads: done.map(({ head }) => head),
      recorded: done.map(({ recorded }) => recorded),
    };
  }

  #recorded(write: DomainWrite, ids: readonly EventId[], before: number): RecordedEvent[] {
    return write.events.map(({ event, meta }, at): RecordedEvent => {
      mustFit(event, meta);
      return {
        id: ids[at] as EventId,
        tenant: this.tenant,
        stream: write.stream,
        revision: (write.head.revision + 1 + at) as Revision,
        position: (this.#position + (this.#places + before + at + 1) / placesBetween) as Position,
        recordedAt: this.#now(),
        type: event.type,
        data: structuredClone(event.data),
        meta,
      };
    });
  }

  #take(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      const own = this.#own.get(event.stream);
      if (own) own.events.push(event);
      else this.#own.set(event.stream, { base: event.revision - 1, events: [event] });
    }
    this.#appended.push(...events);
    this.#places += events.length;
    this.#commits.next({ tenant: this.tenant, head: (events.at(-1) as RecordedEvent).position });
  }

  #seen(stream: StreamName, stored: readonly RecordedEvent[], from = 0): StreamPage {
    const own = this.#own.get(stream)?.events ?? [];
    const events = [...stored.filter((event) => this.#isSeen(event)), ...own];
    const asked = from === 0 ? events : events.filter(({ revision }) => revision >= from);
    return { events: asked, head: headOf(asked) };
  }

  #isSeen({ stream, revision, position }: RecordedEvent): boolean {
    return position <= this.#position && revision <= (this.#own.get(stream)?.base ?? revision);
  }

  #mustBeOurs(tenant: TenantId): void {
    if (tenant !== this.tenant) throw new Error(`the past of ${this.tenant} knows nothing of another tenant`);
  }
}

/** Sealing adds some bytes: no more than this. */
const sealBytes = 256;

function mustFit(event: DomainEvent, meta: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify({ data: event.data, meta }), 'utf8') + sealBytes;
  if (bytes > maxPayloadBytes) throw new AppendRejected(`a payload of ${bytes} bytes is over ${maxPayloadBytes}`);
}

/** Nothing is chained here, so the hash says nothing. */
function headOf(events: readonly RecordedEvent[]): StreamHead {
  const last = events.at(-1);
  return last ? { revision: last.revision, hash: emptyHead.hash } : emptyHead;
}
