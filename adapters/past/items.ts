/**
 * The folders as they stood at a position, and as they are after what was appended to the past. Rows that did not
 * change since are taken from the read model as they are; the others are folded from their streams. So a look costs
 * what changed since the position, not what the log holds.
 */
import { LRUCache } from 'lru-cache';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { ItemState } from '../../domain/item/state.ts';
import type { CollectionId, ItemId, Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { itemStream, parseItemStream } from '../../domain/shared/streams.ts';
import type { PastRows } from '../../projections/item-view/past.ts';
import type { ItemRow, ItemView } from '../../projections/item-view/read.ts';
import { type Draft, foldRow, type ItemFacts } from '../../projections/item-view/rows.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import type { PastStore } from './store.ts';

/** A row of the read model, or one that was folded: then `fields` are in clear, long bodies as names. */
export interface PastRow extends ItemRow {
  readonly fields?: Fields;
}

export interface PastItemsOptions {
  readonly store: PastStore;
  /** The read model as it is now; it must have reached the position. */
  readonly view: Pick<ItemView, 'byItems' | 'locate'>;
  readonly rows: PastRows;
  readonly facts: ItemFacts;
}

interface Folded {
  /** How often the stream had been appended to in the past. */
  readonly changes: number;
  readonly rows: ReadonlyMap<CollectionId, PastRow>;
  readonly current: PastRow | undefined;
}

interface Named {
  readonly item: ItemId;
  readonly kind: ItemKind;
}

const foldedMax = 20_000;
/** Streams read in one round trip. */
const streamsAtOnce = 200;

export class PastItems implements ItemView {
  readonly #options: PastItemsOptions;
  readonly #folded = new LRUCache<ItemId, Folded>({ max: foldedMax });

  constructor(options: PastItemsOptions) {
    this.#options = options;
  }

  async changedSince(tenant: TenantId, collection: CollectionId, after: Position, limit: number): Promise<PastRow[]> {
    const { rows, store } = this.#options;
    const upTo = store.position;
    // Rows that were changed here take the places of some of these.
    const atMost = limit + this.#changedHere().length;
    // What was appended here lies between two positions of the log.
    const from = Math.floor(after) as Position;
    const still = from < upTo ? await rows.changedBetween(tenant, collection, { after: from, upTo }, atMost) : [];
    const moved = await this.#moved(tenant, collection);
    return inOrder([...still.filter(({ item }) => !moved.has(item)), ...moved.values()])
      .filter(({ position }) => position > after)
      .slice(0, limit);
  }

  async byItems(tenant: TenantId, collection: CollectionId, items: readonly ItemId[]): Promise<PastRow[]> {
    const found = await this.#options.view.byItems(tenant, collection, items);
    const here = this.#changedHere().filter(({ item }) => items.includes(item));
    const folded = await this.#fold(tenant, [...found.filter((row) => !this.#isStill(row)), ...here]);
    const then = [...folded.values()].flatMap(({ rows }) => rows.get(collection) ?? []);
    return [...found.filter(({ item }) => !folded.has(item)), ...then];
  }

  async locate(tenant: TenantId, items: readonly ItemId[]): Promise<Map<ItemId, PastRow>> {
    const found = await this.#options.view.locate(tenant, items);
    const here = this.#changedHere().filter(({ item }) => items.includes(item));
    const folded = await this.#fold(tenant, [...[...found.values()].filter((row) => !this.#isStill(row)), ...here]);
    const located = new Map<ItemId, PastRow>([...found].filter(([item]) => !folded.has(item)));
    for (const [item, { current }] of folded) if (current) located.set(item, current);
    return located;
  }

  async outline(tenant: TenantId, collection: CollectionId): Promise<Omit<PastRow, 'content'>[]> {
    const { rows, store } = this.#options;
    const still = await rows.outlineUpTo(tenant, collection, store.position);
    const moved = await this.#moved(tenant, collection);
    return inOrder([...still.filter(({ item }) => !moved.has(item)), ...moved.values()]).filter((row) => !row.deleted);
  }

  async count(tenant: TenantId, collection: CollectionId): Promise<number> {
    return (await this.outline(tenant, collection)).length;
  }

  async lastChange(tenant: TenantId, collection: CollectionId): Promise<Position> {
    const { rows, store } = this.#options;
    const still = await rows.lastUpTo(tenant, collection, store.position);
    const moved = await this.#moved(tenant, collection);
    return Math.max(still, ...[...moved.values()].map(({ position }) => position)) as Position;
  }

  /**
   * The folder's rows whose items changed after the position, as they were then. Asked after the rows that did not
   * change: one that changes in between is then found twice, never not at all.
   */
  async #moved(tenant: TenantId, collection: CollectionId): Promise<Map<ItemId, PastRow>> {
    const changed = await this.#options.rows.changedAfter(tenant, collection, this.#options.store.position);
    const folded = await this.#fold(tenant, [...changed, ...this.#changedHere()]);
    const moved = new Map<ItemId, PastRow>();
    for (const [item, { rows }] of folded) {
      const row = rows.get(collection);
      if (row) moved.set(item, row);
    }
    return moved;
  }

  #isStill({ position }: ItemRow): boolean {
    return position <= this.#options.store.position;
  }

  #changedHere(): Named[] {
    return [...this.#options.store.changedStreams].flatMap((stream) => parseItemStream(stream) ?? []);
  }

  async #fold(tenant: TenantId, wanted: readonly Named[]): Promise<Map<ItemId, Folded>> {
    const { store } = this.#options;
    const folded = new Map<ItemId, Folded>();
    const missing = new Map<StreamName, Named>();
    for (const { item, kind } of wanted) {
      const stream = itemStream(kind, item);
      const known = this.#folded.get(item);
      if (known?.changes === store.changesOf(stream)) folded.set(item, known);
      else missing.set(stream, { item, kind });
    }
    const streams = [...missing.keys()];
    for (let at = 0; at < streams.length; at += streamsAtOnce) {
      const some = streams.slice(at, at + streamsAtOnce);
      const pages = await store.loadMany(tenant, some);
      for (const stream of some) {
        const named = missing.get(stream) as Named;
        const rows = this.#rowsOf(named, pages.get(stream)?.events ?? []);
        const made = { changes: store.changesOf(stream), ...rows };
        this.#folded.set(named.item, made);
        folded.set(named.item, made);
      }
    }
    return folded;
  }

  #rowsOf(named: Named, events: readonly RecordedEvent[]): Omit<Folded, 'changes'> {
    const drafts = new Map<CollectionId, () => Draft>();
    let state: ItemState | null = null;
    for (const event of events) {
      state = foldRow(state, event, { ...named, facts: this.#options.facts }, (collection, draft) =>
        drafts.set(collection, draft),
      );
    }
    const rows = new Map<CollectionId, PastRow>();
    let current: PastRow | undefined;
    for (const [collection, draft] of drafts) {
      const { row, fields } = draft();
      const { current: isCurrent, ...rest } = row;
      const past: PastRow = { ...rest, content: null, ...(fields ? { fields } : {}) };
      rows.set(collection, past);
      if (isCurrent) current = past;
    }
    return { rows, current };
  }
}

function inOrder<R extends { readonly position: Position; readonly item: ItemId }>(rows: R[]): R[] {
  return rows.sort((a, b) => a.position - b.position || (a.item < b.item ? -1 : 1));
}
