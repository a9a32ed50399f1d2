/** What a node knows of a tenant's log from the moment it opened it: how it ends, where streams end, which ids it holds. */

import type { LRUCache } from 'lru-cache';
import type { LimitFunction } from 'p-limit';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent, StreamWrite } from '../port.ts';
import type { Connection } from './connection.ts';
import type { Known } from './decide.ts';
import { IndexDamaged } from './failure.ts';
import { KnownIds } from './known-ids.ts';
import { Linker } from './linker.ts';
import type { LogNames } from './names.ts';
import type { Records } from './records.ts';
import { Tail } from './tail.ts';

export interface KnowledgeOptions {
  readonly tenant: TenantId;
  readonly connection: Connection;
  readonly names: LogNames;
  readonly records: Records;
  /** Last revisions of streams, of all tenants. */
  readonly ends: LRUCache<string, number>;
  readonly linkLimit: LimitFunction;
  readonly onError: (error: unknown, tenant: TenantId) => void;
}

let openings = 0;

export class Knowledge {
  readonly tail: Tail;
  readonly linker: Linker;
  readonly #options: KnowledgeOptions;
  /** Distinguishes the ends found for it from those of an earlier opening. */
  readonly #mark = `${++openings}\n`;
  #ids: Promise<KnownIds> | undefined;
  #loadedIds: KnownIds | undefined;

  /** @param linked as the last event of the log says it. */
  constructor(options: KnowledgeOptions, linked: number) {
    this.#options = options;
    this.tail = new Tail(linked);
    this.linker = new Linker({
      ...{ ...options, limit: options.linkLimit, tail: this.tail },
      onLinked: async () => this.#loadedIds?.writePages(this.tail.linked),
    });
  }

  /** Takes what continues the log, and answers with what of it was new. */
  add(events: readonly StoredEvent[], dueAtMs: number, linked: number): readonly StoredEvent[] {
    const news = this.tail.add(events, dueAtMs);
    this.tail.linkedUpTo(linked);
    for (const { stream, revision } of news) this.#options.ends.set(this.#mark + stream, revision);
    if (this.#loadedIds && !this.#loadedIds.note(news)) {
      this.#ids = undefined;
      this.#loadedIds = undefined;
    }
    if (events.length > 0) this.linker.wakeAt(dueAtMs);
    return news;
  }

  /** What `decide` must know of these calls, at the head at which it begins to look. */
  async of(
    calls: readonly (readonly StreamWrite[])[],
    read: (stream: StreamName) => Promise<readonly StoredEvent[]>,
  ): Promise<Known> {
    const ids = await this.#idsNow();
    const { head } = this.tail;
    const writes = calls.flat();
    const streams = [...new Set(writes.map(({ stream }) => stream))];
    const [ends, places] = await Promise.all([
      Promise.all(streams.map(async (stream) => [stream, await this.#endOf(ids, stream)] as const)),
      Promise.all(
        writes.map(({ stream, events }) =>
          ids.placesOf(
            events.map(({ id }) => id),
            () => read(stream),
          ),
        ),
      ),
    ]);
    return { head, ends: new Map(ends), places: new Map(places.flatMap((some) => [...some])) };
  }

  /** The last revision of a stream; -1 when it has no events. */
  async #endOf(ids: KnownIds, stream: StreamName): Promise<number> {
    const { records, ends, tenant } = this.#options;
    const key = this.#mark + stream;
    const known = ends.get(key) ?? this.tail.of(stream).at(-1)?.revision;
    if (known !== undefined) return known;
    if (!ids.mayHave(stream)) return -1;
    const end = Math.max(await records.lastLink(stream), ends.get(key) ?? -1);
    // A stream that began must have links by now, or be at hand: what is appended as its first event would be lost.
    if (end < 0 && (await ids.began(stream, this.tail.linked)))
      throw new IndexDamaged(`the links of ${stream} of ${tenant} are gone`);
    ends.set(key, end);
    return end;
  }

  async #idsNow(): Promise<KnownIds> {
    this.#ids ??= this.#loadIds();
    try {
      return await this.#ids;
    } catch (error) {
      this.#ids = undefined;
      throw error;
    }
  }

  async #loadIds(): Promise<KnownIds> {
    const { records } = this.#options;
    const readEvents = async (after: number, limit: number) =>
      (await records.after(after, limit)).map(({ event }) => event);
    for (;;) {
      const ids = await KnownIds.load({ ...this.#options, readEvents });
      // With what came while it was read.
      if (!ids.note(this.tail.after(ids.last))) continue;
      this.#loadedIds = ids;
      return ids;
    }
  }
}
