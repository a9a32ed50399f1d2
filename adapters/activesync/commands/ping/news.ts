/** Whether a folder holds something that the device does not know: what Ping tells before Sync fetches it. */
import type { Folder } from '../../../../domain/folder/state.ts';
import type { CollectionId, ItemId } from '../../../../domain/shared/ids.ts';
import { standpoint as standpointOf } from '../../../../domain/sync/decide.ts';
import type { ConversationState, Held } from '../../../../domain/sync/state.ts';
import { changes, configOf } from '../../conversation/changes.ts';
import { type ItemFilter, itemFilter } from '../../conversation/filter.ts';
import { Renderer } from '../../conversation/renderer.ts';
import { stillSince } from '../../conversation/still.ts';
import type { Conversation, ConversationId } from '../../conversation/store.ts';
import type { SyncDeps } from '../../deps.ts';
import { conversationOf, itemsOf, type Session } from '../../session.ts';

const nothingOwn: ReadonlyMap<ItemId, Held | null> = new Map();
const noVersions: ReadonlyMap<ItemId, number> = new Map();
/** After so many the device may as well look for itself. */
const attemptsMax = 4;

/**
 * Counts what the device was told last as known. Costs no look at the database while nothing in the folder moved; a
 * move is looked at once, so that the device's own changes do not wake it. A folder that was never synced has no news.
 */
export async function hasNews(deps: SyncDeps, session: Session, folder: Folder): Promise<boolean> {
  const id = conversationOf(session, folder.collection);
  if (await isStill(deps, id, viewOf(deps, session, folder, await deps.conversations.load(id)))) return false;
  // A Sync of the device may be at work: what it has just changed is its own only once its answer is stored.
  return await deps.conversations.exclusively(id, async () => {
    for (let attempt = 1; ; attempt++) {
      const view = viewOf(deps, session, folder, await deps.conversations.load(id));
      if ((await isStill(deps, id, view)) || !(await look(deps, id, view as View))) return false;
      // It may be at work on another node, where it does not wait for this.
      if (attempt === attemptsMax || (await deps.conversations.isLast(id, (view as View).conversation))) return true;
    }
  });
}

/** A folder as the device sees it. */
interface View {
  readonly conversation: Conversation;
  readonly state: ConversationState;
  /** The key that stands for what the device knows. */
  readonly base: number;
  readonly collection: CollectionId;
  readonly filter: ItemFilter;
  readonly renderer: Renderer;
}

function viewOf(deps: SyncDeps, session: Session, folder: Folder, conversation: Conversation): View | undefined {
  const { state } = conversation;
  if (!state) return undefined;
  return {
    conversation,
    state,
    base: state.offer ? state.offer.key : state.acknowledged,
    collection: itemsOf(folder),
    filter: itemFilter(folder.kind, state.options.filterType, Date.parse(deps.now())),
    renderer: new Renderer(deps.classOf(folder.kind), session, state.options, folder.owner !== undefined),
  };
}

/** Memory knows that nothing moved since it was last looked at under the same options. */
async function isStill(deps: SyncDeps, { tenant }: ConversationId, view: View | undefined): Promise<boolean> {
  if (!view) return true;
  const { state, base, conversation, collection } = view;
  if (hasStale(state)) return false;
  const { cursor } = state.offer ?? state;
  const query = { tenant, collection, conversation, base, cursor, config: configOf(view) };
  return (await stillSince(deps, query)) !== undefined;
}

function hasStale(state: ConversationState): boolean {
  return state.stale.length > 0 || state.offer?.ops.some(([, op]) => op === 'stale') === true;
}

async function look(deps: SyncDeps, id: ConversationId, view: View): Promise<boolean> {
  const { conversation, state, base, collection, filter, renderer } = view;
  const standpoint = standpointOf(state, state.offer ? 'next' : 'repeat');
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
