/** Whether a folder holds something that the device does not know: what Ping tells before Sync fetches it. */
import type { Folder } from '../../../../domain/folder/state.ts';
import type { ItemId } from '../../../../domain/shared/ids.ts';
import { standpoint as standpointOf } from '../../../../domain/sync/decide.ts';
import type { Held } from '../../../../domain/sync/state.ts';
import { changes, configOf } from '../../conversation/changes.ts';
import { itemFilter } from '../../conversation/filter.ts';
import { Renderer } from '../../conversation/renderer.ts';
import type { SyncDeps } from '../../deps.ts';
import { conversationOf, itemsOf, type Session } from '../../session.ts';

const nothingOwn: ReadonlyMap<ItemId, Held | null> = new Map();
const noVersions: ReadonlyMap<ItemId, number> = new Map();

/**
 * Counts what the device was told last as known. Costs no look at the database while nothing in the folder moved; a
 * move is looked at once, so that the device's own changes do not wake it. A folder that was never synced has no news.
 */
export async function hasNews(deps: SyncDeps, session: Session, folder: Folder): Promise<boolean> {
  const id = conversationOf(session, folder.collection);
  const collection = itemsOf(folder);
  const conversation = deps.conversations.cached(id) ?? (await deps.conversations.load(id));
  const { state } = conversation;
  if (!state) return false;
  const base = state.offer ? state.offer.key : state.acknowledged;
  const cursor = state.offer ? state.offer.cursor : state.cursor;
  const renderer = new Renderer(deps.classOf(folder.kind), session, state.options, folder.owner !== undefined);
  const filter = itemFilter(folder.kind, state.options.filterType, Date.parse(deps.now()));
  const config = configOf({ filter, renderer });
  const head = deps.heads.peek(session.tenant, collection) ?? (await deps.heads.head(session.tenant, collection));
  const { checked } = conversation;
  const lookedAt =
    checked && checked.key === base && checked.config === config
      ? checked.position
      : cursor.config === config
        ? cursor.position
        : undefined;
  const standpoint = standpointOf(state, state.offer ? 'next' : 'repeat');
  if (lookedAt !== undefined && lookedAt >= head && standpoint.stale.size === 0) return false;
  const found = await changes(deps, {
    id,
    conversation,
    standpoint,
    own: nothingOwn,
    ownVersions: noVersions,
    stale: standpoint.stale,
    collection,
    filter,
    renderer,
    windowSize: 1,
  });
  if (found.commands.length > 0 || found.moreAvailable) return true;
  conversation.checked = { key: base, position: found.cursor.position, config: found.cursor.config };
  return false;
}
