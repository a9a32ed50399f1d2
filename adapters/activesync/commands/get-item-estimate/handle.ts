/** GetItemEstimate: MS-ASCMD 2.2.1.9. */
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import type { CollectionId, ItemId, Position } from '../../../../domain/shared/ids.ts';
import { recognise, type Standpoint, standpoint as standpointOf } from '../../../../domain/sync/decide.ts';
import { defaultOptions, type SyncOptions } from '../../../../domain/sync/events.ts';
import { parseKey } from '../../../../domain/sync/key.ts';
import type { ConversationState } from '../../../../domain/sync/state.ts';
import { itemFilter } from '../../conversation/filter.ts';
import { pastOf, pastOfFormer } from '../../conversation/past.ts';
import { Renderer } from '../../conversation/renderer.ts';
import type { ConversationId } from '../../conversation/store.ts';
import type { SyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import type { CommandHandler } from '../../request.ts';
import { conversationOf, itemsOf, type Session } from '../../session.ts';
import { commonStatus, estimateStatus } from '../../status.ts';
import { AirSync, GetItemEstimate } from '../../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { estimate } from './estimate.ts';

const collectionsMax = 300;

interface Estimated {
  readonly status: number;
  readonly collectionId: string;
  readonly count: number;
}

export function getItemEstimateHandler(deps: SyncDeps): CommandHandler {
  return async ({ session, root }) => {
    const container = root?.tag === GetItemEstimate.GetItemEstimate && child(root, GetItemEstimate.Collections);
    const asked = container ? childrenOf(container, GetItemEstimate.Collection) : [];
    if (asked.length === 0 || asked.length > collectionsMax) {
      if (session.version < 140) return { kind: 'http', status: 400 };
      return statusAnswer('GetItemEstimate', commonStatus.invalidContent);
    }
    const tree = await deps.folders.of(session.tenant, session.account);
    const writer = new Writer().open(GetItemEstimate.GetItemEstimate);
    for (const element of asked) respond(writer, await answer(deps, session, tree, element), tree, deps, session);
    return { kind: 'wbxml', body: writer.close().finish() };
  };
}

async function answer(deps: SyncDeps, session: Session, tree: FolderTree, element: Element): Promise<Estimated> {
  const collectionId = textOf(element, GetItemEstimate.CollectionId) ?? textOf(element, AirSync.CollectionId) ?? '';
  const failed = (status: number): Estimated => ({ status, collectionId, count: 0 });
  const folder = tree.get(collectionId as CollectionId);
  if (!folder) return failed(estimateStatus.unknownCollection);
  const syncKey = textOf(element, AirSync.SyncKey) ?? '';
  if (syncKey === '0' || syncKey === '') return failed(estimateStatus.notPrimed);
  const id = conversationOf(session, folder.collection);
  const conversation = await deps.conversations.load(id);
  const found = await standpointBy(deps, session, folder, id, conversation.state, syncKey);
  if (!found) return failed(estimateStatus.invalidSyncKey);
  const { options } = found;
  const renderer = new Renderer(deps.classOf(folder.kind), session, options, folder.owner !== undefined);
  const filter = itemFilter(folder.kind, filterTypeOf(element) ?? options.filterType, Date.parse(deps.now()));
  const { standpoint } = found;
  const count = await estimate(deps, { id, conversation, standpoint, collection: itemsOf(folder), filter, renderer });
  return { status: estimateStatus.success, collectionId, count };
}

/** What the key stands for, as Sync would take it up; nothing is stored. Null for a key that was never issued. */
async function standpointBy(
  deps: SyncDeps,
  session: Session,
  folder: Folder,
  id: ConversationId,
  state: ConversationState | null,
  syncKey: string,
): Promise<{ readonly standpoint: Standpoint; readonly options: SyncOptions } | null> {
  const key = parseKey(syncKey, deps.keyChecks.of(id));
  const recognised = key ? recognise(state, key) : 'unknown';
  if (state && recognised !== 'unknown') {
    // An earlier key is told what the last one would be: it is an estimate, and Sync will do it right.
    const isNext = recognised === 'next' || (recognised === 'earlier' && state.offer !== null);
    return { standpoint: standpointOf(state, isNext ? 'next' : 'repeat'), options: state.options };
  }
  const past = key
    ? await pastOf(deps, id, folder, state, key)
    : await pastOfFormer(deps, session, id, folder, syncKey);
  if (!past) return null;
  const cursor = { position: 0 as Position, config: '' };
  const standpoint = { base: 1, cursor, stale: new Set<ItemId>(), overlay: past.held };
  return { standpoint, options: past.options ?? defaultOptions };
}

/** In Options since 14.0, before beside the key. */
function filterTypeOf(element: Element): number | undefined {
  const options = child(element, AirSync.Options);
  const text = (options && textOf(options, AirSync.FilterType)) ?? textOf(element, AirSync.FilterType);
  return text !== undefined && /^\d{1,3}$/.test(text.trim()) ? Number(text) : undefined;
}

function respond(writer: Writer, estimated: Estimated, tree: FolderTree, deps: SyncDeps, session: Session): void {
  const { status, collectionId, count } = estimated;
  writer.open(GetItemEstimate.Response).element(GetItemEstimate.Status, String(status));
  if (status === estimateStatus.success) {
    const folder = tree.get(collectionId as CollectionId);
    writer.open(GetItemEstimate.Collection);
    if (folder && session.version < 140) writer.element(GetItemEstimate.Class, deps.classOf(folder.kind).name);
    writer.element(GetItemEstimate.CollectionId, collectionId);
    writer.element(GetItemEstimate.Estimate, String(count)).close();
  }
  writer.close();
}
