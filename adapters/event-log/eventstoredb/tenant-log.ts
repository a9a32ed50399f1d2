/** The log of one tenant: appends through a queue, one at a time, and reads of what is stored when they begin. */

import type { ResolvedEvent } from '@eventstore/db-client';
import type { LRUCache } from 'lru-cache';
import type { LimitFunction } from 'p-limit';
import type { EventId, Position, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { type Lanes, lanes } from '../../lanes.ts';
import { type AppendOutcome, AppendRejected, type StoredEvent, type StreamWrite } from '../port.ts';
import type { Announcer } from './announcer.ts';
import { Asides } from './asides.ts';
import { fitCount, putAside } from './batch.ts';
import type { Connection } from './connection.ts';
import { type Decision, decide, type Known } from './decide.ts';
import { IndexDamaged } from './failure.ts';
import { KnownIds } from './known-ids.ts';
import { Linker } from './linker.ts';
import { mergeStream } from './merge.ts';
import { type LogNames, recordId } from './names.ts';
import { SharedCall } from './shared-call.ts';
import { Tail } from './tail.ts';
import { fromWire, type ReadEvent, toWire } from './wire.ts';

export interface TenantLogOptions {
  readonly tenant: TenantId;
  readonly connection: Connection;
  readonly names: LogNames;
  readonly announcer: Announcer;
  /** Last revisions of streams, of all tenants. */
  readonly ends: LRUCache<string, number>;
  readonly linkLimit: LimitFunction;
  readonly maxAppendBytes: number;
  /** How long other nodes are given to link what they stored. */
  readonly graceMs: number;
  readonly onError: (error: unknown, tenant: TenantId) => void;
}

/** What is known of the tenant since it was opened here. */
interface Opened {
  readonly tail: Tail;
  readonly linker: Linker;
  /** Distinguishes the ends found for it from those of an earlier opening. */
  readonly mark: string;
  ids: Promise<KnownIds> | undefined;
  loadedIds: KnownIds | undefined;
}

const readPage = 500;
const maxWaiting = 5_000;
/** Appends wait while more events than this have no links: a cold node must read them all. */
const maxUnlinked = 4_000;
let openings = 0;

export class TenantLog {
  readonly #options: TenantLogOptions;
  readonly #asides: Asides;
  readonly #queue: Lanes<readonly StreamWrite[], AppendOutcome>;
  readonly #refreshed: SharedCall;
  #opened: Promise<Opened> | undefined;
  #current: Opened | undefined;
  #calls = 0;
  /** Events on their way to the store: they are told of when the store has answered, and all at once. */
  #underWay: ReadonlySet<EventId> = new Set();

  constructor(options: TenantLogOptions) {
    this.#options = options;
    this.#asides = new Asides(options);
    this.#queue = lanes({
      ...{ lanes: 1, maxWaiting },
      take: (calls) => fitCount(calls, options.maxAppendBytes),
      work: (calls) => this.#store(calls),
    });
    this.#refreshed = new SharedCall(() => this.#readOn());
  }

  /** Nothing is under way, so it may be forgotten. */
  get isIdle(): boolean {
    return this.#calls === 0 && (this.#current?.tail.unlinked ?? 0) === 0;
  }

  append(writes: readonly StreamWrite[]): Promise<AppendOutcome> {
    return this.#busy(() => this.#queue.run('', writes));
  }

  async head(): Promise<Position> {
    return this.#busy(async () => {
      const { tail } = await this.#open();
      await this.#refreshed.run();
      return (this.#current?.tail ?? tail).head as Position;
    });
  }

  readStream(stream: StreamName, from: number, limit?: number): Promise<StoredEvent[]> {
    return this.#busy(() => this.#readStream(stream, from, limit));
  }

  readAll(after: Position, limit: number): Promise<StoredEvent[]> {
    return this.#busy(async () => this.#asides.fill(await this.#readEvents(after, limit)));
  }

  /** An event that another node stored, or this one; told in the order of positions. */
  async heard(read: ReadEvent): Promise<void> {
    if (this.#underWay.has(read.event.id)) return;
    const opened = this.#current;
    if (!opened) {
      this.#options.announcer.tell(this.#options.tenant, await this.#asides.fill([read]));
      return;
    }
    if (read.event.position > opened.tail.head + 1) await this.#refreshed.run();
    this.#add(opened, await this.#asides.fill([read]), performance.now() + this.#options.graceMs, read.linked);
  }

  /** Ends what goes on behind the appends. */
  async close(): Promise<void> {
    await this.#queue.idle();
    await this.#current?.linker.close();
  }

  async #busy<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
    }
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#openNow().catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #openNow(): Promise<Opened> {
    const { connection, names, tenant, announcer } = this.#options;
    const [last] = await connection.read(names.tenant(tenant), { from: 'end', count: 1, isBackwards: true });
    const read = last?.event && fromWire(tenant, last.event);
    const tail = new Tail(read?.linked ?? 0);
    const linker = new Linker({
      ...{ ...this.#options, limit: this.#options.linkLimit, tail },
      onLinked: async () => this.#current?.loadedIds?.writePages(tail.linked),
    });
    const opened: Opened = { tail, linker, mark: `${++openings}\n`, ids: undefined, loadedIds: undefined };
    this.#current = opened;
    for (;;) {
      const page = await this.#readEvents(tail.head, readPage);
      this.#addToTail(opened, await this.#asides.fill(page), performance.now() + this.#options.graceMs);
      if (page.length < readPage) break;
    }
    announcer.tell(tenant, tail.after(tail.linked));
    linker.wake();
    return opened;
  }

  /** What this node knew is not what the store holds: an earlier state of the store was put in its place. */
  #forget(): void {
    void this.#current?.linker.close();
    this.#current = undefined;
    this.#opened = undefined;
  }

  async #readOn(): Promise<void> {
    const opened = await this.#open();
    for (;;) {
      const page = await this.#readEvents(opened.tail.head, readPage);
      const events = await this.#asides.fill(page);
      this.#add(opened, events, performance.now() + this.#options.graceMs, page.at(-1)?.linked ?? 0);
      if (page.length < readPage) return;
    }
  }

  async #readEvents(after: number, limit: number): Promise<ReadEvent[]> {
    const { connection, names, tenant } = this.#options;
    const found = await connection.read(names.tenant(tenant), { from: after, count: limit });
    return found.map(({ event }) => fromWire(tenant, event!));
  }

  #add(opened: Opened, events: readonly StoredEvent[], dueAtMs: number, linked: number): void {
    const news = this.#addToTail(opened, events, dueAtMs);
    opened.tail.linkedUpTo(linked);
    if (news.length > 0 || dueAtMs === 0) opened.linker.wake();
    this.#options.announcer.tell(this.#options.tenant, news);
  }

  #addToTail(opened: Opened, events: readonly StoredEvent[], dueAtMs: number): readonly StoredEvent[] {
    const news = opened.tail.add(events, dueAtMs);
    for (const { stream, revision } of news) this.#options.ends.set(opened.mark + stream, revision);
    if (opened.loadedIds && !opened.loadedIds.note(news)) {
      opened.ids = undefined;
      opened.loadedIds = undefined;
    }
    return news;
  }

  async #readStream(stream: StreamName, from: number, limit?: number): Promise<StoredEvent[]> {
    for (let tries = 0; ; tries++) {
      const { tail } = await this.#open();
      const before = tail.of(stream);
      const [linked] = await Promise.all([this.#readLinks(stream, from, limit), this.#refreshed.run()]);
      const merged = mergeStream(linked, [...before, ...tail.of(stream)], from, limit);
      if (merged) return merged;
      if (tries >= 5) throw new IndexDamaged(`links of ${stream} of ${this.#options.tenant} are missing`);
    }
  }

  async #readLinks(stream: StreamName, from: number, limit?: number): Promise<StoredEvent[]> {
    const { connection, names, tenant } = this.#options;
    const name = names.stream(tenant, stream);
    const read: ReadEvent[] = [];
    for (;;) {
      const count = Math.min(readPage, (limit ?? Number.POSITIVE_INFINITY) - read.length);
      if (count <= 0) break;
      const found = await connection.read(name, { from: from + read.length, count, areLinksFollowed: true });
      read.push(...found.map((one) => this.#linked(name, one)));
      if (found.length < count) break;
    }
    return this.#asides.fill(read);
  }

  /** @throws IndexDamaged when a link does not lead to the event that belongs there. */
  #linked(name: string, { event, link }: ResolvedEvent): ReadEvent {
    const { tenant, names } = this.#options;
    const read = event?.streamId === names.tenant(tenant) ? fromWire(tenant, event) : undefined;
    if (!read || read.event.revision !== Number(link?.revision) || names.stream(tenant, read.event.stream) !== name)
      throw new IndexDamaged(`${name} has a link at ${link?.revision} that leads nowhere`);
    return read;
  }

  /** The last revision of a stream; -1 when it has no events. */
  async #endOf(opened: Opened, ids: KnownIds, stream: StreamName): Promise<number> {
    const { connection, names, tenant, ends } = this.#options;
    const key = opened.mark + stream;
    const known = ends.get(key) ?? opened.tail.of(stream).at(-1)?.revision;
    if (known !== undefined) return known;
    if (!ids.mayHave(stream)) return -1;
    const [last] = await connection.read(names.stream(tenant, stream), { from: 'end', count: 1, isBackwards: true });
    const end = Math.max(Number((last?.link ?? last?.event)?.revision ?? -1), ends.get(key) ?? -1);
    ends.set(key, end);
    return end;
  }

  #idsOf(opened: Opened): Promise<KnownIds> {
    const { tenant, connection, names } = this.#options;
    const readEvents = async (after: number, limit: number) =>
      (await this.#readEvents(after, limit)).map(({ event }) => event);
    const load = async (): Promise<KnownIds> => {
      for (;;) {
        const ids = await KnownIds.load({ tenant, connection, names, readEvents });
        // With what came while it was read.
        if (!ids.note(opened.tail.after(ids.last))) continue;
        opened.loadedIds = ids;
        return ids;
      }
    };
    opened.ids ??= load();
    return opened.ids.catch((error) => {
      opened.ids = undefined;
      throw error;
    });
  }

  async #store(calls: readonly (readonly StreamWrite[])[]): Promise<PromiseSettledResult<AppendOutcome>[]> {
    const { connection, tenant } = this.#options;
    const until = performance.now() + connection.patienceMs;
    for (let isFresh = false; ; ) {
      const opened = await this.#open();
      while (opened.tail.unlinked > maxUnlinked) {
        opened.linker.wake();
        await opened.linker.settled();
        if (opened.tail.unlinked > maxUnlinked) await connection.pause(100);
        if (performance.now() > until) throw connection.unavailable(new Error('links cannot be written'));
      }
      const known = await this.#known(opened, calls);
      if (known.head !== opened.tail.head) continue;
      const { decisions, events } = decide(tenant, calls, known);
      if (!isFresh && events.length === 0 && decisions.some(({ kind }) => kind === 'conflict')) {
        // Somebody else may have stored what this call expects.
        await this.#refreshed.run();
        isFresh = true;
        continue;
      }
      if (events.length > 0 && !(await this.#append(opened, events, known.head, until))) {
        isFresh = true;
        continue;
      }
      return Promise.allSettled(decisions.map((decision) => this.#outcome(decision)));
    }
  }

  async #known(opened: Opened, calls: readonly (readonly StreamWrite[])[]): Promise<Known> {
    const ids = await this.#idsOf(opened);
    const { head } = opened.tail;
    const writes = calls.flat();
    const streams = [...new Set(writes.map(({ stream }) => stream))];
    const [ends, places] = await Promise.all([
      Promise.all(streams.map(async (stream) => [stream, await this.#endOf(opened, ids, stream)] as const)),
      Promise.all(
        writes.map(({ stream, events }) =>
          ids.placesOf(
            events.map(({ id }) => id),
            () => this.#readStream(stream, 0),
          ),
        ),
      ),
    ]);
    return { head, ends: new Map(ends), places: new Map(places.flatMap((some) => [...some])) };
  }

  /** @returns false when the log did not end at `head` any more: nothing was stored, and what came is known now. */
  async #append(opened: Opened, events: readonly StoredEvent[], head: number, until: number): Promise<boolean> {
    const { connection, names, tenant, maxAppendBytes } = this.#options;
    const aside = putAside(events, maxAppendBytes);
    await this.#asides.store(events.filter(({ id }) => aside.has(id)));
    if (head === 0) await this.#listTenant();
    const wire = events.map((event) => toWire(event, opened.tail.linked, aside.has(event.id)));
    this.#underWay = new Set(events.map(({ id }) => id));
    try {
      // While it is not known whether it was stored, the same events go to the same place again: the store takes them
      // for the first ones, and whoever else was there before is told from them by the ids.
      const send = () => connection.append(names.tenant(tenant), wire, head - 1);
      const outcome = await connection.patiently(send, Math.max(0, until - performance.now()));
      if (outcome === 'moved') await this.#moved(opened, head);
      if (outcome === 'moved' && !this.#isStored(opened, events)) return false;
      this.#add(opened, events, 0, 0);
      return true;
    } finally {
      this.#underWay = new Set();
    }
  }

  async #moved(opened: Opened, head: number): Promise<void> {
    await this.#refreshed.run();
    if (opened.tail.head === head) this.#forget();
  }

  #isStored(opened: Opened, events: readonly StoredEvent[]): boolean {
    const first = events[0]!;
    return opened.tail.after(first.position - 1)[0]?.id === first.id;
  }

  /** Before its first event, so that none is missing from the list. */
  async #listTenant(): Promise<void> {
    const { connection, names, tenant } = this.#options;
    const record = { id: recordId(names.tenants, tenant), type: 'Tenant', data: Buffer.from(tenant) };
    await connection.appendSurely(names.tenants, [{ ...record, contentType: 'application/octet-stream' }], 'any');
  }

  async #outcome(decision: Decision): Promise<AppendOutcome> {
    if (decision.kind === 'rejected') throw new AppendRejected(decision.reason);
    if (decision.kind === 'appended') return { kind: 'appended', commits: decision.commits };
    const { index, stream, after } = decision;
    const missed = await this.#readStream(stream, after + 1);
    return { kind: 'conflict', index, missed, commits: [] };
  }
}
