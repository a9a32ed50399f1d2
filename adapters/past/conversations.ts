/** What devices held by their conversations as these stood at a position: folded from the streams themselves. */
import type { CollectionId, DeviceKey, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { syncStream } from '../../domain/shared/streams.ts';
import { type ConversationState, foldConversation, type Held } from '../../domain/sync/state.ts';
import type { ConversationRow, SyncView } from '../../projections/sync/read.ts';
import type { EventStore } from '../event-log/event-store.port.ts';

/** A conversation with what its device surely held; `state.offer` is what it was told last, and may hold or not. */
export interface PastConversation {
  readonly state: ConversationState;
  readonly revision: number;
  readonly held: Map<ItemId, Held>;
}

export class PastConversations implements SyncView {
  readonly #store: Pick<EventStore, 'load'>;
  /** A device's conversations there are now: those of before are among them. */
  readonly #present: Pick<SyncView, 'conversations'>;

  constructor(store: Pick<EventStore, 'load'>, present: Pick<SyncView, 'conversations'>) {
    this.#store = store;
    this.#present = present;
  }

  /** Undefined for a folder that the device had not begun to sync. */
  async of(tenant: TenantId, device: DeviceKey, collection: CollectionId): Promise<PastConversation | undefined> {
    const { events } = await this.#store.load(tenant, syncStream(device, collection));
    const known = events.filter(({ type }) => type !== 'Forgotten');
    const { state, held } = foldConversation(known);
    return state ? { state, revision: known.at(-1)?.revision ?? -1, held } : undefined;
  }

  async conversation(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
  ): Promise<ConversationRow | undefined> {
    const found = await this.of(tenant, device, collection);
    return found && { collection, revision: found.revision, state: found.state };
  }

  async conversations(tenant: TenantId, device: DeviceKey): Promise<ConversationRow[]> {
    const now = await this.#present.conversations(tenant, device);
    const then = await Promise.all(now.map(({ collection }) => this.conversation(tenant, device, collection)));
    return then.filter((row) => row !== undefined);
  }

  async held(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
    items: readonly ItemId[],
  ): Promise<Map<ItemId, Held>> {
    const all = await this.allHeld(tenant, device, collection);
    const wanted = new Set(items);
    return new Map([...all].filter(([item]) => wanted.has(item)));
  }

  async allHeld(tenant: TenantId, device: DeviceKey, collection: CollectionId): Promise<Map<ItemId, Held>> {
    return (await this.of(tenant, device, collection))?.held ?? new Map();
  }
}
