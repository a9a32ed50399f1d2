/**
 * Items put right by people who look after them. What is asked for is decided on the item's history and appended as
 * any command is, so devices and the office hear of it as of any other change.
 */
import type { Folders } from '../../adapters/activesync/deps.ts';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import {
  type ItemCommands,
  ItemContended,
  type ItemRequest,
  type ItemResult,
  pastEvents,
} from '../../adapters/items/item-commands.ts';
import type { Homes } from '../../domain/item/become.ts';
import { decide, type ItemRefusal, type PastEvent } from '../../domain/item/decide.ts';
import type { DecideCommand } from '../../domain/item/decide-conflict.ts';
import type { RestoreCommand } from '../../domain/item/decide-restore.ts';
import { type Effects, effectsOf } from '../../domain/item/effects.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import { unavailable } from '../errors.ts';
import { defaultCollection } from './default-folders.ts';

export interface ItemPlace {
  readonly tenant: TenantId;
  readonly kind: ItemKind;
  readonly item: ItemId;
}

/** An item as its stream tells it now. */
export interface ItemNow extends ItemPlace {
  readonly events: readonly RecordedEvent[];
  readonly history: readonly PastEvent[];
  readonly state: ItemState;
  /** The revision of the stream's last event. */
  readonly revision: number;
  readonly homes: Homes;
}

/** Who wants it, and why. */
export interface Wish {
  readonly actor: Actor;
  readonly cause: Cause;
}

/** A command for an item as it was looked at; `key` makes its id, so that the same wish again is a repeat. */
export interface Errand {
  readonly now: ItemNow;
  readonly command: RestoreCommand | DecideCommand;
  readonly key: readonly string[];
}

export type Outcome =
  | ({ readonly kind: 'done'; readonly revision: number; readonly removed: boolean } & Effects)
  | { readonly kind: 'refused'; readonly reason: ItemRefusal }
  /** The log does not take it, in these words. */
  | { readonly kind: 'rejected'; readonly reason: string };

export class PutRight {
  readonly #store: EventStore;
  readonly #items: ItemCommands;
  readonly #folders: Folders['of'];
  readonly #now: () => Instant;

  constructor(options: {
    readonly store: EventStore;
    readonly items: ItemCommands;
    readonly folders: Folders['of'];
    readonly now: () => Instant;
  }) {
    this.#store = options.store;
    this.#items = options.items;
    this.#folders = options.folders;
    this.#now = options.now;
  }

  /** The items as they are; those that never were, or were erased, are absent. */
  async look(tenant: TenantId, places: readonly Omit<ItemPlace, 'tenant'>[]): Promise<Map<ItemId, ItemNow>> {
    const wanted = [...new Map(places.map((place) => [place.item, place])).values()];
    const pages = await this.#store.loadMany(
      tenant,
      wanted.map(({ kind, item }) => itemStream(kind, item)),
    );
    const result = new Map<ItemId, ItemNow>();
    for (const { kind, item } of wanted) {
      const { events, head } = pages.get(itemStream(kind, item)) ?? { events: [], head: { revision: -1 } };
      const history = pastEvents(events);
      const state = fold(history);
      if (!state) continue;
      const folders = new Set((await this.#folders(tenant, state.owner)).keys());
      const homes = { folders, standard: defaultCollection(state.owner, kind) };
      result.set(item, { tenant, kind, item, events, history, state, revision: head.revision, homes });
    }
    return result;
  }

  async lookAt({ tenant, ...place }: ItemPlace): Promise<ItemNow | undefined> {
    return (await this.look(tenant, [place])).get(place.item);
  }

  /** What the errand would do now; nothing is stored. */
  preview({ now, command }: Errand, { actor }: Wish): Outcome {
    const decision = decide(now.history, { ...command, homes: now.homes }, actor);
    if (decision.kind === 'refused') return decision;
    const { does, fields } = effectsOf(now.state, decision.events);
    return { kind: 'done', does, fields, revision: now.revision, removed: now.state.removed };
  }

  /**
   * Carries out errands of one tenant, in order; several on one item one after the other.
   * @throws an error of status 503 when an item changed faster than could be decided.
   */
  async carryOut(errands: readonly Errand[], wish: Wish): Promise<Outcome[]> {
    const [first] = errands;
    if (!first) return [];
    const requests = errands.map((errand) => this.#request(errand, wish));
    const results = await orAskAgain(this.#items.execute(first.now.tenant, requests));
    return results.map((result, index) => outcomeOf((errands[index] as Errand).now.state, result));
  }

  #request({ now, command, key }: Errand, { actor, cause }: Wish): ItemRequest {
    const { item, kind, state, homes } = now;
    const commandId = commandIdFrom(['put-right', ...key]);
    return { item, kind, commandId, actor, cause, at: this.#now(), owner: state.owner, command: { ...command, homes } };
  }
}

/** @throws an error of status 503 when an item changed faster than could be decided. */
export async function orAskAgain<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ItemContended) throw unavailable('The item keeps changing just now; ask again.');
    throw error;
  }
}

/** What was done, or why nothing was. */
export function effectsOrWhy(outcome: Outcome): Effects & { readonly refused?: string } {
  if (outcome.kind === 'done') return { does: outcome.does, fields: outcome.fields };
  return { does: [], fields: [], refused: outcome.reason };
}

function outcomeOf(before: ItemState, { decision, state, revision }: ItemResult): Outcome {
  if (decision.kind === 'refused') return decision;
  if (decision.kind !== 'accepted') return { kind: 'rejected', reason: decision.reason };
  return { kind: 'done', ...effectsOf(before, decision.events), revision, removed: state?.removed ?? true };
}
