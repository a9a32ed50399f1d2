/**
 * How a device began with its folders: what was here, and what the device brought. A phone that was told to delete its
 * own brings nothing; then there was nothing of it to protect here.
 */
import type { SyncDeps } from '../../adapters/activesync/deps.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import type { CollectionId, DeviceKey, Instant, TenantId } from '../../domain/shared/ids.ts';
import { syncStream } from '../../domain/shared/streams.ts';
import type { SyncEventData } from '../../domain/sync/events.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import type { SyncView } from '../../projections/sync/read.ts';
import type { Person } from './directory.ts';

export interface FirstSync {
  readonly collection: CollectionId;
  /** Null for a folder that is gone. */
  readonly folder: string | null;
  readonly at: Instant;
  /** Items that the folder held then; null for a beginning of before that was noted. */
  readonly itemsHere: number | null;
  /** Items that the device brought in the day that followed, or until it began again; `merged` of them were here. */
  readonly brought: number;
  readonly merged: number;
}

export interface FirstSyncsOptions {
  readonly view: Pick<SyncView, 'conversations'>;
  readonly folders: SyncDeps['folders'];
  readonly store: EventStore;
  readonly log: ItemLogReader;
  readonly settled: (tenant: TenantId) => Promise<void>;
}

const dayMs = 86_400_000;
/** Beginnings of one folder that are told of: the last ones. */
const beginningsMax = 20;
const itemsMax = 20_000;

export class FirstSyncs {
  readonly #options: FirstSyncsOptions;

  constructor(options: FirstSyncsOptions) {
    this.#options = options;
  }

  /** In the order of time. */
  async of({ tenant, account }: Person, device: DeviceKey): Promise<FirstSync[]> {
    const { view, folders, settled } = this.#options;
    await settled(tenant);
    const tree = await folders.of(tenant, account.id);
    const found: FirstSync[] = [];
    for (const { collection } of await view.conversations(tenant, device)) {
      const folder = tree.get(collection);
      const named = { collection, folder: folder?.displayName ?? null };
      const began = await this.#beginnings(tenant, device, collection);
      for (const [index, { at, present }] of began.entries()) {
        const untilMs = Math.min(
          Date.parse(at) + dayMs,
          Date.parse(began[index + 1]?.at ?? '') || Number.POSITIVE_INFINITY,
        );
        const counts = await this.#brought(tenant, device, folder?.source ?? collection, at, untilMs);
        found.push({ ...named, at, itemsHere: present ?? null, ...counts });
      }
    }
    return found.sort((a, b) => (a.at < b.at ? -1 : 1));
  }

  async #beginnings(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
  ): Promise<{ at: Instant; present: number | undefined }[]> {
    const { events } = await this.#options.store.load(tenant, syncStream(device, collection));
    const began = events.flatMap(({ type, data, meta }) => {
      if (type !== 'SyncReset') return [];
      const { cause, present } = data as SyncEventData['SyncReset'];
      return cause === 'syncKeyZero' ? [{ at: meta.at, present }] : [];
    });
    return began.slice(-beginningsMax);
  }

  async #brought(
    tenant: TenantId,
    device: DeviceKey,
    collection: CollectionId,
    from: Instant,
    untilMs: number,
  ): Promise<Pick<FirstSync, 'brought' | 'merged'>> {
    const to = new Date(untilMs).toISOString() as Instant;
    const filter = { device, collection, from, to, types: ['ItemsMerged'], verbs: ['Added'] };
    const rows = await this.#options.log.find(tenant, filter, { limit: itemsMax });
    return { brought: rows.length, merged: rows.filter(({ type }) => type === 'ItemsMerged').length };
  }
}
