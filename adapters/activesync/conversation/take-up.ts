/** From which standpoint a device goes on: which of its keys it came with, and what that key stands for. */
import type { ItemId } from '../../../domain/shared/ids.ts';
import { recognise, type Standpoint, standpoint as standpointOf } from '../../../domain/sync/decide.ts';
import { parseKey } from '../../../domain/sync/key.ts';
import { resetEvents } from '../../../domain/sync/resets.ts';
import type { ConversationState, Held } from '../../../domain/sync/state.ts';
import type { Session } from '../session.ts';
import type { Conversation, ConversationId } from './store.ts';
import { type ExchangeDeps, metaOf } from './terms.ts';

/** Where the exchange begins. */
export interface TakenUp {
  readonly kind: 'takenUp';
  readonly conversation: Conversation;
  readonly standpoint: Standpoint;
  /** The key as `epoch.counter`: part of what makes a command of this device itself. */
  readonly keyName: string;
  /** The key was from further back, and a new epoch began with it. */
  readonly isNewEpoch: boolean;
}

/** `unknown`: the key was never issued. `overtaken`: another process was faster, and all of it is to be done again. */
export type TakeUp = TakenUp | { readonly kind: 'unknown' } | { readonly kind: 'overtaken' };

/** @throws ViewBehind */
export async function takeUp(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  syncKey: string,
): Promise<TakeUp> {
  const key = parseKey(syncKey, deps.keyChecks.of(id));
  await deps.conversations.caughtUp(id);
  let conversation = await deps.conversations.load(id);
  const recognised = key ? recognise(conversation.state, key) : 'unknown';
  const keyName = key ? `${key.epoch}.${key.counter}` : '';
  session.trace?.took(keyName, recognised, conversation.head.revision, deps.conversations.reached(id, conversation));
  const then = key && recognised === 'earlier' ? await deps.conversations.heldAt(id, key) : null;
  if (!key || recognised === 'unknown' || (recognised === 'earlier' && !then)) {
    deps.onUnknownKey(id, key ? 'ahead' : 'forged');
    return { kind: 'unknown' };
  }
  if (then) {
    const taken = await takeUpEarlier(deps, session, id, conversation, then);
    if (taken === null) return { kind: 'overtaken' };
    conversation = taken;
  }
  return {
    kind: 'takenUp',
    conversation,
    standpoint: standpointOf(conversation.state as ConversationState, recognised === 'next' ? 'next' : 'repeat'),
    keyName,
    isNewEpoch: recognised === 'earlier',
  };
}

/** A key from further back: what it stood for becomes the beginning of a new epoch. Null when overtaken. */
async function takeUpEarlier(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  conversation: Conversation,
  then: { held: Map<ItemId, Held>; state: ConversationState },
): Promise<Conversation | null> {
  // What must be sent anew is held as something that no rendering is, so that the difference finds it.
  const stale = new Set(then.state.stale);
  const known = new Map(
    [...then.held].map(([item, held]) => [item, stale.has(item) ? { ...held, hash: '' } : held] as const),
  );
  const epoch = (conversation.state as ConversationState).epoch + 1;
  const { supported, options } = then.state;
  const events = resetEvents({ epoch, cause: 'earlierKey', supported, options }, known);
  return await deps.conversations.append(
    id,
    conversation,
    events,
    metaOf(deps, session, id, conversation, ['earlier', String(epoch)]),
  );
}
