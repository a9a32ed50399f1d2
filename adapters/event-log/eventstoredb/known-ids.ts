/**
 * Which ids and streams a tenant's log holds, so that a write needs to ask the store for neither: what is certainly
 * new is told from a filter in memory, and only the rest is looked up. The filter is made of the index's pages when
 * the tenant is first written to, and of the events behind the last page.
 */
import type { EventId, Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';
import type { Connection } from './connection.ts';
import type { Place } from './decide.ts';
import { IndexDamaged } from './failure.ts';
import { FingerprintFilter } from './filter.ts';
import { type LogNames, recordId } from './names.ts';
import { decodePage, type Entry, encodePage, eventsPerPage, idPrint, type Page, streamPrint } from './pages.ts';

const pagesPerRead = 500;

export interface KnownIdsOptions {
  readonly tenant: TenantId;
  readonly connection: Connection;
  readonly names: LogNames;
  /** Events by position, without payloads that lie aside. */
  readonly readEvents: (after: number, limit: number) => Promise<readonly Entry[]>;
}

export class KnownIds {
  readonly #options: KnownIdsOptions;
  readonly #filter: FingerprintFilter;
  /** How many pages of the index are full. */
  #pages: number;
  /** The entries behind the last page, in order. */
  #recent: Entry[] = [];
  readonly #byId = new Map<EventId, Entry>();

  private constructor(options: KnownIdsOptions, pages: readonly Page[]) {
    this.#options = options;
    this.#filter = new FingerprintFilter(pages.length * eventsPerPage);
    this.#pages = pages.length;
    for (const { ids, streams } of pages) {
      for (const print of ids) this.#filter.add(print);
      for (const print of streams) this.#filter.add(print);
    }
  }

  static async load(options: KnownIdsOptions): Promise<KnownIds> {
    const pages: Page[] = [];
    for await (const some of readPages(options)) pages.push(...some);
    const known = new KnownIds(options, pages);
    for (;;) {
      const entries = await options.readEvents(known.last, pagesPerRead);
      known.note(entries);
      if (entries.length < pagesPerRead) return known;
    }
  }

  /** The position of the last event that is known here. */
  get last(): number {
    return this.#pages * eventsPerPage + this.#recent.length;
  }

  /** @returns false when there is a gap before these events, which makes all that is known here worthless. */
  note(events: readonly (Entry | StoredEvent)[]): boolean {
    for (const { id, stream, revision, position } of events) {
      if (position <= this.last) continue;
      if (position > this.last + 1) return false;
      const entry = { id, stream, revision, position };
      this.#recent.push(entry);
      this.#byId.set(id, entry);
      this.#filter.add(idPrint(id));
      if (revision === 0) this.#filter.add(streamPrint(stream));
    }
    return true;
  }

  /** False: the stream has no events up to `last`. */
  mayHave(stream: StreamName): boolean {
    return this.#filter.has(streamPrint(stream));
  }

  /** Whether it surely has events up to the position: through all pages, so for doubts only. */
  async began(stream: StreamName, position: number): Promise<boolean> {
    if (this.#recent.some((entry) => entry.stream === stream && entry.position <= position)) return true;
    const wanted = streamPrint(stream);
    for await (const pages of readPages(this.#options))
      if (pages.some(({ streams }) => streams.includes(wanted))) return true;
    return false;
  }

  /** Where those of the ids stand that are stored. `own` are events that may hold some of them, from one stream. */
  async placesOf(ids: readonly EventId[], own: () => Promise<readonly StoredEvent[]>): Promise<Map<EventId, Place>> {
    const places = new Map<EventId, Place>();
    const doubtful = new Set<EventId>();
    for (const id of ids) {
      const entry = this.#byId.get(id);
      if (entry) places.set(id, placeOf(entry));
      else if (this.#filter.has(idPrint(id))) doubtful.add(id);
    }
    if (doubtful.size === 0) return places;
    // Most often it is a call that was made before, and the events are in the stream it names.
    for (const event of await own()) if (doubtful.delete(event.id)) places.set(event.id, placeOf(event));
    if (doubtful.size > 0) for (const entry of await this.#search(doubtful)) places.set(entry.id, placeOf(entry));
    return places;
  }

  /** Writes the pages that are due when everything up to `position` is settled, and forgets what they hold. */
  async writePages(position: number): Promise<void> {
    const { connection, names, tenant } = this.#options;
    const stream = names.pages(tenant);
    while ((this.#pages + 1) * eventsPerPage <= Math.min(position, this.last)) {
      const page = this.#pages;
      const entries = this.#recent.slice(0, eventsPerPage);
      const record = { id: recordId(stream, page), type: 'EventIds', data: encodePage(entries) };
      const written = [{ ...record, contentType: 'application/octet-stream' as const }];
      if ((await connection.appendSurely(stream, written, page - 1)) === 'moved')
        throw new IndexDamaged(`${stream} does not go on at page ${page}`);
      if (page !== this.#pages) continue;
      this.#pages++;
      this.#recent = this.#recent.slice(eventsPerPage);
      for (const { id } of entries) this.#byId.delete(id);
    }
  }

  /** Through all pages: rare, since the filter seldom errs and a repeat is found in its stream. */
  async #search(ids: ReadonlySet<EventId>): Promise<Entry[]> {
    const wanted = new Set([...ids].map(idPrint));
    const candidates: number[] = [];
    let before = 0;
    for await (const pages of readPages(this.#options)) {
      for (const page of pages) {
        for (const [index, print] of page.ids.entries()) if (wanted.has(print)) candidates.push(before + index);
        before += eventsPerPage;
      }
    }
    const found = await Promise.all(candidates.map((after) => this.#options.readEvents(after, 1)));
    return found.flat().filter(({ id }) => ids.has(id));
  }
}

async function* readPages({ connection, names, tenant }: KnownIdsOptions): AsyncGenerator<Page[]> {
  for (let from = 0; ; from += pagesPerRead) {
    const records = await connection.read(names.pages(tenant), { from, count: pagesPerRead });
    yield records.map(({ event }) => decodePage(event!.data as Uint8Array));
    if (records.length < pagesPerRead) return;
  }
}

function placeOf({ stream, revision, position }: Entry | StoredEvent): Place {
  return { stream, revision: revision as Revision, position: position as Position };
}
