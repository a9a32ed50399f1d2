/**
 * What a phone brings to its first sync may be here already, from the office or from another phone. Such an Add makes
 * no second item: it is merged into the one that is there (domain/matching/), and answered with that one's ServerId,
 * or, where the device holds that one already, with one of its own that is deleted from the device as soon as it knows
 * it. The protocol has no other answer: MS-ASCMD 2.2.3.7.2 Add wants a ServerId, and a ServerId stands for one object.
 */
import { applyDelta, difference } from '../../../domain/conflict/paths.ts';
import type { ItemCommand, PastEvent } from '../../../domain/item/decide.ts';
import { parseItemType } from '../../../domain/item/events.ts';
import type { Fields } from '../../../domain/item/fields.ts';
import { fold } from '../../../domain/item/state.ts';
import type { MergeEventData, Sign } from '../../../domain/matching/events.ts';
import { fill } from '../../../domain/matching/fill.ts';
import { match } from '../../../domain/matching/match.ts';
import type { Traits } from '../../../domain/matching/traits.ts';
import type { CommandId, DeviceKey, ItemId, Position } from '../../../domain/shared/ids.ts';
import type { Held } from '../../../domain/sync/state.ts';
import type { RecordedEvent } from '../../event-log/event-store.port.ts';
import { type ItemRequest, type ItemResult, pastEvents } from '../../items/item-commands.ts';
import type { FolderQuery } from '../../matching/candidates.ts';
import type { IndexOfTraits } from '../../matching/index-of-traits.ts';
import { itemsOf } from '../session.ts';
import type { CommandPlan, CommandsDeps, CommandsInput, Planned } from './commands.ts';
import type { ConversationId } from './store.ts';

/** How long after it began with nothing a phone may still bring what it held before. */
const youngMs = 86_400_000;

/** An Add that is another item. */
export interface Claim {
  /** The id that the Add would have made. */
  readonly alias: ItemId;
  /** What the phone sent. */
  readonly fields: Fields;
}

type Add = Planned & { readonly request: ItemRequest & { readonly command: ItemCommand & { do: 'add' } } };

/** The plan with claims in the place of Adds that are here already. Costs nothing but in the first day of a phone. */
export async function withClaims(
  deps: CommandsDeps,
  input: CommandsInput,
  planned: readonly Planned[],
  heldOf: (items: readonly ItemId[]) => Promise<ReadonlyMap<ItemId, Held>>,
): Promise<{ planned: readonly Planned[]; held: ReadonlyMap<ItemId, Held> }> {
  const unclaimed = { planned, held: new Map<ItemId, Held>() };
  const { candidates } = deps;
  const adds = planned.filter(isAdd);
  if (!candidates || adds.length === 0 || !isBringing(deps, input)) return unclaimed;

  const query = queryOf(input);
  const there = await candidates.of(query, (position) => isOwnSince(deps, input, position));
  const brought = adds.map((add) => candidates.traits(query, add.request.command.fields));
  const found = await find(deps, input, adds, brought, there, heldOf);
  for (const [at, { request }] of adds.entries()) {
    if (!found.claims.has(request.item)) candidates.note(query, request.item, brought[at] as Traits);
  }
  if (found.claims.size === 0) return unclaimed;
  const likening = candidates.likening(query);
  const claimed = planned.flatMap((one): Planned[] => {
    const claim = isAdd(one) ? found.claims.get(one.request.item) : undefined;
    return claim && isAdd(one) ? requestsFor(deps, one, claim, likening) : [one];
  });
  return { planned: claimed, held: found.held };
}

/** Whether the request adds to a folder of its person that the device began with not long ago. */
export function isBringing(deps: Pick<CommandsDeps, 'candidates' | 'now'>, input: CommandsInput): boolean {
  const { folder, commands, conversation } = input;
  const began = conversation.state?.began;
  if (!deps.candidates || began === undefined || folder.owner !== undefined) return false;
  return commands.some((one) => one.do === 'add') && Date.parse(deps.now()) - Date.parse(began) < youngMs;
}

/** The turns of those who bring something to a folder, beside the turns of their conversations. */
export function bringingTo({ id, folder }: CommandsInput): ConversationId {
  return { ...id, device: 'bringing' as DeviceKey, collection: itemsOf(folder) };
}

/** A claim that was stored before may have been edited on the phone since: it must be carried out, not only prepared. */
export function repeatsClaim({ planned }: CommandPlan, results: readonly ItemResult[]): boolean {
  return planned.filter(({ request }) => request).some(({ claim }, at) => claim && results[at]?.repeated);
}

/** What the phone changed in what it had brought before, as a change of the item that it is. */
export function laterEdit(fields: Fields, revision: number): (history: readonly PastEvent[]) => ItemCommand {
  return (history) => {
    const merge = history.findLast((event) => event.type === 'ItemsMerged' && event.revision <= revision);
    const before = (merge?.data as MergeEventData['ItemsMerged'] | undefined)?.claim ?? fields;
    const current = fold(history)?.fields ?? {};
    const wanted = applyDelta(current, difference(before, fields));
    const set = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== current[name]));
    const cleared = Object.keys(current).filter((name) => !(name in wanted));
    return { do: 'change', base: null, rule: 'clientWins', patch: { set, cleared } };
  };
}

function isAdd(one: Planned): one is Add {
  const command = one.request?.command;
  return typeof command === 'object' && command.do === 'add';
}

function queryOf({ id, folder, session }: CommandsInput): FolderQuery {
  return { tenant: id.tenant, collection: itemsOf(folder), kind: folder.kind, timeZone: session.timeZone };
}

/** Nothing moved in the folder but what this device did under the key it comes with. */
async function isOwnSince(deps: CommandsDeps, input: CommandsInput, position: Position): Promise<boolean> {
  const { tenant } = input.id;
  const collection = itemsOf(input.folder);
  if ((await deps.folderHead(tenant, collection)) <= position) return true;
  const own = input.conversation.own.get(input.standpoint.base);
  return deps.movedSince(tenant, collection, position)?.every((one) => own?.has(one)) ?? false;
}

interface Target {
  readonly item: ItemId;
  readonly signs: readonly Sign[];
}

interface Found {
  /** By the id that the Add would have made. */
  readonly claims: ReadonlyMap<ItemId, Target>;
  readonly held: ReadonlyMap<ItemId, Held>;
}

/** Rounds of looking for another item where the best was not free; a name that many bear needs no more. */
const roundsMax = 8;

async function find(
  deps: CommandsDeps,
  input: CommandsInput,
  adds: readonly Add[],
  brought: readonly Traits[],
  there: Pick<IndexOfTraits, 'has' | 'like'>,
  heldOf: (items: readonly ItemId[]) => Promise<ReadonlyMap<ItemId, Held>>,
): Promise<Found> {
  const claims = new Map<ItemId, Target>();
  const held = new Map<ItemId, Held>();
  const histories = new Map<ItemId, readonly RecordedEvent[]>();
  const load = async (items: readonly ItemId[]) => {
    const unknown = items.filter((item) => !histories.has(item));
    if (unknown.length === 0) return;
    const loaded = await deps.items.histories(input.id.tenant, input.folder.kind, unknown);
    for (const [item, events] of loaded) histories.set(item, events);
  };
  if (mayRepeat(input)) {
    await load(adds.map(({ request }) => request.item));
    for (const { request } of adds) {
      const to = forwardedTo(histories.get(request.item) ?? []);
      if (to) claims.set(request.item, { item: to, signs: [] });
    }
  }
  // An Add that is an item by itself was carried out before.
  const open = adds.flatMap((add, at) => {
    const isDone = claims.has(add.request.item) || there.has(add.request.item);
    return isDone ? [] : [{ ...add, traits: brought[at] as Traits }];
  });
  const alike = there.like(open.map(({ traits }) => traits));
  const [items, right] = [[...alike.keys()], [...alike.values()]];
  const blocked = new Set<number>();
  const taken = new Set([...claims.values()].map(({ item }) => item));
  for (const [at, item] of items.entries()) if (taken.has(item)) blocked.add(at);
  for (let round = 0; round < roundsMax; round++) {
    const left = open.filter(({ request }) => !claims.has(request.item));
    const likening = deps.candidates?.likening(queryOf(input));
    if (left.length === 0 || !likening) break;
    const pairs = match(
      left.map(({ traits }) => traits),
      right,
      likening,
      blocked,
    );
    if (pairs.length === 0) break;
    const targets = pairs.map((pair) => items[pair.right] as ItemId);
    await load([...targets, ...pairs.map((pair) => left[pair.left]?.request.item as ItemId)]);
    for (const [item, known] of await heldOf(targets.filter((item) => !held.has(item)))) held.set(item, known);
    for (const pair of pairs) {
      const item = items[pair.right] as ItemId;
      const { request } = left[pair.left] as Add;
      blocked.add(pair.right);
      const before = forwardedTo(histories.get(request.item) ?? []);
      if (before) claims.set(request.item, { item: before, signs: pair.signs });
      else if (isFree(input, adds, request, histories.get(item) ?? [], held.has(item))) {
        claims.set(request.item, { item, signs: pair.signs });
      }
    }
  }
  const unasked = [...claims.values()].map(({ item }) => item).filter((item) => !held.has(item));
  for (const [item, known] of await heldOf(unasked)) held.set(item, known);
  return { claims, held };
}

/** These commands may have been carried out: their answer was lost, or this process has not seen the key being made. */
function mayRepeat({ conversation, standpoint }: CommandsInput): boolean {
  const { state, own } = conversation;
  return (state?.offer && state.acknowledged === standpoint.base) || !own.has(standpoint.base);
}

/** Which item the device's Add of this history is. */
export function forwardedTo(history: readonly RecordedEvent[]): ItemId | undefined {
  const event = history.find(({ type }) => type === 'ItemForwarded');
  return (event?.data as MergeEventData['ItemForwarded'] | undefined)?.to;
}

/**
 * Whether nothing on the phone is this item yet. What the phone brought since it began, and knows by the key it comes
 * with, is another item of its own; what it brought with this same key it does not know, since the answer was lost.
 */
function isFree(
  input: CommandsInput,
  adds: readonly Add[],
  add: ItemRequest,
  history: readonly RecordedEvent[],
  isHeld: boolean,
): boolean {
  const state = fold(pastEvents(history));
  if (!state || state.removed || state.collection !== itemsOf(input.folder)) return false;
  const began = input.conversation.state?.began ?? '';
  const others = new Set<CommandId>(adds.map(({ request }) => request.commandId));
  others.delete(add.commandId);
  return !history.some(({ type, meta }) => {
    const { actor, cause, at, commandId } = meta;
    if (actor.kind !== 'device' || actor.device !== input.id.device) return false;
    if (type !== 'ItemsMerged' && parseItemType(type)?.verb !== 'Added') return false;
    if (others.has(commandId)) return true;
    return isHeld && at >= began && cause?.key !== input.keyName;
  });
}

/** First the word that the Add is another item, then what it brings to that one. */
function requestsFor(
  deps: CommandsDeps,
  { command, request }: Add,
  { item, signs }: Target,
  likening: Parameters<typeof fill>[3],
): Planned[] {
  const { fields, kind } = request.command;
  const clientId = command.do === 'add' ? command.clientId : '';
  const forward: ItemRequest = {
    ...request,
    commandId: deps.commandId([request.commandId, 'forward']),
    command: { do: 'forward', to: item },
  };
  const merge: ItemRequest = {
    ...request,
    item,
    command: (history) => {
      const current = fold(history)?.fields ?? {};
      const filled = fill(kind, current, fields, likening);
      return { do: 'merge', claim: fields, filled, matchedBy: signs, clientId, other: null };
    },
  };
  return [
    { command, request: forward, isForward: true },
    { command, request: merge, claim: { alias: request.item, fields } },
  ];
}
