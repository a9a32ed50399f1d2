/** What was, at a position of the log: one item, a folder, or what a device held of a folder. */
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { CollectionId, DeviceKey, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import type { HoldingOp } from '../../domain/sync/events.ts';
import type { ConversationState, Held } from '../../domain/sync/state.ts';
import type { PastRows } from '../../projections/item-view/past.ts';
import type { ItemRow, ItemView } from '../../projections/item-view/read.ts';
import type { ItemFacts } from '../../projections/item-view/rows.ts';
import type { SyncView } from '../../projections/sync/read.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import { PastConversations } from './conversations.ts';
import { PastItems, type PastRow } from './items.ts';
import { pastRowOpener } from './open.ts';
import { PastStore, type ReadableStore } from './store.ts';

export interface PastStatesOptions {
  readonly store: ReadableStore;
  /** The read models as they are now; they must have reached the positions that are asked for. */
  readonly itemView: Pick<ItemView, 'byItems' | 'locate'>;
  readonly rows: PastRows;
  readonly syncView: Pick<SyncView, 'conversations'>;
  readonly facts: ItemFacts;
  readonly open: (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;
  readonly now: () => Instant;
}

/** An item then. `state` is null before it was added, and where it was erased since. */
export interface ItemThen {
  readonly state: ItemState | null;
  readonly isErased: boolean;
  /** Of its last event up to then; -1 before the first. */
  readonly revision: number;
  readonly recordedAt: string | null;
}

export interface FolderItemThen {
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly title: string;
  /** Revision and place of its last change up to then. */
  readonly version: number;
  readonly position: Position;
  /** Null where it was erased since. */
  readonly fields: Fields | null;
}

/** What a device held of one item; what was offered it holds only if it got the last answer. */
export interface DeviceItemThen {
  readonly item: ItemId;
  /** Acknowledged: the device surely held this version. */
  readonly held: { readonly version: number } | null;
  /** In the last answer, which the device had not confirmed. */
  readonly offered: { readonly do: HoldingOp; readonly version: number } | null;
  /** Of the version it held, or else was offered; '' and null where that is not known (any more). */
  readonly title: string;
  readonly fields: Fields | null;
}

export interface DeviceFolderThen {
  readonly collection: CollectionId;
  /** The key it had confirmed, and the one it was offered. */
  readonly key: string;
  readonly offeredKey: string | null;
  readonly options: ConversationState['options'];
  /** How many items it held, and how many of them or of others the last answer spoke of. */
  readonly heldCount: number;
  readonly offeredCount: number;
  readonly items: AsyncIterable<DeviceItemThen>;
}

/** Items opened together. */
const openedAtOnce = 100;

export class PastStates {
  readonly #options: PastStatesOptions;

  constructor(options: PastStatesOptions) {
    this.#options = options;
  }

  async item(tenant: TenantId, kind: ItemKind, item: ItemId, at: Position): Promise<ItemThen> {
    const { events } = await this.#past(tenant, at).load(tenant, itemStream(kind, item));
    const known = events.filter(({ type }) => type !== 'Forgotten');
    const last = events.at(-1);
    return {
      state: fold(known),
      isErased: known.length < events.length,
      revision: last?.revision ?? -1,
      recordedAt: last?.recordedAt ?? null,
    };
  }

  /** What lay in the folder, in the order of the last changes. */
  async *folder(tenant: TenantId, collection: CollectionId, at: Position): AsyncIterable<FolderItemThen> {
    const { itemView, rows, facts, open } = this.#options;
    const items = new PastItems({ store: this.#past(tenant, at), view: itemView, rows, facts });
    const opener = pastRowOpener(open);
    const outline = await items.outline(tenant, collection);
    for (let from = 0; from < outline.length; from += openedAtOnce) {
      const wanted = outline.slice(from, from + openedAtOnce);
      const found = await items.byItems(
        tenant,
        collection,
        wanted.map(({ item }) => item),
      );
      const byItem = new Map<ItemId, PastRow>(found.map((row) => [row.item, row]));
      const opened = await opener(tenant, found);
      for (const { item, kind, version, position } of wanted) {
        const fields = byItem.has(item) ? (opened.get(item) ?? null) : null;
        yield { item, kind, version, position, title: fields ? titleOf(fields) : '', fields };
      }
    }
  }

  /** Undefined for a folder that the device had not begun to sync. */
  async device(
    tenant: TenantId,
    device: DeviceKey,
    { collection, kind }: { readonly collection: CollectionId; readonly kind: ItemKind },
    at: Position,
  ): Promise<DeviceFolderThen | undefined> {
    const past = this.#past(tenant, at);
    const found = await new PastConversations(past, this.#options.syncView).of(tenant, device, collection);
    if (!found) return undefined;
    const { epoch, acknowledged, offer, options } = found.state;
    return {
      collection,
      key: `${epoch}.${acknowledged}`,
      offeredKey: offer && `${epoch}.${offer.key}`,
      options,
      heldCount: found.held.size,
      offeredCount: new Set(offer?.ops.map(([item]) => item)).size,
      items: this.#deviceItems(past, kind, found.held, offer?.ops ?? []),
    };
  }

  async *#deviceItems(
    past: PastStore,
    kind: ItemKind,
    held: ReadonlyMap<ItemId, Held>,
    ops: NonNullable<ConversationState['offer']>['ops'],
  ): AsyncIterable<DeviceItemThen> {
    // The later of two for one item counts.
    const offers = new Map(ops.map(([item, op, version]) => [item, { do: op, version }]));
    const all = [...new Set([...held.keys(), ...offers.keys()])];
    for (let from = 0; from < all.length; from += openedAtOnce) {
      const some = all.slice(from, from + openedAtOnce);
      const pages = await past.loadMany(
        past.tenant,
        some.map((item) => itemStream(kind, item)),
      );
      for (const item of some) {
        const version = held.get(item)?.version;
        const offered = offers.get(item) ?? null;
        const state = stateAt(pages.get(itemStream(kind, item))?.events ?? [], version ?? offered?.version ?? -1);
        yield {
          ...{ item, offered, held: version === undefined ? null : { version } },
          title: state ? titleOf(state.fields) : '',
          fields: state?.fields ?? null,
        };
      }
    }
  }

  #past(tenant: TenantId, position: Position): PastStore {
    return new PastStore(this.#options.store, { tenant, position, now: this.#options.now });
  }
}

function stateAt(events: readonly RecordedEvent[], revision: number): ItemState | null {
  return fold(events.filter((event) => event.type !== 'Forgotten' && event.revision <= revision));
}
