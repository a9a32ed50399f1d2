/**
 * Items by what happened to them, and by their words. The index narrows first; only what is left is opened, some at a
 * time, so that a search of any size holds little and can be broken off.
 */
import { fold, type ItemState } from '../../domain/item/state.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { ItemId, Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import type { ItemEventFilter, ItemEventRow, ItemLogReader } from '../../projections/item-log/read.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';
import { ActorNames, forgotten, type Who } from './actors.ts';
import { findText, type TextMatch } from './text.ts';

/** An item, with the last event that the filter names. */
export interface FoundItem {
  readonly item: ItemId;
  readonly kind: ItemEventRow['kind'];
  /** '' where it was erased. */
  readonly title: string;
  readonly owner: ItemEventRow['owner'];
  /** Where it lies now. */
  readonly collection: ItemEventRow['collection'];
  readonly isRemoved: boolean;
  readonly isErased: boolean;
  readonly event: ItemEventRow;
  readonly who: Who;
  /** Where the text is; null when none was asked for. */
  readonly text: TextMatch | null;
}

export interface Looked {
  /** Items opened so far, and those that fitted. */
  readonly looked: number;
  readonly found: number;
  /** The search goes on after this position, towards the beginning. */
  readonly position: Position | null;
}

export type FindStep =
  | { readonly kind: 'found'; readonly item: FoundItem; readonly looked: number }
  | ({ readonly kind: 'looked' } & Looked);

export interface FindOptions {
  readonly text?: string;
  /** Before this position: the newest come first. */
  readonly after?: Position;
  /** Every event that fits, not only the last of each item: then an item may come more than once. */
  readonly isEvery?: boolean;
  /** Positions that one query spans. */
  readonly span?: number;
}

/** Items opened together. Their long bodies are, too. */
const openedAtOnce = 100;
/** Positions that one query of the index spans: what is rare in a long log is found in many short queries. */
const spanDefault = 100_000;

export class ItemFinder {
  readonly #store: Pick<EventStore, 'loadMany' | 'load'>;
  readonly #log: Pick<ItemLogReader, 'find' | 'bounds'>;

  constructor(store: Pick<EventStore, 'loadMany' | 'load'>, log: Pick<ItemLogReader, 'find' | 'bounds'>) {
    this.#store = store;
    this.#log = log;
  }

  /** What fits, the last changed first, and after each batch how many were looked at. */
  async *find(
    tenant: TenantId,
    filter: ItemEventFilter,
    { text, after, isEvery = false, span = spanDefault }: FindOptions = {},
  ): AsyncIterable<FindStep> {
    const names = new ActorNames(this.#store);
    let [looked, found] = [0, 0];
    const bounds = await this.#log.bounds(tenant, filter);
    let before = Math.min(after ?? Number.POSITIVE_INFINITY, bounds.to + 1);
    while (before > bounds.from + 1) {
      const since = Math.max(bounds.from, before - 1 - span) as Position;
      const page = {
        after: before as Position,
        since,
        limit: openedAtOnce,
        order: 'desc',
        isLastOnly: !isEvery,
      } as const;
      const rows = await this.#log.find(tenant, filter, page);
      const streams = rows.map(streamOf);
      const pages = await this.#store.loadMany(
        tenant,
        streams.filter((name) => name !== null),
      );
      for (const [at, row] of rows.entries()) {
        looked++;
        const item = await this.#opened(tenant, row, pages.get(streams[at] as StreamName)?.events ?? [], text, names);
        if (!item) continue;
        found++;
        yield { kind: 'found', item, looked };
      }
      const last = rows.at(-1);
      before = last && rows.length === openedAtOnce ? last.position : since + 1;
      const isDone = before <= bounds.from + 1;
      yield { kind: 'looked', looked, found, position: isDone ? null : (before as Position) };
    }
  }

  async #opened(
    tenant: TenantId,
    row: ItemEventRow,
    events: readonly RecordedEvent[],
    text: string | undefined,
    names: ActorNames,
  ): Promise<FoundItem | null> {
    const known = events.filter(({ type }) => type !== 'Forgotten');
    const match = text === undefined ? null : findText(known, text);
    if (text !== undefined && !match) return null;
    const state: ItemState | null = fold(known);
    const isErased = known.length === 0;
    const actor = known.find(({ position }) => position === row.position)?.meta.actor ?? actorOf(row);
    return {
      ...{ item: row.item, kind: state?.kind ?? row.kind, isErased, event: row, text: match },
      title: state ? titleOf(state.fields) : '',
      owner: state?.owner ?? row.owner,
      collection: state?.collection ?? row.collection,
      isRemoved: state?.removed ?? true,
      who: isErased ? forgotten : await names.of(tenant, actor, row.position),
    };
  }
}

function streamOf({ item, kind }: ItemEventRow): StreamName | null {
  return kind && itemStream(kind, item);
}

/** As far as the index knows: it names no colleague and no administrator. */
function actorOf({ actor, account, device }: ItemEventRow): Actor {
  if (actor === 'device' && account && device) return { kind: 'device', account, device };
  if (actor === 'office' && account) return { kind: 'office', account };
  return { kind: actor === 'admin' ? 'admin' : 'system' };
}
