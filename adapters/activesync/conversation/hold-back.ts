/**
 * Holds back what a device deletes or empties beyond what it may (domain/sync/held-back.ts). The device is answered as
 * if it were done. Requests that delete little are not looked at any closer.
 */
import type { Delta } from '../../../domain/conflict/paths.ts';
import { blanks } from '../../../domain/item/blank.ts';
import { parseItemType } from '../../../domain/item/events.ts';
import type { ItemId } from '../../../domain/shared/ids.ts';
import type { HeldCommand } from '../../../domain/sync/events.ts';
import { type MassDeleteLimits, mayLose } from '../../../domain/sync/held-back.ts';
import type { ConversationState } from '../../../domain/sync/state.ts';
import type { DomainWrite } from '../../event-log/event-store.port.ts';
import { batchIdFrom } from '../../ids.ts';
import type { ItemRequest, ItemResult } from '../../items/item-commands.ts';
import { itemsOf } from '../session.ts';
import type { CommandPlan, CommandsDeps, CommandsInput, Hold, Planned } from './commands.ts';
import type { Losses, RecentLosses } from './recent-losses.ts';
import type { ConversationId } from './store.ts';

export interface MassDeletes {
  readonly limits: MassDeleteLimits;
  readonly recent: RecentLosses;
  /** Somebody looks at these: so many commands of a device were held back just now. */
  readonly onHeld?: (id: ConversationId, batch: string, items: number) => void;
}

type Prepared = { readonly results: readonly ItemResult[]; readonly writes: readonly DomainWrite[] } | null;

/** What is to be done, and how it will come out; `prepared` as `ItemCommands.prepare` gives it. */
export interface Allowed {
  readonly plan: CommandPlan;
  readonly prepared: Prepared;
}

/** The plan without what is held back, or as it was. */
export async function holdBack(
  deps: CommandsDeps,
  input: CommandsInput,
  plan: CommandPlan,
  prepared: Prepared,
): Promise<Allowed> {
  const { massDeletes } = deps;
  const asPlanned = { plan, prepared };
  const { heldBack } = input.conversation.state as ConversationState;
  if (!massDeletes || input.session.mayDeleteAll || plan.requests.length === 0) return asPlanned;
  const { limits, recent } = massDeletes;
  const lately = recent.of(input.id, Date.parse(deps.now()), limits.withinMinutes * 60_000);
  const isLittle = plan.requests.length + lately.removed + lately.blanked <= limits.items;
  if (isLittle && !heldBack) return asPlanned;

  const known = new Set([...(heldBack?.deleted ?? []), ...(heldBack?.blanked ?? [])]);
  const losing = await losses(deps, input, plan, prepared);
  const again = losing.filter(({ request }) => known.has(request.item));
  const fresh = losing.filter(({ request, result }) => !known.has(request.item) && !result.repeated);
  const { surplus, of } = isLittle ? { surplus: [], of: 0 } : await beyond(deps, input, limits, lately, losing, fresh);
  if (again.length + surplus.length === 0) return asPlanned;

  const batch = heldBack?.batch ?? batchOf(deps, input);
  const commands = surplus.map((loss) => heldCommand(plan, loss));
  const held = new Map([...again, ...surplus].map((loss) => [loss.request, loss.what]));
  const rest = without(plan, held);
  const { withinMinutes } = limits;
  const hold: Hold = { batch, by: 'Sync', rule: input.conflict, of, withinMinutes, commands };
  const left = { ...rest, ...(commands.length > 0 ? { hold } : {}) };
  return { plan: left, prepared: await deps.items.prepare(input.id.tenant, left.requests) };
}

/** What these results took from the folder, for the time after. */
export function lossesOf(results: readonly ItemResult[]): Losses {
  const whats = results.flatMap((result) => (result.repeated ? [] : [lossIn(result)?.what]));
  const count = (what: 'delete' | 'change') => whats.filter((one) => one === what).length;
  return { removed: count('delete'), blanked: count('change') };
}

interface Loss {
  readonly request: ItemRequest;
  readonly result: ItemResult;
  readonly what: HeldCommand['do'];
  readonly patch?: Delta;
}

/** The commands that would delete or empty an item, in their order; one for an item. */
async function losses(
  deps: CommandsDeps,
  input: CommandsInput,
  plan: CommandPlan,
  prepared: Prepared,
): Promise<Loss[]> {
  const requests = prepared ? plan.requests : [...firstOfEach(plan).values()];
  const results = prepared?.results ?? (await deps.items.prepare(input.id.tenant, requests))?.results ?? [];
  const known = new Set(input.conversation.state?.heldBack?.deleted);
  return requests.flatMap((request, index): Loss[] => {
    const result = results[index] as ItemResult;
    const loss = lossIn(result);
    if (loss) return [{ request, result, ...loss }];
    // What is deleted for the device alone may meet another decision the second time; it is deleted for it all the same.
    const isDelete = known.has(request.item) && request.cause?.command === 'Sync Delete';
    return isDelete ? [{ request, result, what: 'delete' }] : [];
  });
}

/** Where a request names an item twice, what deletes it counts. */
function firstOfEach({ requests }: CommandPlan): Map<ItemId, ItemRequest> {
  const first = new Map<ItemId, ItemRequest>();
  for (const request of requests) {
    if (!first.has(request.item) || request.cause?.command === 'Sync Delete') first.set(request.item, request);
  }
  return first;
}

function lossIn({ decision, state }: ItemResult): Pick<Loss, 'what' | 'patch'> | undefined {
  if (decision.kind !== 'accepted') return undefined;
  for (const event of decision.events) {
    const verb = parseItemType(event.type)?.verb;
    if (verb === 'Removed') return { what: 'delete' };
    if (verb !== 'Changed' || !state) continue;
    const { set, cleared } = event.data as Delta;
    if (blanks({ set, cleared }, state.fields)) return { what: 'change', patch: { set, cleared } };
  }
  return undefined;
}

/** Those of the fresh ones that are too many, and how many items the folder held before. */
async function beyond(
  deps: CommandsDeps,
  input: CommandsInput,
  limits: MassDeleteLimits,
  lately: Losses,
  losing: readonly Loss[],
  fresh: readonly Loss[],
): Promise<{ surplus: readonly Loss[]; of: number }> {
  // Repeated ones were done with the request before, which memory may have forgotten.
  const repeated = lossesDone(losing);
  const removed = Math.max(lately.removed, repeated.removed);
  const done = removed + Math.max(lately.blanked, repeated.blanked);
  if (done + fresh.length <= limits.items) return { surplus: [], of: 0 };
  const of = (await deps.view.count(input.id.tenant, itemsOf(input.folder))) + removed;
  return { surplus: fresh.slice(Math.max(0, mayLose(limits, of) - done)), of };
}

function lossesDone(losing: readonly Loss[]): Losses {
  const done = losing.filter(({ result }) => result.repeated);
  const removed = done.filter(({ what }) => what === 'delete').length;
  return { removed, blanked: done.length - removed };
}

function heldCommand({ held, rows }: CommandPlan, { request: { item }, what, patch }: Loss): HeldCommand {
  const base = held.get(item)?.version ?? null;
  return { item, do: what, base, seen: rows.get(item)?.version ?? base ?? 0, ...(patch ? { patch } : {}) };
}

function without(plan: CommandPlan, held: ReadonlyMap<ItemRequest, HeldCommand['do']>): CommandPlan {
  const items = new Map([...held].map(([{ item }, what]) => [item, what]));
  const planned = plan.planned.map((one): Planned => {
    const what = one.request && items.get(one.request.item);
    if (!what || !one.request) return one;
    // Of two commands on one item the one that was looked at is held, and with a delete every other delete.
    const isSame = held.has(one.request) || (what === 'delete' && one.command.do === 'delete');
    return isSame ? { command: one.command, held: { item: one.request.item, do: what } } : one;
  });
  return { ...plan, planned, requests: planned.flatMap(({ request }) => (request ? [request] : [])) };
}

function batchOf(deps: CommandsDeps, { id, conversation, keyName }: CommandsInput): string {
  const parts = ['held', id.device, id.collection, String(conversation.head.revision), keyName];
  return batchIdFrom(deps.commandId(parts));
}
