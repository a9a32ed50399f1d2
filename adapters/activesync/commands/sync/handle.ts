/**
 * The Sync command: every collection of the request has its exchange; when none has news and the client is ready to
 * wait, the request is parked until a folder moves (MS-ASCMD 2.2.1.21).
 */
import { LRUCache } from 'lru-cache';
import type { FolderTree } from '../../../../domain/folder/state.ts';
import type { CollectionId, DeviceKey } from '../../../../domain/shared/ids.ts';
import { deviceTopic } from '../../../../projections/devices/project.ts';
import { exchange } from '../../conversation/exchange.ts';
import type { ExchangeResult } from '../../conversation/terms.ts';
import type { SyncDeps } from '../../deps.ts';
import type { CommandAnswer, CommandHandler, CommandRequest } from '../../request.ts';
import { itemsOf, type Session } from '../../session.ts';
import { syncStatus } from '../../status.ts';
import { ParkedSyncs } from './parked.ts';
import { type CollectionRequest, collectionsMax, parseSync, type SyncRequest } from './request.ts';
import { type CollectionAnswer, renderSync, renderSyncStatus } from './response.ts';

const defaultWindow = 100;
/** MS-ASCMD 2.2.3.94 HeartbeatInterval and 2.2.3.198 Wait: seconds. */
const waitMinSeconds = 60;
const waitMaxSeconds = 3540;
/** Devices whose last request is remembered, so that they may leave it out. */
const rememberedMax = 20_000;

export function syncHandler(deps: SyncDeps): CommandHandler {
  const parked = new ParkedSyncs(deps.heads);
  const remembered = new LRUCache<DeviceKey, SyncRequest>({ max: rememberedMax });

  return async (command) => {
    const { session, root } = command;
    parked.endFormer(session.device);
    const former = remembered.get(session.device);
    let request: SyncRequest;
    if (root) {
      const parsed = parseSync(root, session.version);
      if (!parsed.ok) return status(syncStatus.protocolError);
      if (parsed.request.isPartial && !former) return status(syncStatus.incompleteRequest);
      request = parsed.request.isPartial ? completed(parsed.request, former as SyncRequest) : parsed.request;
    } else {
      if (!former) return status(syncStatus.incompleteRequest);
      request = former;
    }
    const { waitSeconds, hasWait, collections } = request;
    if (collections.length === 0) return status(syncStatus.protocolError);
    if (collections.length > collectionsMax) return status(syncStatus.tooManyCollections);
    if (hasWait && (waitSeconds < waitMinSeconds || waitSeconds > waitMaxSeconds)) {
      const limitSeconds = waitSeconds < waitMinSeconds ? waitMinSeconds : waitMaxSeconds;
      return status(syncStatus.invalidWait, hasWait === 'Wait' ? Math.floor(limitSeconds / 60) : limitSeconds);
    }

    const tree = await deps.folders.of(session.tenant, session.account);
    const answers = await exchangeAll(deps, session, tree, request);
    // From here on only what the client can leave out next time is kept, not what it asked to be done.
    const repeatable = withoutCommands(request);
    remembered.set(session.device, repeatable);
    if (answers.length > 0) return { kind: 'wbxml', body: renderSync(answers, session.version) };
    if (waitSeconds === 0) return { kind: 'empty' };
    return await park(deps, parked, command, tree, repeatable);
  };
}

/** Waits for news and looks again, until there are some or the time is over. */
async function park(
  deps: SyncDeps,
  parked: ParkedSyncs,
  { session, onClose }: CommandRequest,
  tree: FolderTree,
  request: SyncRequest,
): Promise<CommandAnswer> {
  const deadlineMs = Date.now() + request.waitSeconds * 1000;
  const folders = request.collections.flatMap(({ collectionId }) => {
    const folder = tree.get(collectionId as CollectionId);
    return folder ? [itemsOf(folder)] : [];
  });
  // What was decided for the device alone moves no folder.
  const topics = [...folders, deviceTopic(session.device)];
  for (;;) {
    const remainingMs = deadlineMs - Date.now();
    if (remainingMs <= 0) return { kind: 'empty' };
    const waiting = parked.wait(session.device, session.tenant, topics, remainingMs, onClose);
    // What moved between the last look and the parking would otherwise be slept over.
    const answers = await exchangeAll(deps, session, tree, request);
    if (answers.length > 0) {
      parked.endFormer(session.device);
      return { kind: 'wbxml', body: renderSync(answers, session.version) };
    }
    const sinceMs = Date.now();
    const woken = await waiting;
    if (session.trace) session.trace.waitedMs += Date.now() - sinceMs;
    if (woken !== 'moved') return { kind: 'empty' };
  }
}

/** The exchanges of the request's collections, in order; those without news are left out. */
async function exchangeAll(
  deps: SyncDeps,
  session: Session,
  tree: FolderTree,
  request: SyncRequest,
): Promise<CollectionAnswer[]> {
  session.trace?.round();
  const answers: CollectionAnswer[] = [];
  let rest = request.windowSize ?? 512;
  for (const collection of request.collections) {
    const folder = tree.get(collection.collectionId as CollectionId);
    const { collectionId } = collection;
    if (!folder) {
      const result = withStatus(syncStatus.hierarchyChanged, collection.syncKey);
      session.trace?.collected(collectionId as CollectionId, null, { ...collection, windowSize: 0 }, result);
      answers.push({ collectionId, className: undefined, kind: undefined, result });
      continue;
    }
    const windowSize = Math.min(collection.windowSize ?? defaultWindow, rest);
    const result = await exchange(deps, session, folder, { ...collection, windowSize });
    rest -= Math.min(result.commands.length, rest);
    if (result.isUnchanged) continue;
    answers.push({ collectionId, className: deps.classOf(folder.kind).name, kind: folder.kind, result });
  }
  return answers;
}

/** MS-ASCMD 2.2.3.131 Partial: what is left out is as in the request before. */
function completed(request: SyncRequest, former: SyncRequest): SyncRequest {
  const named = new Map(request.collections.map((collection) => [collection.collectionId, collection]));
  const kept = former.collections.filter(({ collectionId }) => !named.has(collectionId));
  return {
    collections: [...kept, ...request.collections],
    isPartial: false,
    waitSeconds: request.hasWait ? request.waitSeconds : former.waitSeconds,
    hasWait: request.hasWait ?? former.hasWait,
    windowSize: request.windowSize ?? former.windowSize,
  };
}

function withoutCommands(request: SyncRequest): SyncRequest {
  const collections = request.collections.map((collection): CollectionRequest => ({ ...collection, commands: [] }));
  return { ...request, collections };
}

function withStatus(code: number, syncKey: string): ExchangeResult {
  return { status: code, syncKey, responses: [], commands: [], moreAvailable: false, isUnchanged: false };
}

function status(code: number, limit?: number): CommandAnswer {
  return { kind: 'wbxml', body: renderSyncStatus(code, limit) };
}
