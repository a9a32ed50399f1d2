/** Finds what the device must be told, stores that it is told, and only then tells it. */
import { isDeepStrictEqual } from 'node:util';
import type { ItemId, Position } from '../../../domain/shared/ids.ts';
import { syncEvent } from '../../../domain/sync/events.ts';
import { holding } from '../../../domain/sync/held-back.ts';
import { mayHoldLost } from '../../../domain/sync/resets.ts';
import type { ConversationState, Held } from '../../../domain/sync/state.ts';
import type { DomainWrite } from '../../event-log/event-store.port.ts';
import { SubjectErased } from '../../event-log/event-store.ts';
import { AppendRejected } from '../../event-log/port.ts';
import { itemsOf, type Session } from '../session.ts';
import { syncStatus } from '../status.ts';
import { type Changes, type ChangesQuery, changes, configOf } from './changes.ts';
import type { CommandsInput, CommandsResult } from './commands.ts';
import type { ItemFilter } from './filter.ts';
import { stillSince } from './still.ts';
import { type ExchangeDeps, type ExchangeRequest, type ExchangeResult, keyText, metaOf } from './terms.ts';

/** What stays the same while one request of one collection is answered. */
export interface Turn {
  readonly session: Session;
  readonly request: ExchangeRequest;
  readonly input: CommandsInput;
  readonly filter: ItemFilter;
  /** The key was from further back, and a new epoch began with it. */
  readonly isTakenUp: boolean;
}

/**
 * Finds what the device must be told and stores that it is told, after `writes` if there are any. Null when a stream
 * moved on, or the log refused what belongs to one command: then nothing was told.
 */
export async function answer(
  deps: ExchangeDeps,
  { session, request, input, filter, isTakenUp }: Turn,
  done: CommandsResult,
  writes: readonly DomainWrite[],
  onRepeated: (() => Promise<unknown>) | undefined,
): Promise<ExchangeResult | null> {
  const { id, conversation, renderer, folder } = input;
  const standpoint = done.hold
    ? { ...input.standpoint, heldBack: holding(input.standpoint.heldBack, done.hold) }
    : input.standpoint;
  const state = conversation.state as ConversationState;
  const own = new Map<ItemId, Held | null>();
  const ownVersions = new Map<ItemId, number>();
  const stale = new Set(standpoint.stale);
  for (const [item, op, version, hash] of done.ops) {
    if (op === 'stale') {
      if (!done.later.has(item)) stale.add(item);
      continue;
    }
    own.set(item, op === 'delete' || op === 'softDelete' ? null : { version, hash });
    ownVersions.set(item, version);
  }
  const collection = itemsOf(folder);
  const { windowSize } = request;
  const query = {
    ...{ id, conversation, standpoint, own, ownVersions, stale, collection, filter, renderer, windowSize },
    mayHoldLost: mayHoldLost(state, Date.parse(deps.now())),
  };
  const look = request.getChanges ? await findChanges(deps, query, done.ops.length > 0) : undefined;
  const found = look?.found;
  for (const { item, reason } of found?.withheld ?? []) {
    deps.onWithheld(id, item, reason);
    session.trace?.withhold(id.collection, item, reason);
  }

  const isOptionsNews = request.options !== undefined && !isDeepStrictEqual(request.options, state.options);
  const isNews =
    writes.length > 0 ||
    done.ops.length > 0 ||
    (found?.commands.length ?? 0) > 0 ||
    found?.moreAvailable === true ||
    found?.isSettling === true ||
    isOptionsNews;
  if (!isNews) {
    return {
      status: syncStatus.success,
      syncKey: isTakenUp ? keyText(deps, id, state.epoch, 1) : request.syncKey,
      responses: done.responses,
      commands: [],
      moreAvailable: false,
      isUnchanged: done.responses.length === 0 && !isTakenUp,
    };
  }

  const issued = state.issued + 1;
  const event = syncEvent('SyncAnswered', {
    key: issued,
    base: standpoint.base,
    ops: [...done.ops, ...(found?.ops ?? [])],
    cursor: found?.cursor ?? standpoint.cursor,
    ...(isOptionsNews && request.options ? { options: request.options } : {}),
  });
  const parts = [`${state.epoch}`, `${issued}`, `${standpoint.base}`];
  const meta = metaOf(deps, session, id, conversation, parts);
  try {
    const events = done.hold ? [syncEvent('CommandsHeld', done.hold), event] : [event];
    const appended = await deps.conversations.appendAfter(id, conversation, writes, events, meta);
    if (!appended) return null;
    if (done.hold) deps.massDeletes?.onHeld?.(id, done.hold.batch, done.hold.commands.length);
    if (look && !found) appended.conversation.checked = { key: issued, position: look.position, config: look.config };
    // An Add that is here already may have been edited since it was first sent.
    if (appended.repeated) await onRepeated?.();
  } catch (error) {
    if (writes.length === 0 || !(error instanceof AppendRejected || error instanceof SubjectErased)) throw error;
    return null;
  }
  return {
    status: syncStatus.success,
    syncKey: keyText(deps, id, state.epoch, issued),
    responses: done.responses,
    commands: found?.commands ?? [],
    // What waits for the device's next request is more, so that it comes.
    moreAvailable: found?.moreAvailable || (request.getChanges && done.later.size > 0),
    isUnchanged: false,
  };
}

/** What the look at the folder gave; without `found` nothing is new, and was not up to `position`. */
interface Look {
  readonly found?: Changes;
  readonly position: Position;
  readonly config: string;
}

/**
 * Looks for changes, unless memory knows that there are none: since the folder was last looked at for this key and
 * these options nothing moved in it but what the device itself did.
 */
async function findChanges(deps: ExchangeDeps, query: ChangesQuery, hasOwn: boolean): Promise<Look> {
  const { conversation, standpoint, stale, collection } = query;
  const { tenant } = query.id;
  const config = configOf(query);
  const { base, cursor } = standpoint;
  const position = await stillSince(deps, { tenant, collection, conversation, base, cursor, config });
  if (position !== undefined && stale.size === 0) return { position, config };
  const found = await changes(deps, query);
  if (found.commands.length === 0 && !found.moreAvailable && !hasOwn) {
    conversation.checked = { key: base, position: found.cursor.position, config: found.cursor.config };
  }
  return { found, position: found.cursor.position, config: found.cursor.config };
}
