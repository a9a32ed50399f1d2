/** The conversations of a person's devices, for support: what was said when, and how a device is told everything anew. */
import { HierarchyStore } from '../../adapters/activesync/commands/folders/hierarchy-store.ts';
import { type ResyncOutcome, resync } from '../../adapters/activesync/conversation/resync.ts';
import { ViewBehind } from '../../adapters/activesync/conversation/store.ts';
import type { SyncDeps } from '../../adapters/activesync/deps.ts';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Folder, FolderTree } from '../../domain/folder/state.ts';
import { hierarchyStream } from '../../domain/hierarchy/stream.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { CollectionId, DeviceKey } from '../../domain/shared/ids.ts';
import { syncStream } from '../../domain/shared/streams.ts';
import { type Epoch, epochsOf, hierarchyEpochsOf } from '../../domain/sync/epochs.ts';
import { formatKey } from '../../domain/sync/key.ts';
import type { SyncView } from '../../projections/sync/read.ts';
import { unavailable } from '../errors.ts';
import type { Person } from './directory.ts';

/** The conversation of a device about its folders. */
const hierarchyName = 'hierarchy';

export interface ConversationLife {
  /** A CollectionId, or `hierarchy`. */
  readonly collection: string;
  /** Null for a folder that is gone, and for the hierarchy. */
  readonly folder: string | null;
  /** The first one first. */
  readonly epochs: readonly (Epoch & { readonly lastKey: string })[];
}

export interface Resynced {
  readonly folders: readonly {
    readonly collection: string;
    readonly folder: string | null;
    readonly outcome: ResyncOutcome;
  }[];
  /** Null where one folder only was asked for. */
  readonly hierarchy: ResyncOutcome | null;
}

export interface ConversationsOptions {
  readonly deps: Pick<SyncDeps, 'conversations' | 'folders' | 'keyChecks' | 'commandId' | 'nonce' | 'now'>;
  readonly view: Pick<SyncView, 'conversations'>;
  readonly store: EventStore;
}

const attemptsMax = 4;

export class Conversations {
  readonly #options: ConversationsOptions;
  readonly #hierarchies: HierarchyStore;

  constructor(options: ConversationsOptions) {
    this.#options = options;
    this.#hierarchies = new HierarchyStore(options.store);
  }

  /** @param folder CollectionId, the folder's name, or `hierarchy`. Undefined when they never spoke of it. */
  async life(person: Person, device: DeviceKey, folder: string): Promise<ConversationLife | undefined> {
    const { store, deps } = this.#options;
    const { tenant } = person;
    const found = find(await this.#tree(person), folder);
    const isHierarchy = folder === hierarchyName;
    const collection = found?.collection ?? (folder as CollectionId);
    if (!/^[a-z0-9]{1,64}$/.test(collection)) return undefined;
    const stream = isHierarchy ? hierarchyStream(device) : syncStream(device, collection);
    const events = (await store.load(tenant, stream)).events.filter(isReadable);
    if (events.length === 0) return undefined;
    const check = deps.keyChecks.of({ device, collection });
    return {
      collection,
      folder: found?.displayName ?? null,
      epochs: (isHierarchy ? hierarchyEpochsOf(events) : epochsOf(events)).map((epoch) => ({
        ...epoch,
        lastKey: formatKey({ epoch: epoch.epoch, counter: epoch.keys }, check),
      })),
    };
  }

  /**
   * Has the device told everything anew with its next exchange; what it has not yet sent is taken in first.
   * @param folder CollectionId or name; undefined is all folders and the hierarchy. `unknownFolder` when there is none.
   * @throws 503 when others keep writing.
   */
  async resync(
    person: Person,
    device: DeviceKey,
    folder: string | undefined,
    by: { readonly actor: Actor; readonly cause: Cause },
  ): Promise<Resynced | 'unknownFolder'> {
    const { deps, view } = this.#options;
    const { tenant, account } = person;
    const tree = await this.#tree(person);
    const one = folder === undefined ? undefined : find(tree, folder);
    if (folder !== undefined && !one) return 'unknownFolder';
    const hierarchy = one ? null : await this.#resyncHierarchy(person, device, by);
    const collections = one
      ? [one.collection]
      : (await view.conversations(tenant, device)).map(({ collection }) => collection);
    const folders: Resynced['folders'][number][] = [];
    for (const collection of collections) {
      try {
        const outcome = await resync(deps, { tenant, account: account.id, device, collection }, by);
        folders.push({ collection, folder: tree.get(collection)?.displayName ?? null, outcome });
      } catch (error) {
        if (error instanceof ViewBehind) throw unavailable('The server is busy with this device; ask again.');
        throw error;
      }
    }
    return { folders, hierarchy };
  }

  async #resyncHierarchy(
    { tenant, account }: Person,
    device: DeviceKey,
    by: { readonly actor: Actor; readonly cause: Cause },
  ): Promise<ResyncOutcome> {
    const { deps } = this.#options;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const meta = { at: deps.now(), commandId: deps.commandId(['resync', device, deps.nonce()]), ...by };
      const outcome = await this.#hierarchies.resync({ tenant, account: account.id, device }, meta);
      if (outcome !== 'overtaken') return outcome;
    }
    throw unavailable('The server is busy with this device; ask again.');
  }

  async #tree({ tenant, account }: Person): Promise<FolderTree> {
    return await this.#options.deps.folders.of(tenant, account.id);
  }
}

/** By its id, or by its name in any case where that means one. */
function find(tree: FolderTree, folder: string): Folder | undefined {
  const byId = tree.get(folder as CollectionId);
  if (byId) return byId;
  const named = [...tree.values()].filter(({ displayName }) => displayName.toLowerCase() === folder.toLowerCase());
  return named.length === 1 ? named[0] : undefined;
}

function isReadable({ type }: RecordedEvent): boolean {
  return type !== 'Forgotten';
}
