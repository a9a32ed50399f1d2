/**
 * Long bodies live in the blob store, sealed by their item's key, and events name them. Whoever decides or renders
 * sees content: an event store `over` another puts long bodies aside when it appends and back when it loads a stream.
 * `readAll` gives events as they are stored, so that read models carry names and stay small.
 */
import type { Body, Fields } from '../../domain/item/fields.ts';
import type { ItemId, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { itemSubject, parseItemStream } from '../../domain/shared/streams.ts';
import { BlobBroken, type BlobHash, type BlobStore, BlobTooLarge } from '../blobs/port.ts';
import { getSealed, putSealed } from '../blobs/sealed.ts';
import type { DataKey, KeyRing } from '../crypto.port.ts';
import type { DomainWrite, EventStore, RecordedEvent, StreamPage } from '../event-log/event-store.port.ts';
import { AppendRejected } from '../event-log/port.ts';
import { bodiesOf, isLong, isNamed, type NamedBody, replaceBodies, replaceInEvent } from './long-bodies.ts';

export interface BodiesOptions {
  readonly blobs: BlobStore;
  readonly keys: KeyRing;
  /** A body that an event names is gone or damaged: it is shown as one that is too long to be sent. */
  readonly onLost: (tenant: TenantId, item: ItemId, hash: BlobHash) => void;
  /** Of content that one load puts back; older bodies beyond it stay names. */
  readonly loadBytesMax?: number;
}

/** Bounds what one request makes of many long histories. */
const defaultLoadBytesMax = 67_108_864;
/** Looks at the blob store under way at once. */
const parallelMax = 4;

interface PutAside {
  readonly write: DomainWrite;
  readonly hashes: readonly BlobHash[];
}

export class ItemBodies {
  readonly #options: BodiesOptions;

  constructor(options: BodiesOptions) {
    this.#options = options;
  }

  /** An event store that knows where long bodies are. `append` also throws AppendRejected for a body over any limit. */
  over(inner: EventStore): EventStore {
    return {
      readAll: (tenant, after, limit) => inner.readAll(tenant, after, limit),
      head: (tenant) => inner.head(tenant),
      tenants: () => inner.tenants(),
      commits: inner.commits,
      ...(inner.heard ? { heard: (tenant) => inner.heard?.(tenant) } : {}),
      ...(inner.recorded ? { recorded: inner.recorded } : {}),
      append: async (tenant, writes) => {
        const aside = await this.#putAside(tenant, writes);
        if (!aside) return await inner.append(tenant, writes);
        const outcome = await inner
          .append(
            tenant,
            aside.map(({ write }) => write),
          )
          .catch(async (error: unknown) => {
            // Only a refusal says for certain that nothing of it was stored.
            if (error instanceof AppendRejected) await this.#drop(tenant, aside);
            throw error;
          });
        if (outcome.kind === 'conflict') {
          await this.#drop(tenant, aside.slice(outcome.index));
          return outcome;
        }
        // A repeat stored nothing: its events name the blobs of the first time.
        await this.#drop(
          tenant,
          aside.filter((_, index) => outcome.commits[index]?.repeated),
        );
        return outcome;
      },
      load: async (tenant, stream, options) => {
        const page = await inner.load(tenant, stream, options);
        return (await this.#inflate(tenant, [page]))[0] as StreamPage;
      },
      loadMany: async (tenant, streams) => {
        const pages = await inner.loadMany(tenant, streams);
        const inflated = await this.#inflate(tenant, [...pages.values()]);
        return new Map([...pages.keys()].map((stream, index) => [stream, inflated[index] as StreamPage]));
      },
    };
  }

  hasNamed(fields: Fields): boolean {
    return namedIn(fields).length > 0;
  }

  /** The fields with their bodies in place; what is lost stays named, and is told. */
  async inflate(tenant: TenantId, item: ItemId, fields: Fields): Promise<Fields> {
    const named = namedIn(fields);
    if (named.length === 0) return fields;
    const key = (await this.#options.keys.find(tenant, [itemSubject(item)])).get(itemSubject(item));
    if (!key) return fields;
    const contents = await this.#read(
      tenant,
      named.map((body) => ({ item, key, body })),
    );
    return replaceBodies(fields, whole(contents));
  }

  /** Undefined when no body is long. Blobs are stored before the events that name them. */
  async #putAside(tenant: TenantId, writes: readonly DomainWrite[]): Promise<PutAside[] | undefined> {
    const long = writes.filter((write) => write.events.some(({ event }) => longIn(event).length > 0));
    if (long.length === 0) return undefined;
    const keys = await this.#options.keys.ensure(tenant, long);
    const result: PutAside[] = [];
    try {
      for (const write of writes) result.push(await this.#putAsideOne(tenant, write, keys));
    } catch (error) {
      if (!(error instanceof BlobTooLarge)) throw error;
      await this.#drop(tenant, result);
      throw new AppendRejected(error.message, { cause: error });
    }
    return result;
  }

  async #putAsideOne(tenant: TenantId, write: DomainWrite, keys: ReadonlyMap<SubjectId, DataKey>): Promise<PutAside> {
    const key = keys.get(write.subject);
    // Without a key the append itself says that the subject was erased.
    if (!key || !parseItemStream(write.stream)) return { write, hashes: [] };
    // A merge that keeps its loser speaks of one text twice; it is stored once.
    const stored = new Map<string, BlobHash>();
    for (const { event } of write.events) {
      for (const { content } of longIn(event)) {
        if (stored.has(content)) continue;
        stored.set(content, await putSealed(this.#options.blobs, tenant, key, Buffer.from(content, 'utf8')));
      }
    }
    const replace = (body: Body): Body => {
      const blob = isLong(body) ? stored.get(body.content) : undefined;
      if (!isLong(body) || blob === undefined) return body;
      return { type: body.type, blob, size: Buffer.byteLength(body.content, 'utf8') };
    };
    const events = write.events.map(({ event, meta }) => ({ event: replaceInEvent(event, replace), meta }));
    return { write: { ...write, events }, hashes: [...stored.values()] };
  }

  /** A seal is never twice the same, so nobody else can name these. */
  async #drop(tenant: TenantId, aside: readonly PutAside[]): Promise<void> {
    const hashes = aside.flatMap((one) => one.hashes);
    if (hashes.length > 0) await this.#options.blobs.remove(tenant, hashes, '9999-12-31T00:00:00.000Z');
  }

  /** Newest first, up to the bound: what is compared and shown is at the end of a history. */
  async #inflate(tenant: TenantId, pages: readonly StreamPage[]): Promise<StreamPage[]> {
    const wanted: { item: ItemId; body: NamedBody }[] = [];
    let left = this.#options.loadBytesMax ?? defaultLoadBytesMax;
    for (const { events } of pages) {
      for (const event of events.toReversed()) {
        const item = parseItemStream(event.stream)?.item;
        if (!item) break;
        for (const body of namedInEvent(event)) {
          left -= body.size;
          if (left >= 0) wanted.push({ item, body });
        }
      }
    }
    if (wanted.length === 0) return [...pages];
    const subjects = [...new Set(wanted.map(({ item }) => itemSubject(item)))];
    const keys = await this.#options.keys.find(tenant, subjects);
    const contents = await this.#read(
      tenant,
      wanted.flatMap(({ item, body }) => {
        const key = keys.get(itemSubject(item));
        return key ? [{ item, key, body }] : [];
      }),
    );
    const replace = whole(contents);
    return pages.map(({ events, head }) => ({ events: events.map((event) => replaceInEvent(event, replace)), head }));
  }

  async #read(
    tenant: TenantId,
    wanted: readonly { item: ItemId; key: DataKey; body: NamedBody }[],
  ): Promise<Map<BlobHash, string>> {
    const distinct = [...new Map(wanted.map((one) => [one.body.blob, one])).values()];
    const contents = new Map<BlobHash, string>();
    for (let at = 0; at < distinct.length; at += parallelMax) {
      await Promise.all(
        distinct.slice(at, at + parallelMax).map(async ({ item, key, body: { blob } }) => {
          const bytes = await getSealed(this.#options.blobs, tenant, key, blob).catch((error: unknown) => {
            if (error instanceof BlobBroken) return undefined;
            throw error;
          });
          if (bytes) contents.set(blob, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
          else this.#options.onLost(tenant, item, blob);
        }),
      );
    }
    return contents;
  }
}

function longIn(event: { type: string; data: unknown }) {
  return bodiesOf((replace) => replaceInEvent(event, replace), isLong);
}

function namedIn(fields: Fields): NamedBody[] {
  return bodiesOf((replace) => replaceBodies(fields, replace), isNamed);
}

/** The bodies that the event names in the blob store. */
export function namedInEvent(event: RecordedEvent): NamedBody[] {
  return bodiesOf((replace) => replaceInEvent(event, replace), isNamed);
}

function whole(contents: ReadonlyMap<BlobHash, string>): (body: Body) => Body {
  return (body) => {
    const content = isNamed(body) ? contents.get(body.blob) : undefined;
    return content === undefined ? body : { type: body.type, content };
  };
}
