/** From which standpoint a device goes on: which of its keys it came with, and what that key stands for. */
import type { Folder } from '../../../domain/folder/state.ts';
import type { DeviceKey, ItemId } from '../../../domain/shared/ids.ts';
import { type KeyParts, recognise, type Standpoint, standpoint as standpointOf } from '../../../domain/sync/decide.ts';
import { parseKey } from '../../../domain/sync/key.ts';
import { resetEvents } from '../../../domain/sync/resets.ts';
import type { ConversationState } from '../../../domain/sync/state.ts';
import type { Session } from '../session.ts';
import { type Past, pastByClaims, pastOf, pastOfFormer } from './past.ts';
import type { Conversation, ConversationId } from './store.ts';
import { type ExchangeDeps, metaOf } from './terms.ts';

/** Where the exchange begins. */
export interface TakenUp {
  readonly kind: 'takenUp';
  readonly conversation: Conversation;
  readonly standpoint: Standpoint;
  /** The key as `epoch.counter`, and whom it was issued to: parts of what makes a command of this device itself. */
  readonly keyName: string;
  readonly author: DeviceKey;
  /** The key was none of the two living ones, and a new epoch began with it. */
  readonly isNewEpoch: boolean;
}

/** `unknown`: the key was never issued. `overtaken`: another process was faster, and all of it is to be done again. */
export type TakeUp = TakenUp | { readonly kind: 'unknown' } | { readonly kind: 'overtaken' };

/**
 * @param claimed items that the device speaks of as ones it holds
 * @throws ViewBehind
 */
export async function takeUp(
  deps: ExchangeDeps,
  session: Session,
  folder: Folder,
  id: ConversationId,
  syncKey: string,
  claimed: ReadonlySet<ItemId>,
): Promise<TakeUp> {
  const key = parseKey(syncKey, deps.keyChecks.of(id));
  await deps.conversations.caughtUp(id);
  const conversation = await deps.conversations.load(id);
  const { state } = conversation;
  const recognised = key ? recognise(state, key) : 'unknown';
  const keyName = key ? `${key.epoch}.${key.counter}` : '';
  // The newest key is none that comes again, although nothing was offered with it.
  const isNewest = recognised === 'repeat' && !state?.offer;
  const shown = isNewest ? 'next' : recognised;
  const { revision } = conversation.head;
  const reached = deps.conversations.reached(id, conversation);
  session.trace?.took(keyName, shown, revision, reached);
  let past: Past | null;
  if (key && state && (recognised === 'next' || recognised === 'repeat')) {
    const isBare = recognised === 'repeat' && state.acknowledged === 1 && state.cause === 'syncKeyZero';
    const bare = isBare && claimed.size > 0 ? nothingHeld(id, state, key) : null;
    past = bare && (await pastByClaims(deps, session, id, bare, claimed));
    if (!past) {
      const standpoint = standpointOf(state, recognised);
      return { kind: 'takenUp', conversation, standpoint, keyName, author: id.device, isNewEpoch: false };
    }
  } else if (key) {
    past = await pastOf(deps, id, folder, state, key);
    const isBare = past?.cause === 'earlierKey' && past.held.size === 0;
    if (past && isBare && claimed.size > 0) past = (await pastByClaims(deps, session, id, past, claimed)) ?? past;
  } else {
    past = await pastOfFormer(deps, session, id, folder, syncKey);
  }
  if (!past) {
    deps.onUnknownKey(id, key ? 'ahead' : 'forged');
    return { kind: 'unknown' };
  }
  const pastName = `${past.key.epoch}.${past.key.counter}`;
  session.trace?.took(pastName, 'earlier', revision, reached);
  const begun = await begin(deps, session, id, conversation, past);
  if (!begun) return { kind: 'overtaken' };
  return {
    kind: 'takenUp',
    conversation: begun,
    standpoint: standpointOf(begun.state as ConversationState, 'repeat'),
    keyName: pastName,
    author: past.author,
    isNewEpoch: true,
  };
}

function nothingHeld(
  { device: author }: ConversationId,
  { supported, options, began }: ConversationState,
  key: KeyParts,
): Past {
  return { cause: 'earlierKey', held: new Map(), supported, options, key, author, ...(began ? { began } : {}) };
}

/** What the key stood for becomes the beginning of a new epoch. Null when overtaken. */
async function begin(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  conversation: Conversation,
  { cause, held, supported, options, began, isLost, former }: Past,
): Promise<Conversation | null> {
  if (former) await deps.kin?.succeed(session, former);
  const epoch = await nextEpoch(deps, id, conversation);
  const at = began ?? conversation.state?.began;
  const lost = isLost ? ({ lost: true } as const) : {};
  const reset = { epoch, cause, supported, ...lost, ...(options ? { options } : {}), ...(at ? { at } : {}) };
  const meta = metaOf(deps, session, id, conversation, [cause, String(epoch)]);
  return await deps.conversations.append(id, conversation, resetEvents(reset, held), meta);
}

/** In a restored log a conversation that it knows nothing of may have had any epoch up to the restored one. */
export async function nextEpoch(
  deps: Pick<ExchangeDeps, 'conversations'>,
  { tenant }: ConversationId,
  { state }: Conversation,
): Promise<number> {
  return (state ? state.epoch : ((await deps.conversations.restoredFrom(tenant)) ?? 0)) + 1;
}
