/** GetItemEstimate: MS-ASCMD 2.2.1.9. */
import type { FolderTree } from '../../../../domain/folder/state.ts';
import type { CollectionId } from '../../../../domain/shared/ids.ts';
import { recognise, standpoint } from '../../../../domain/sync/decide.ts';
import { parseKey } from '../../../../domain/sync/key.ts';
import { itemFilter } from '../../conversation/filter.ts';
import { Renderer } from '../../conversation/renderer.ts';
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
  const key = parseKey(syncKey, deps.keyChecks.of(id));
  const conversation = await deps.conversations.load(id);
  const { state } = conversation;
  const recognised = key ? recognise(state, key) : 'unknown';
  if (!state || recognised === 'unknown') return failed(estimateStatus.invalidSyncKey);
  // An earlier key is told what the last one would be: it is an estimate, and Sync will do it right.
  const isNext = recognised === 'next' || (recognised === 'earlier' && state.offer !== null);
  const renderer = new Renderer(deps.classOf(folder.kind), session, state.options, folder.owner !== undefined);
  const filter = itemFilter(folder.kind, filterTypeOf(element) ?? state.options.filterType, Date.parse(deps.now()));
  const count = await estimate(deps, {
    id,
    conversation,
    standpoint: standpoint(state, isNext ? 'next' : 'repeat'),
    collection: itemsOf(folder),
    filter,
    renderer,
  });
  return { status: estimateStatus.success, collectionId, count };
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
