/**
 * One exchange of a device with one folder (MS-ASCMD 2.2.1.21 Sync): recognise the key, carry out what the device
 * asks, find what it must be told, store that the answer was given, and only then give it. Nothing is stored when
 * nothing happened.
 */
import { isDeepStrictEqual } from 'node:util';
import { ruleUnder } from '../../../domain/conflict/policy.ts';
import type { Folder } from '../../../domain/folder/state.ts';
import { syncEvent } from '../../../domain/sync/events.ts';
import { anyConfig, type ConversationState } from '../../../domain/sync/state.ts';
import { TurnTaken } from '../../cluster/turns.port.ts';
import { ItemContended, type ItemResult } from '../../items/item-commands.ts';
import { conversationOf, itemsOf, type Session } from '../session.ts';
import { syncStatus } from '../status.ts';
import { answer, type Turn } from './answer.ts';
import { bringingTo, isBringing, repeatsClaim } from './claims.ts';
import type { CommandsInput, CommandsResult } from './commands.ts';
import { itemFilter } from './filter.ts';
import { holdBack, lossesOf } from './hold-back.ts';
import { planCommands } from './plan-commands.ts';
import { Renderer } from './renderer.ts';
import { execute, settleAll } from './settle-commands.ts';
import { type ConversationId, ViewBehind } from './store.ts';
import { nextEpoch, takeUp } from './take-up.ts';
import { type ExchangeDeps, type ExchangeRequest, type ExchangeResult, failed, keyText, metaOf } from './terms.ts';

const attemptsMax = 4;

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
            ? await begin(deps, session, id, folder, request)
            : await goOn(deps, session, folder, id, request);
        if (result) return noted(session, folder, request, result);
      }
    } catch (error) {
      const isForAgain = error instanceof ViewBehind || error instanceof ItemContended || error instanceof TurnTaken;
      if (!isForAgain) throw error;
    }
    // MS-ASCMD 2.2.3.177.17, 16: the server asks for the same request again.
    return noted(session, folder, request, failed(syncStatus.retry, request.syncKey));
  });
}

function noted(session: Session, folder: Folder, request: ExchangeRequest, result: ExchangeResult): ExchangeResult {
  session.trace?.collected(folder.collection, folder.kind, request, result);
  return result;
}

/** SyncKey 0: a new epoch. Null when another process was faster. */
async function begin(
  deps: ExchangeDeps,
  session: Session,
  id: ConversationId,
  folder: Folder,
  request: ExchangeRequest,
): Promise<ExchangeResult | null> {
  if (request.commands.length > 0) return failed(syncStatus.protocolError, '0');
  const conversation = await deps.conversations.load(id);
  session.trace?.took('0', 'begin', conversation.head.revision, deps.conversations.reached(id, conversation));
  const { state } = conversation;
  const supported = request.supported ?? null;
  const isFresh =
    state !== null &&
    state.issued === 1 &&
    state.cursor.config === anyConfig &&
    isDeepStrictEqual(state.supported, supported) &&
    (request.options === undefined || isDeepStrictEqual(state.options, request.options));
  // Asked again before the first key was used: the answer was lost, or never will be read.
  const epoch = isFresh ? state.epoch : await nextEpoch(deps, id, conversation);
  if (!isFresh) {
    const present = await deps.view.count(id.tenant, itemsOf(folder));
    const event = syncEvent('SyncReset', {
      epoch,
      cause: 'syncKeyZero',
      supported,
      ...(request.options ? { options: request.options } : {}),
      known: [],
      at: deps.now(),
      present,
    });
    const meta = metaOf(deps, session, id, conversation, ['reset', String(epoch)]);
    if (!(await deps.conversations.append(id, conversation, [event], meta))) return null;
    deps.onBegun?.(id, present);
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
  const claimed = new Set(request.commands.flatMap((command) => (command.do === 'add' ? [] : [command.item])));
  const begun = await takeUp(deps, session, folder, id, request.syncKey, claimed);
  if (begun.kind === 'overtaken') return null;
  if (begun.kind === 'unknown') return failed(syncStatus.invalidSyncKey, '0');
  const { conversation, standpoint, keyName, author } = begun;
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
    keyName,
    author,
    conflict: ruleUnder(session.conflictPolicy, options.conflict),
    supported: state.supported,
    // Those under which the device was given what it changes now.
    bodyPreferences: state.options.bodyPreferences,
    commands: request.commands,
  };
  const filter = itemFilter(folder.kind, options.filterType, Date.parse(deps.now()));
  const turn: Turn = { session, request, input, filter, isTakenUp: begun.isNewEpoch };
  if (!isBringing(deps, input)) return await carryOut(deps, turn);
  // Two phones of one person may bring the same at once: the one must see what the other brought.
  return await deps.conversations.exclusivelyAmongAll(bringingTo(input), async () => {
    await deps.conversations.caughtUp(id);
    return await carryOut(deps, turn);
  });
}

/** Null when a stream moved on: nothing was told then. */
async function carryOut(deps: ExchangeDeps, turn: Turn): Promise<ExchangeResult | null> {
  const { input } = turn;
  const { id } = input;
  const asked = await planCommands(deps, input);
  // Normally the commands' events and the answer's are one append. Where that cannot be, the commands come first.
  const { plan, prepared } = await holdBack(deps, input, asked, await deps.items.prepare(id.tenant, asked.requests));
  if (prepared && !repeatsClaim(plan, prepared.results)) {
    const done = await settleAll(deps, input, plan, prepared.results);
    const needsView = prepared.writes.length > 0 && hasStale(done);
    if (!needsView) {
      const result = await answer(deps, turn, done, prepared.writes, () => execute(deps, input, plan));
      if (result) noteLosses(deps, id, prepared.results);
      if (result || prepared.writes.length === 0) return result;
    }
  }
  const results = await execute(deps, input, plan);
  const done = await settleAll(deps, input, plan, results);
  // What was merged goes back to the device in this answer: the view must show it.
  if (hasStale(done)) await deps.conversations.caughtUp(id);
  const result = await answer(deps, turn, done, [], undefined);
  if (result) noteLosses(deps, id, results);
  return result;
}

/** Whether something goes back to the device in this answer. */
function hasStale({ ops, later }: CommandsResult): boolean {
  return ops.some(([item, op]) => op === 'stale' && !later.has(item));
}

/** What was deleted and emptied just now counts when more follows. */
function noteLosses(deps: ExchangeDeps, id: ConversationId, results: readonly ItemResult[]): void {
  const losses = lossesOf(results);
  if (losses.removed + losses.blanked > 0) deps.massDeletes?.recent.add(id, losses, Date.parse(deps.now()));
}
