/** The past as people ask for it: moments become positions, names become ids of then. */

import { itemsOf } from '../../adapters/activesync/session.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import type { LocatedItem } from '../../adapters/history/item-history.ts';
import { positionAt } from '../../adapters/past/position-at.ts';
import type { DeviceFolderThen, FolderItemThen, ItemThen, PastStates } from '../../adapters/past/states.ts';
import { foldersStream } from '../../domain/account/stream.ts';
import type { FolderEvent } from '../../domain/folder/events.ts';
import { folderNamed } from '../../domain/folder/named.ts';
import { evolveFolders, type Folder, type FolderTree, noFolders } from '../../domain/folder/state.ts';
import { fold } from '../../domain/item/state.ts';
import type {
  AccountId,
  DeviceKey,
  Instant,
  ItemId,
  Position,
  TenantId,
  TimeZoneName,
} from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import type { Directory } from './directory.ts';

/** A place in a tenant's log, and the time of the last event up to it; null before the first. */
export interface Moment {
  readonly position: Position;
  readonly recordedAt: string | null;
}

export interface PastOptions {
  readonly states: PastStates;
  readonly store: Pick<EventStore, 'load' | 'readAll' | 'head'>;
  readonly directory: Pick<Directory, 'account'>;
  /** Resolves when the read models hold everything the tenant's log holds now. */
  readonly settled: (tenant: TenantId) => Promise<void>;
}

export class Past {
  readonly #options: PastOptions;

  constructor(options: PastOptions) {
    this.#options = options;
  }

  /** Positions beyond the end of the log mean the end. The read models have reached it then. */
  async moment(tenant: TenantId, at: Instant | Position): Promise<Moment> {
    const { store, settled } = this.#options;
    const head = await store.head(tenant);
    const position = typeof at === 'number' ? (Math.min(at, head) as Position) : await positionAt(store, tenant, at);
    await settled(tenant);
    const [event] = position > 0 ? await store.readAll(tenant, (position - 1) as Position, 1) : [];
    return { position, recordedAt: event?.recordedAt ?? null };
  }

  /** That of the item's owner, in which times without one are meant; UTC where the item was erased. */
  async zoneOf({ tenant, stream }: LocatedItem): Promise<TimeZoneName> {
    const { events } = await this.#options.store.load(tenant, stream);
    const owner = fold(events.filter(({ type }) => type !== 'Forgotten'))?.owner;
    const account = owner && (await this.#options.directory.account(tenant, owner));
    return account?.kind === 'account' ? account.timeZone : ('UTC' as TimeZoneName);
  }

  item({ tenant, item, stream }: LocatedItem, at: Moment): Promise<ItemThen> {
    const kind = parseItemStream(stream)?.kind;
    if (!kind) throw new Error(`${stream} is no stream of an item`);
    return this.#options.states.item(tenant, kind, item as ItemId, at.position);
  }

  /** The folders of a person as they were then. */
  async folders(tenant: TenantId, account: AccountId, at: Moment): Promise<FolderTree> {
    const { events } = await this.#options.store.load(tenant, foldersStream(account));
    return events
      .filter(({ position, type }) => position <= at.position && type !== 'Forgotten')
      .reduce((tree, event) => evolveFolders(tree, event as unknown as FolderEvent), noFolders);
  }

  /** By id or name of then. */
  async folderNamed(tenant: TenantId, account: AccountId, named: string, at: Moment): Promise<Folder | undefined> {
    return folderNamed(await this.folders(tenant, account, at), named);
  }

  folder(tenant: TenantId, folder: Folder, at: Moment): AsyncIterable<FolderItemThen> {
    return this.#options.states.folder(tenant, itemsOf(folder), at.position);
  }

  /** Undefined for a folder that the device had not begun to sync. */
  device(tenant: TenantId, device: DeviceKey, folder: Folder, at: Moment): Promise<DeviceFolderThen | undefined> {
    return this.#options.states.device(tenant, device, folder, at.position);
  }
}
