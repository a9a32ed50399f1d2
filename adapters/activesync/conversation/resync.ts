/**
 * A full resync asked for on our side. The device is not told to begin anew, which would cost what it has not yet sent:
 * with its next exchange, whatever key of its own it comes with, its commands are carried out as ever, and then it is
 * sent the present content of everything.
 */
import type { Actor, Cause } from '../../../domain/shared/event.ts';
import { perhapsHeld, resetEvents } from '../../../domain/sync/resets.ts';
import { type ConversationId, ViewBehind } from './store.ts';
import type { ExchangeDeps } from './terms.ts';

/** `pending`: the device has not yet come since it was last asked for. `neverSynced`: there is nothing to send anew. */
export type ResyncOutcome = 'resynced' | 'pending' | 'neverSynced';

const attemptsMax = 4;

/** @throws ViewBehind when the read models lag, or others keep writing to the conversation. */
export async function resync(
  deps: Pick<ExchangeDeps, 'conversations' | 'commandId' | 'nonce' | 'now'>,
  id: ConversationId,
  by: { readonly actor: Actor; readonly cause: Cause },
): Promise<ResyncOutcome> {
  const { conversations } = deps;
  return await conversations.exclusively(id, async () => {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      await conversations.caughtUp(id);
      const conversation = await conversations.load(id);
      const { state } = conversation;
      if (!state) return 'neverSynced';
      if (state.cause === 'resync' && state.issued === 1) return 'pending';
      const held = perhapsHeld(state, await conversations.allHeld(id, conversation));
      const epoch = state.epoch + 1;
      const { supported, options } = state;
      const events = resetEvents({ epoch, cause: 'resync', supported, options }, held);
      const commandId = deps.commandId(['resync', id.device, id.collection, String(epoch), deps.nonce()]);
      const meta = { at: deps.now(), commandId, ...by };
      if (await conversations.append(id, conversation, events, meta)) return 'resynced';
    }
    throw new ViewBehind();
  });
}
