/**
 * Applies what an exchange should have done and did not: the commands of its request are carried out on the items as they
 * are now, under their own ids and on the versions that the device knew then. What was applied is a repeat, and what
 * people decided since stands: a change that contradicts it is kept as the loser of a conflict.
 */

import { equal } from '../../domain/conflict/paths.ts';
import type { ItemCommand, PastEvent } from '../../domain/item/decide.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import type { ItemRow, ItemView } from '../../projections/item-view/read.ts';
import type { RecordedEvent } from '../event-log/event-store.port.ts';
import type { Exchange } from '../exchange-record/port.ts';
import type { ItemCommands, ItemRequest, ItemResult, Refusal } from '../items/item-commands.ts';
import type { CarriedOut } from './port.ts';
import { replayCommand } from './recorded-events.ts';

export interface CommitDeps {
  readonly items: Pick<ItemCommands, 'execute' | 'prepare'>;
  readonly view: Pick<ItemView, 'outline' | 'byItems'>;
  readonly open: (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;
  readonly now: () => Instant;
}

/** Who applies it, and why. */
export interface Committer {
  readonly actor: Actor;
  readonly reason?: string;
  /** Nothing is stored; the outcomes are those that there would be. */
  readonly isDry: boolean;
}

export type CommitOutcome =
  | 'applied'
  /** It was done then, or by an earlier replay. */
  | 'doneBefore'
  /** The device, or somebody else, brought the same item in another way since. */
  | 'thereAlready'
  /** The item is so already, or is gone. */
  | 'nothingToDo'
  /** It contradicts what was done since, and is kept as the loser of a conflict. */
  | 'keptAsLoser'
  | 'refused';

export interface CommittedCommand {
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly command: string;
  readonly outcome: CommitOutcome;
  /** Why it was refused, or which item is there already. */
  readonly detail: string | null;
}

/** @param stored the events that the exchange stored when it came. */
export async function commitMissing(
  deps: CommitDeps,
  exchange: Exchange,
  carriedOut: readonly CarriedOut[],
  stored: readonly RecordedEvent[],
  by: Committer,
): Promise<CommittedCommand[]> {
  const done = new Set(stored.map(({ stream }) => stream));
  const committed: CommittedCommand[] = [];
  for (const { request, result } of carriedOut) {
    // What today's program refuses, or finds to be so, is nothing that was missed.
    if (result.repeated || result.decision.kind !== 'accepted' || result.decision.events.length === 0) continue;
    const { item, kind } = request;
    const say = (outcome: CommitOutcome, detail: string | null = null) =>
      committed.push({ item, kind, command: nameOf(request), outcome, detail });
    if (done.has(itemStream(kind, item))) {
      say('doneBefore');
      continue;
    }
    const asked = askedNow(request, exchange, deps.now(), by);
    const { tenant } = exchange;
    const dry = (await deps.items.prepare(tenant, [asked]))?.results[0];
    const isThere = dry && isNews(dry) ? await twinOf(deps, tenant, asked) : undefined;
    if (isThere) {
      say('thereAlready', isThere);
      continue;
    }
    const [now] = by.isDry && dry ? [dry] : await deps.items.execute(tenant, [asked]);
    say(...outcomeOf(now as ItemResult));
  }
  return committed;
}

function askedNow(request: ItemRequest, { id }: Exchange, at: Instant, { actor, reason }: Committer): ItemRequest {
  const { command } = request;
  const cause = {
    ...{ command: replayCommand, exchange: id },
    ...(request.cause?.key ? { key: request.cause.key } : {}),
    ...(request.cause?.claimedAt ? { claimedAt: request.cause.claimedAt } : {}),
    ...(reason ? { reason } : {}),
  };
  // An Add stays as it is: whoever carries it out need not look at its history then.
  const now = typeof command === 'function' || command.do !== 'add' ? yielding(command) : command;
  return { ...request, at, actor, cause, command: now };
}

/** The same command, which gives way to what was done since. */
function yielding(command: ItemRequest['command']): ItemRequest['command'] {
  return (history: readonly PastEvent[]): ItemCommand | Refusal => {
    const made = typeof command === 'function' ? command(history) : command;
    return 'rule' in made && 'base' in made ? { ...made, rule: 'serverWins' } : made;
  };
}

const isNews = ({ repeated, decision }: ItemResult) =>
  !repeated && decision.kind === 'accepted' && decision.events.length > 0;

function outcomeOf({ repeated, decision }: ItemResult): [CommitOutcome, string | null] {
  if (repeated) return ['doneBefore', null];
  if (decision.kind === 'unreadable') return ['refused', decision.reason];
  if (decision.kind === 'refused' || decision.events.length === 0) return ['nothingToDo', null];
  return [decision.conflict === 'client' ? 'keptAsLoser' : 'applied', null];
}

const rowsAtOnce = 200;

/** An item of the folder with the very fields of the one to be added: a phone that failed begins anew, with new ids. */
async function twinOf(deps: CommitDeps, tenant: TenantId, { command, item }: ItemRequest): Promise<ItemId | undefined> {
  if (typeof command === 'function' || command.do !== 'add') return undefined;
  const { collection, fields, kind } = command;
  const all = (await deps.view.outline(tenant, collection)).filter((row) => row.kind === kind && row.item !== item);
  for (let at = 0; at < all.length; at += rowsAtOnce) {
    const names = all.slice(at, at + rowsAtOnce).map((row) => row.item);
    const opened = await deps.open(tenant, await deps.view.byItems(tenant, collection, names));
    for (const [other, there] of opened) if (equal(there, fields)) return other;
  }
  return undefined;
}

function nameOf({ cause, command }: ItemRequest): string {
  return cause?.command ?? (typeof command === 'function' ? 'change' : command.do);
}
