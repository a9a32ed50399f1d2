/**
 * Carries out commands on items: loads the streams, decides, appends, and decides again when somebody was faster. A
 * command that was carried out before is answered as it was then: the decision is made on the history as it stood, so
 * a phone that repeats its request after a lost answer gets the first result.
 */

import { type Decision, decide, type ItemCommand, type PastEvent } from '../../domain/item/decide.ts';
import { type ItemEventData, parseItemType } from '../../domain/item/events.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import type { Actor, Cause, EventMeta } from '../../domain/shared/event.ts';
import type { AccountId, CommandId, Instant, ItemId, Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../domain/shared/streams.ts';
import type { DomainWrite, EventStore, RecordedEvent, StreamPage } from '../event-log/event-store.port.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { SubjectErased } from '../event-log/event-store.ts';
import { AppendRejected } from '../event-log/port.ts';

/** Why a command was not decided, or could not be stored; told to the phone by the status (MS-ASCMD 2.2.3.177.17). */
export interface Refusal {
  readonly kind: 'unreadable';
  readonly status: number;
  readonly reason: string;
}

export interface ItemRequest {
  readonly item: ItemId;
  readonly kind: ItemKind;
  readonly commandId: CommandId;
  readonly actor: Actor;
  readonly at: Instant;
  readonly cause?: Cause;
  /** Whose key wraps the key of a new item. */
  readonly owner: AccountId;
  /** A command, or what makes one from the item's history up to the command's first execution. */
  readonly command: ItemCommand | ((history: readonly PastEvent[]) => ItemCommand | Refusal);
}

export interface ItemResult {
  readonly decision: Decision | Refusal;
  /** The item right after this command; null when there is none. */
  readonly state: ItemState | null;
  /** The revision of the stream's last event then. */
  readonly revision: number;
  /** Where the command's last event stands, now or then; 0 when it made none. */
  readonly position: Position;
  readonly repeated: boolean;
}

const attemptsMax = 5;
/** MS-ASCMD 2.2.3.177.17: the client is at fault with this content, and sends it no more. */
const conversionError = 6;
const objectNotFound = 8;

export class ItemCommands {
  readonly #store: EventStore;

  constructor(store: EventStore) {
    this.#store = store;
  }

  /**
   * Executes the requests; results are in their order. Several commands on one item are carried out one after the
   * other, commands on different items together.
   * @throws ItemContended when an item changed faster than the command could be decided, `attemptsMax` times.
   */
  async execute(tenant: TenantId, requests: readonly ItemRequest[]): Promise<ItemResult[]> {
    const results = new Array<ItemResult>(requests.length);
    let waiting = requests.map((request, index) => ({ request, index }));
    while (waiting.length > 0) {
      const taken = new Set<ItemId>();
      const round = waiting.filter(({ request }) => !taken.has(request.item) && taken.add(request.item));
      const inRound = new Set(round);
      waiting = waiting.filter((entry) => !inRound.has(entry));
      const answers = await this.#round(
        tenant,
        round.map(({ request }) => request),
      );
      round.forEach(({ index }, at) => {
        results[index] = answers[at] as ItemResult;
      });
    }
    return results;
  }

  /**
   * Decides without storing: the results as they will be, and the writes that make them so, for an append together
   * with what else belongs to it. Null when two of the requests speak of one item. Whoever appends carries out the
   * requests with `execute` when the append meets a conflict, a repeat or a refusal.
   */
  async prepare(
    tenant: TenantId,
    requests: readonly ItemRequest[],
  ): Promise<{ results: ItemResult[]; writes: DomainWrite[] } | null> {
    if (new Set(requests.map(({ item }) => item)).size < requests.length) return null;
    const known = await this.#load(tenant, requests.filter(needsHistory));
    const decided = requests.map((request) => this.#decide(request, known.get(streamOf(request))));
    return {
      results: decided.map(({ result }) => result),
      writes: decided.filter(({ writes }) => writes).map(writeOf),
    };
  }

  /** The item's events and what they make of it. */
  async history(tenant: TenantId, kind: ItemKind, item: ItemId): Promise<RecordedEvent[]> {
    return [...(await this.#store.load(tenant, itemStream(kind, item))).events];
  }

  /** The events of several items of one kind; those that never were have none. */
  async histories(
    tenant: TenantId,
    kind: ItemKind,
    items: readonly ItemId[],
  ): Promise<Map<ItemId, readonly RecordedEvent[]>> {
    const pages = await this.#store.loadMany(
      tenant,
      items.map((item) => itemStream(kind, item)),
    );
    return new Map(items.map((item) => [item, pages.get(itemStream(kind, item))?.events ?? []]));
  }

  /** What no log takes is refused by itself: the commands beside it are carried out. */
  async #round(tenant: TenantId, requests: readonly ItemRequest[]): Promise<ItemResult[]> {
    try {
      return await this.#together(tenant, requests);
    } catch (error) {
      if (!(error instanceof AppendRejected || error instanceof SubjectErased)) throw error;
      const [only, ...others] = requests;
      if (only && others.length === 0) return [await this.#refused(tenant, only, error)];
    }
    const results: ItemResult[] = [];
    for (const request of requests) results.push(...(await this.#round(tenant, [request])));
    return results;
  }

  async #refused(tenant: TenantId, request: ItemRequest, error: Error): Promise<ItemResult> {
    const page = (await this.#load(tenant, [request])).get(streamOf(request));
    const status = error instanceof SubjectErased ? objectNotFound : conversionError;
    const decision: Refusal = { kind: 'unreadable', status, reason: error.message };
    return { decision, ...outcome(pastEvents(page?.events ?? [])), position: 0 as Position, repeated: false };
  }

  async #together(tenant: TenantId, requests: readonly ItemRequest[]): Promise<ItemResult[]> {
    let known = await this.#load(tenant, requests.filter(needsHistory));
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const decided = requests.map((request) => this.#decide(request, known.get(streamOf(request))));
      const writing = decided.filter(({ writes }) => writes);
      if (writing.length === 0) return decided.map(({ result }) => result);
      const outcome = await this.#store.append(tenant, writing.map(writeOf));
      if (outcome.kind === 'appended' && !outcome.commits.some((commit) => commit.repeated)) {
        const positions = new Map(outcome.commits.map(({ stream, position }) => [stream, position]));
        return decided.map(({ request, result }) => ({
          ...result,
          position: positions.get(streamOf(request)) ?? result.position,
        }));
      }
      known = await this.#load(tenant, requests);
    }
    throw new ItemContended();
  }

  async #load(tenant: TenantId, requests: readonly ItemRequest[]): Promise<Map<StreamName, StreamPage>> {
    if (requests.length === 0) return new Map();
    return await this.#store.loadMany(tenant, requests.map(streamOf));
  }

  #decide(request: ItemRequest, loaded: StreamPage | undefined): Decided {
    const page = loaded ?? { events: [], head: emptyHead };
    const first = page.events.findIndex((event) => event.meta.commandId === request.commandId);
    const repeated = first >= 0;
    const before = pastEvents(repeated ? page.events.slice(0, first) : page.events);
    const command = typeof request.command === 'function' ? request.command(before) : request.command;
    if ('kind' in command && command.kind === 'unreadable') {
      const result = { decision: command, ...outcome(before), position: 0 as Position, repeated };
      return { request, page, writes: false, result };
    }
    const then = page.events.filter(({ meta }) => meta.commandId === request.commandId);
    const decision = decide(before, underRuleOf(command as ItemCommand, then), request.actor);
    const events = eventsOf(decision);
    const base = (before.at(-1)?.revision ?? -1) + 1;
    const after = before.concat(
      events.map((event, index) => ({ ...event, revision: base + index, actor: request.actor })),
    );
    const position = then.at(-1)?.position ?? (0 as Position);
    const result = { decision, ...outcome(after), position, repeated };
    return { request, page, writes: !repeated && events.length > 0, result };
  }
}

interface Decided {
  readonly request: ItemRequest;
  readonly page: StreamPage;
  readonly writes: boolean;
  readonly result: ItemResult;
}

/** A conflict was decided by the rule of then, whatever the device or its account asks for now. */
function underRuleOf(command: ItemCommand, then: readonly RecordedEvent[]): ItemCommand {
  const kept = then.find(({ type }) => parseItemType(type)?.verb === 'ConflictKept');
  if (!kept || (command.do !== 'change' && command.do !== 'remove')) return command;
  return { ...command, rule: (kept.data as ItemEventData['ConflictKept']).rule };
}

/** A new item needs no look at its stream: the append says when it was there already. */
function needsHistory({ command }: ItemRequest): boolean {
  return typeof command === 'function' || command.do !== 'add';
}

function writeOf({ request, page, result }: Decided): DomainWrite {
  const { at, actor, commandId, cause } = request;
  const meta: EventMeta = { at, actor, commandId, ...(cause ? { cause } : {}) };
  return {
    stream: streamOf(request),
    head: page.head,
    subject: itemSubject(request.item),
    owner: accountSubject(request.owner),
    events: eventsOf(result.decision).map((event) => ({ event, meta })),
  };
}

function eventsOf(decision: Decision | Refusal) {
  return decision.kind === 'accepted' ? decision.events : [];
}

function outcome(history: readonly PastEvent[]): { state: ItemState | null; revision: number } {
  return { state: fold(history), revision: history.at(-1)?.revision ?? -1 };
}

/** An erased item's events say nothing any more; it is as if it had never been. */
export function pastEvents(events: readonly RecordedEvent[]): PastEvent[] {
  return events
    .filter((event) => event.type !== 'Forgotten')
    .map(({ type, data, revision, meta }) => ({ type, data, revision, actor: meta.actor }));
}

function streamOf(request: ItemRequest): StreamName {
  return itemStream(request.kind, request.item);
}

/** Somebody else kept changing the item. The client may repeat its request. */
export class ItemContended extends Error {
  override readonly name = 'ItemContended';
}
