/** What one exchange is asked, what it answers, and what it needs to find out. */
import type { Folder } from '../../../domain/folder/state.ts';
import type { EventMeta } from '../../../domain/shared/event.ts';
import type { Instant, ItemId } from '../../../domain/shared/ids.ts';
import type { SyncOptions } from '../../../domain/sync/events.ts';
import { formatKey } from '../../../domain/sync/key.ts';
import type { ItemClass } from '../classes/port.ts';
import { actorOf, type Session } from '../session.ts';
import type { ChangesDeps, ServerCommand } from './changes.ts';
import type { ClientCommand, CommandResponse, CommandsDeps } from './commands.ts';
import type { KeyChecks } from './key-checks.ts';
import type { Conversation, ConversationId, ConversationStore } from './store.ts';

export interface ExchangeRequest {
  readonly syncKey: string;
  readonly getChanges: boolean;
  readonly windowSize: number;
  /** Undefined when the request had no Options: those of before hold. */
  readonly options: SyncOptions | undefined;
  /** Undefined when absent; null is never sent. Counts at SyncKey 0 only. */
  readonly supported: readonly number[] | undefined;
  readonly commands: readonly ClientCommand[];
}

export interface ExchangeResult {
  readonly status: number;
  /** The key to come back with; absent with errors that leave the client's key as it is. */
  readonly syncKey: string;
  readonly responses: readonly CommandResponse[];
  readonly commands: readonly ServerCommand[];
  readonly moreAvailable: boolean;
  /** Nothing to say: the key is the client's own and nothing was stored. */
  readonly isUnchanged: boolean;
}

export interface ExchangeDeps extends ChangesDeps, CommandsDeps {
  readonly conversations: ConversationStore;
  readonly keyChecks: KeyChecks;
  readonly classOf: (kind: Folder['kind']) => ItemClass;
  readonly now: () => Instant;
  /**
   * Somebody looks at these: a key that cannot be served, and an item that could not be shown. `ahead` is a key of ours
   * that the log does not know of: it was restored to an earlier point by other means than `restore`.
   */
  readonly onUnknownKey: (id: ConversationId, kind: 'forged' | 'ahead') => void;
  readonly onWithheld: (id: ConversationId, item: ItemId, reason: string) => void;
  /** A device begins with nothing, by SyncKey 0; the folder holds so many items. */
  readonly onBegun?: (id: ConversationId, items: number) => void;
}

/** The meta of what is said in a conversation. @param parts what tells it from others, for the id of the command. */
export function metaOf(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  conversation: Conversation,
  parts: readonly string[],
): EventMeta {
  // The revision is part of the id: an event of the same numbers on another state is not a repeat of this one.
  const { device, collection } = id;
  const name = ['sync', device, collection, String(conversation.head.revision), ...parts, deps.nonce()];
  const cause = session.exchange ? { cause: { command: 'Sync', exchange: session.exchange } } : {};
  return { at: deps.now(), actor: actorOf(session), commandId: deps.commandId(name), ...cause };
}

/** A sync key as on the wire; see domain/sync/key.ts. */
export function keyText(deps: ExchangeDeps, id: ConversationId, epoch: number, counter: number): string {
  return formatKey({ epoch, counter }, deps.keyChecks.of(id));
}

/** An answer that nothing was done for. @param status of the collection (MS-ASCMD 2.2.3.177.17). */
export function failed(status: number, syncKey: string): ExchangeResult {
  return { status, syncKey, responses: [], commands: [], moreAvailable: false, isUnchanged: false };
}
