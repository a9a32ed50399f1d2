/**
 * Ping: MS-ASCMD 2.2.1.13. The request waits until a folder it names has news for this device, the hierarchy changes, or
 * its time is over. Ten thousand wait in a process: a commit wakes those whose folder it moved, and nobody else.
 */
import { LRUCache } from 'lru-cache';
import type { FolderTree } from '../../../../domain/folder/state.ts';
import type { CollectionId, DeviceKey } from '../../../../domain/shared/ids.ts';
import { deviceTopic } from '../../../../projections/devices/project.ts';
import { foldersTopic } from '../../../../projections/folders/project.ts';
import type { ActiveSyncDeps, SyncDeps } from '../../deps.ts';
import type { CommandAnswer, CommandHandler } from '../../request.ts';
import { itemsOf, type Session } from '../../session.ts';
import { pingStatus } from '../../status.ts';
import { Ping } from '../../wbxml/code-pages/index.ts';
import { Writer } from '../../wbxml/writer.ts';
import type { HierarchyStore } from '../folders/hierarchy-store.ts';
import { hasNews } from './news.ts';
import { ParkedPing } from './parked-ping.ts';
import { type PingRequest, parsePing } from './request.ts';
import { TimerWheel } from './timer-wheel.ts';

export type PingDeps = SyncDeps & Pick<ActiveSyncDeps, 'devices' | 'nowMs'>;

export const heartbeatMinSeconds = 60;
export const heartbeatMaxSeconds = 3_540;
export const pingFoldersMax = 300;
/** Devices whose last Ping is remembered, so that they may leave out what did not change. */
const rememberedMax = 50_000;
/** Two Pings of one device that push each other out faster than this are told to slow down. */
const displacedTooSoonMs = 5_000;

interface Remembered {
  readonly heartbeatSeconds: number;
  readonly collections: readonly CollectionId[];
}

export function pingHandler(deps: PingDeps, hierarchies: HierarchyStore): CommandHandler {
  const pings = new Pings(deps, hierarchies);
  return ({ session, root, onClose }) => pings.serve(session, parsePing(root), onClose);
}

class Pings {
  readonly #deps: PingDeps;
  readonly #hierarchies: HierarchyStore;
  readonly #remembered = new LRUCache<DeviceKey, Remembered>({ max: rememberedMax });
  readonly #byDevice = new Map<DeviceKey, ParkedPing>();
  readonly #wheel = new TimerWheel();
  readonly #on = {
    end: (ping: ParkedPing): void => {
      this.#wheel.remove(ping);
      if (this.#byDevice.get(ping.session.device) === ping) this.#byDevice.delete(ping.session.device);
    },
    expired: (ping: ParkedPing): void => ping.finish(expired),
  };

  constructor(deps: PingDeps, hierarchies: HierarchyStore) {
    this.#deps = deps;
    this.#hierarchies = hierarchies;
  }

  async serve(
    session: Session,
    request: PingRequest | 'malformed',
    onClose: (end: () => void) => void,
  ): Promise<CommandAnswer> {
    this.#endFormer(session.device);
    if (request === 'malformed') return status(pingStatus.malformed);
    const tree = await this.#deps.folders.of(session.tenant, session.account);
    const wanted = this.#completed(session, request, tree);
    if ('kind' in wanted) return wanted;
    this.#remembered.set(session.device, wanted);
    return this.#park(session, tree, wanted, onClose);
  }

  /** What the device wants now, with what it left out; or what is wrong with that. */
  #completed(session: Session, request: PingRequest, tree: FolderTree): Remembered | CommandAnswer {
    const former = this.#remembered.get(session.device);
    const heartbeatSeconds = request.heartbeatSeconds ?? former?.heartbeatSeconds;
    const ids = request.folders ?? former?.collections;
    if (heartbeatSeconds === undefined || !ids) return status(pingStatus.incomplete);
    if (heartbeatSeconds < heartbeatMinSeconds) return outOfBounds(heartbeatMinSeconds);
    if (heartbeatSeconds > heartbeatMaxSeconds) return outOfBounds(heartbeatMaxSeconds);
    if (ids.length > pingFoldersMax) return tooManyFolders();
    const collections: CollectionId[] = [];
    for (const id of ids) {
      const folder = tree.get(id as CollectionId);
      if (!folder) return status(pingStatus.hierarchyChanged);
      collections.push(folder.collection);
    }
    const isAsBefore = former?.heartbeatSeconds === heartbeatSeconds && sameList(former.collections, collections);
    return isAsBefore ? former : { heartbeatSeconds, collections };
  }

  #park(
    session: Session,
    tree: FolderTree,
    { heartbeatSeconds, collections }: Remembered,
    onClose: (end: () => void) => void,
  ): Promise<CommandAnswer> {
    // Another request of the device may have come while this one was prepared.
    this.#endFormer(session.device);
    const { promise, resolve } = Promise.withResolvers<CommandAnswer>();
    const ping = new ParkedPing(session, collections, this.#deps.nowMs(), this.#on, resolve);
    const topics = topicsOf(session, tree, collections);
    ping.unpark = this.#deps.heads.park(session.tenant, topics, this.#waker(ping));
    this.#byDevice.set(session.device, ping);
    this.#wheel.add(ping, heartbeatSeconds);
    onClose(this.#ender(ping));
    // Parked first and looked at then: what moves in between is seen one way or the other.
    this.#look(ping);
    return promise;
  }

  // Closures are made where nothing of the request is in reach, since they live as long as the Ping.
  #waker(ping: ParkedPing): () => void {
    return () => this.#look(ping);
  }

  #ender(ping: ParkedPing): () => void {
    return () => ping.finish(expired);
  }

  #look(ping: ParkedPing): void {
    if (ping.isOver) return;
    if (ping.isLooking) {
      ping.movedAgain = true;
      return;
    }
    ping.isLooking = true;
    this.#lookUntilStill(ping).catch((error: unknown) => ping.fail(error));
  }

  async #lookUntilStill(ping: ParkedPing): Promise<void> {
    do {
      ping.movedAgain = false;
      const news = await this.#news(ping);
      if (news) ping.finish(news);
    } while (ping.movedAgain && !ping.isOver);
    ping.isLooking = false;
  }

  async #news({ session, collections }: ParkedPing): Promise<CommandAnswer | undefined> {
    const deps = this.#deps;
    const device = await deps.devices.device(session.tenant, session.device);
    // Whatever the device does next tells it more.
    if (device.kind === 'device' && (device.blocked || device.wipe.kind !== 'none')) return expired;
    const tree = await deps.folders.of(session.tenant, session.account);
    if (await this.#hierarchies.isNews(session, tree)) return status(pingStatus.hierarchyChanged);
    const changed: CollectionId[] = [];
    for (const collection of collections) {
      const folder = tree.get(collection);
      if (!folder) return status(pingStatus.hierarchyChanged);
      if (await hasNews(deps, session, folder)) changed.push(collection);
    }
    return changed.length > 0 ? changedFolders(changed) : undefined;
  }

  /** The device has given up on its Ping before, or two of its programs do not know of each other. */
  #endFormer(device: DeviceKey): void {
    const former = this.#byDevice.get(device);
    if (!former) return;
    const isTooSoon = this.#deps.nowMs() - former.sinceMs < displacedTooSoonMs;
    former.finish(isTooSoon ? status(pingStatus.serverError) : expired);
  }
}

/** As long as it is and no longer: an array that is pushed to keeps room for more as long as the Ping waits. */
function topicsOf(session: Session, tree: FolderTree, collections: readonly CollectionId[]): string[] {
  const items: string[] = collections.map((collection) => {
    const folder = tree.get(collection);
    return folder ? itemsOf(folder) : collection;
  });
  return items.concat(foldersTopic(session.account), deviceTopic(session.device));
}

function status(code: number): CommandAnswer {
  return { kind: 'wbxml', body: new Writer().open(Ping.Ping).element(Ping.Status, String(code)).close().finish() };
}

const expired = status(pingStatus.expired);

function outOfBounds(boundSeconds: number): CommandAnswer {
  const writer = new Writer().open(Ping.Ping).element(Ping.Status, String(pingStatus.invalidInterval));
  return { kind: 'wbxml', body: writer.element(Ping.HeartbeatInterval, String(boundSeconds)).close().finish() };
}

function tooManyFolders(): CommandAnswer {
  const writer = new Writer().open(Ping.Ping).element(Ping.Status, String(pingStatus.tooManyFolders));
  return { kind: 'wbxml', body: writer.element(Ping.MaxFolders, String(pingFoldersMax)).close().finish() };
}

function changedFolders(collections: readonly CollectionId[]): CommandAnswer {
  const writer = new Writer().open(Ping.Ping).element(Ping.Status, String(pingStatus.changed)).open(Ping.Folders);
  for (const collection of collections) writer.element(Ping.Folder, collection);
  return { kind: 'wbxml', body: writer.close().close().finish() };
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
