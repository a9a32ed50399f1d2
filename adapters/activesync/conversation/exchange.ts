/**
 * One exchange of a device with one folder (MS-ASCMD 2.2.1.21 Sync): recognise the key, carry out what the device
 * asks, find what it must be told, store that the answer was given, and only then give it. Nothing is stored when
 * nothing happened.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Folder } from '../../../domain/folder/state.ts';
import type { DomainEvent, EventMeta } from '../../../domain/shared/event.ts';
import type { Instant, ItemId, Position } from '../../../domain/shared/ids.ts';
import { recognise, standpoint as standpointOf } from '../../../domain/sync/decide.ts';
import { type SyncOptions, syncEvent } from '../../../domain/sync/events.ts';
import { formatKey, parseKey } from '../../../domain/sync/key.ts';
import { anyConfig, type ConversationState, type Held } from '../../../domain/sync/state.ts';
import type { DomainWrite } from '../../event-log/event-store.port.ts';
import { SubjectErased } from '../../event-log/event-store.ts';
import { AppendRejected } from '../../event-log/port.ts';
import { ItemContended } from '../../items/item-commands.ts';
import type { ItemClass } from '../classes/port.ts';
import { actorOf, conversationOf, itemsOf, type Session } from '../session.ts';
import { syncStatus } from '../status.ts';
import { type Changes, type ChangesDeps, type ChangesQuery, changes, configOf, type ServerCommand } from './changes.ts';
import type { ClientCommand, CommandResponse, CommandsDeps, CommandsInput, CommandsResult } from './commands.ts';
import { type ItemFilter, itemFilter } from './filter.ts';
import type { KeyChecks } from './key-checks.ts';
import { planCommands } from './plan-commands.ts';
import { Renderer } from './renderer.ts';
import { execute, settleAll } from './settle-commands.ts';
import { stillSince } from './still.ts';
import { type Conversation, type ConversationId, type ConversationStore, ViewBehind } from './store.ts';

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
   * that the log does not know of: the log was restored to an earlier point.
   */
  readonly onUnknownKey: (id: ConversationId, kind: 'forged' | 'ahead') => void;
  readonly onWithheld: (id: ConversationId, item: ItemId, reason: string) => void;
}

const attemptsMax = 4;
/** Holdings that one event carries; more go into further events. */
const seedsPerEvent = 4_000;

export async function exchange(
  deps: ExchangeDeps,
  session: Session,
  folder: Folder,
  request: ExchangeRequest,
): Promise<ExchangeResult> {
  const id = conversationOf(session, folder.collection);
  return await deps.conversations.exclusively(id, async () => {
    try {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const result =
          request.syncKey === '0'
            ? await begin(deps, session, id, request)
            : await goOn(deps, session, folder, id, request);
        if (result) return result;
      }
    } catch (error) {
      if (!(error instanceof ViewBehind || error instanceof ItemContended)) throw error;
    }
    // MS-ASCMD 2.2.3.177.17, 16: the server asks for the same request again.
    return failed(syncStatus.retry, request.syncKey);
  });
}

/** SyncKey 0: a new epoch. Null when another process was faster. */
async function begin(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  request: ExchangeRequest,
): Promise<ExchangeResult | null> {
  if (request.commands.length > 0) return failed(syncStatus.protocolError, '0');
  const conversation = await deps.conversations.load(id);
  const { state } = conversation;
  const supported = request.supported ?? null;
  const isFresh =
    state !== null &&
    state.issued === 1 &&
    state.cursor.config === anyConfig &&
    isDeepStrictEqual(state.supported, supported) &&
    (request.options === undefined || isDeepStrictEqual(state.options, request.options));
  // Asked again before the first key was used: the answer was lost, or never will be read.
  const epoch = isFresh ? state.epoch : (state?.epoch ?? 0) + 1;
  if (!isFresh) {
    const event = syncEvent('SyncReset', {
      epoch,
      cause: 'syncKeyZero',
      supported,
      ...(request.options ? { options: request.options } : {}),
      known: [],
    });
    if (!(await append(deps, session, id, conversation, [event], ['reset', String(epoch)]))) return null;
  }
  return {
    status: syncStatus.success,
    syncKey: keyText(deps, id, epoch, 1),
    responses: [],
    commands: [],
    moreAvailable: false,
    isUnchanged: false,
  };
}

async function goOn(
  deps: ExchangeDeps,
  session: Session,
  folder: Folder,
  id: ConversationId,
  request: ExchangeRequest,
): Promise<ExchangeResult | null> {
  const key = parseKey(request.syncKey, deps.keyChecks.of(id));
  await deps.conversations.caughtUp(id);
  let conversation = await deps.conversations.load(id);
  const recognised = key ? recognise(conversation.state, key) : 'unknown';
  const then = key && recognised === 'earlier' ? await deps.conversations.heldAt(id, key) : null;
  if (!key || recognised === 'unknown' || (recognised === 'earlier' && !then)) {
    deps.onUnknownKey(id, key ? 'ahead' : 'forged');
    return failed(syncStatus.invalidSyncKey, '0');
  }
  if (then) {
    const taken = await takeUpEarlier(deps, session, id, conversation, then);
    if (taken === null) return null;
    conversation = taken;
  }
  const standpoint = standpointOf(conversation.state as ConversationState, recognised === 'next' ? 'next' : 'repeat');
  const state = conversation.state as ConversationState;
  const options = request.options ?? state.options;
  const renderer = new Renderer(deps.classOf(folder.kind), session, options, folder.owner !== undefined);
  const input: CommandsInput = {
    session,
    folder,
    id,
    conversation,
    standpoint,
    renderer,
    // The key a command came with is part of what makes it itself: the same one again is a repeat.
    keyName: `${key.epoch}.${key.counter}`,
    conflict: options.conflict,
    supported: state.supported,
    // Those under which the device was given what it changes now.
    bodyPreferences: state.options.bodyPreferences,
    commands: request.commands,
  };
  const filter = itemFilter(folder.kind, options.filterType, Date.parse(deps.now()));
  const turn: Turn = { session, request, input, filter, isTakenUp: recognised === 'earlier' };
  const plan = await planCommands(deps, input);
  // Normally the commands' events and the answer's are one append. Where that cannot be, the commands come first.
  const prepared = await deps.items.prepare(id.tenant, plan.requests);
  if (prepared) {
    const done = await settleAll(deps, input, plan, prepared.results);
    const needsView = prepared.writes.length > 0 && done.ops.some(([, op]) => op === 'stale');
    if (!needsView) {
      const result = await answer(deps, turn, done, prepared.writes, () => execute(deps, input, plan));
      if (result || prepared.writes.length === 0) return result;
    }
  }
  const done = await settleAll(deps, input, plan, await execute(deps, input, plan));
  // What was merged goes back to the device in this answer: the view must show it.
  if (done.ops.some(([, op]) => op === 'stale')) await deps.conversations.caughtUp(id);
  return await answer(deps, turn, done, [], undefined);
}

/** What stays the same while one request of one collection is answered. */
interface Turn {
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
async function answer(
  deps: ExchangeDeps,
  { session, request, input, filter, isTakenUp }: Turn,
  done: CommandsResult,
  writes: readonly DomainWrite[],
  onRepeated: (() => Promise<unknown>) | undefined,
): Promise<ExchangeResult | null> {
  const { id, conversation, standpoint, renderer, folder } = input;
  const state = conversation.state as ConversationState;
  const own = new Map<ItemId, Held | null>();
  const ownVersions = new Map<ItemId, number>();
  const stale = new Set(standpoint.stale);
  for (const [item, op, version, hash] of done.ops) {
    if (op === 'stale') {
      stale.add(item);
      continue;
    }
    own.set(item, op === 'delete' || op === 'softDelete' ? null : { version, hash });
    ownVersions.set(item, version);
  }
  const collection = itemsOf(folder);
  const { windowSize } = request;
  const query = { id, conversation, standpoint, own, ownVersions, stale, collection, filter, renderer, windowSize };
  const look = request.getChanges ? await findChanges(deps, query, done.ops.length > 0) : undefined;
  const found = look?.found;
  for (const { item, reason } of found?.withheld ?? []) deps.onWithheld(id, item, reason);

  const isOptionsNews = request.options !== undefined && !isDeepStrictEqual(request.options, state.options);
  const isNews =
    writes.length > 0 ||
    done.ops.length > 0 ||
    (found?.commands.length ?? 0) > 0 ||
    found?.moreAvailable === true ||
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
    const appended = await deps.conversations.appendAfter(id, conversation, writes, [event], meta);
    if (!appended) return null;
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
    moreAvailable: found?.moreAvailable ?? false,
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
  const known = [...then.held].map(
    ([item, { version, hash }]) => [item, version, stale.has(item) ? '' : hash] as const,
  );
  const epoch = (conversation.state as ConversationState).epoch + 1;
  const { supported, options } = then.state;
  const events: DomainEvent[] = [
    syncEvent('SyncReset', {
      epoch,
      cause: 'earlierKey',
      supported,
      options,
      known: known.slice(0, seedsPerEvent),
    }),
  ];
  for (let at = seedsPerEvent; at < known.length; at += seedsPerEvent) {
    events.push(syncEvent('SyncSeeded', { known: known.slice(at, at + seedsPerEvent) }));
  }
  return await append(deps, session, id, conversation, events, ['earlier', String(epoch)]);
}

function append(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  conversation: Conversation,
  events: readonly DomainEvent[],
  parts: readonly string[],
): Promise<Conversation | null> {
  return deps.conversations.append(id, conversation, events, metaOf(deps, session, id, conversation, parts));
}

function metaOf(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  conversation: Conversation,
  parts: readonly string[],
): EventMeta {
  // The revision is part of the id: an event of the same numbers on another state is not a repeat of this one.
  const { device, collection } = id;
  const name = ['sync', device, collection, String(conversation.head.revision), ...parts, deps.nonce()];
  return { at: deps.now(), actor: actorOf(session), commandId: deps.commandId(name) };
}

function keyText(deps: ExchangeDeps, id: ConversationId, epoch: number, counter: number): string {
  return formatKey({ epoch, counter }, deps.keyChecks.of(id));
}

function failed(status: number, syncKey: string): ExchangeResult {
  return { status, syncKey, responses: [], commands: [], moreAvailable: false, isUnchanged: false };
}
