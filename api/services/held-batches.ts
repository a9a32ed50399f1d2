/** What the guard against mass deletes keeps back: shown to people, and carried out or given back at their word. */
import type { SyncDeps } from '../../adapters/activesync/deps.ts';
import { itemsOf } from '../../adapters/activesync/session.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import type { ItemRequest, ItemResult, Refusal } from '../../adapters/items/item-commands.ts';
import type { Device } from '../../domain/device/state.ts';
import type { ItemCommand, PastEvent } from '../../domain/item/decide.ts';
import type { Fields } from '../../domain/item/fields.ts';
import { fold } from '../../domain/item/state.ts';
import { titleOf } from '../../domain/item/title.ts';
import type { Actor, EventMeta } from '../../domain/shared/event.ts';
import type { CollectionId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { syncStream } from '../../domain/shared/streams.ts';
import { type Batch, foldBatch, isSuperseded } from '../../domain/sync/batch.ts';
import { type HeldCommand, syncEvent } from '../../domain/sync/events.ts';
import type { HeldBatchQuery, HeldBatchReader } from '../../projections/held-batches/read.ts';
import type { HeldBatchTable } from '../../projections/held-batches/table.ts';
import type { Directory } from './directory.ts';

/** A command of a batch as a person reads it. */
export interface HeldItem {
  readonly item: ItemId;
  readonly do: 'delete' | 'change';
  /** '' for an item that is gone or has no name. */
  readonly title: string;
  readonly isThere: boolean;
}

export type BatchDecision =
  /** `staying` of the `items` are there all the same: others changed them, or the device thought better of it. */
  | { readonly kind: 'done'; readonly items: number; readonly staying: number; readonly repeated: boolean }
  | { readonly kind: 'unknown' }
  /** Somebody decided the other way before. */
  | { readonly kind: 'decided'; readonly outcome: 'released' | 'discarded' }
  /** The folder is no more the person's to change. */
  | { readonly kind: 'noAccess' }
  | { readonly kind: 'contended' };

/** Whose a batch is, in words; absent what is not there any more. */
export interface BatchNames {
  readonly person?: string;
  readonly device?: Device;
  readonly folderName?: string;
}

export interface HeldBatchesOptions {
  readonly deps: SyncDeps;
  /** Who tells whose a batch is; absent: nobody is named. */
  readonly people?: Pick<Directory, 'person' | 'device'>;
  readonly store: EventStore;
  readonly reader: HeldBatchReader;
  /** Resolves when the read models hold everything the tenant's log holds now. */
  readonly settled?: (tenant: TenantId) => Promise<void>;
}

const attemptsMax = 4;
const itemsPerAppend = 200;

export class HeldBatches {
  readonly #deps: SyncDeps;
  readonly #people: HeldBatchesOptions['people'];
  readonly #store: EventStore;
  readonly #reader: HeldBatchReader;
  readonly #settled: HeldBatchesOptions['settled'];

  constructor({ deps, people, store, reader, settled }: HeldBatchesOptions) {
    this.#deps = deps;
    this.#people = people;
    this.#store = store;
    this.#reader = reader;
    this.#settled = settled;
  }

  /** Of one person everything that was held by now; of all people what the read model shows. */
  async list(query: HeldBatchQuery): Promise<HeldBatchTable[]> {
    if (query.person) await this.#settled?.(query.person.tenant);
    return await this.#reader.list(query);
  }

  countOpen(...person: Parameters<HeldBatchReader['countOpen']>): Promise<number> {
    return this.#reader.countOpen(...person);
  }

  async namesOf({ tenant, account, device, collection }: HeldBatchTable): Promise<BatchNames> {
    const person = await this.#people?.person(tenant, account);
    const state = await this.#people?.device(tenant, device);
    const folder = (await this.#deps.folders.of(tenant, account)).get(collection);
    return {
      ...(person ? { person: person.account.email } : {}),
      ...(state?.kind === 'device' ? { device: state } : {}),
      ...(folder ? { folderName: folder.displayName } : {}),
    };
  }

  /** One batch with the names of its items; undefined for one that nobody has. */
  async show(batch: string): Promise<{ row: HeldBatchTable; items: HeldItem[] } | undefined> {
    const row = await this.#reader.find(batch);
    const held = row && (await this.#load(row));
    if (!row || !held) return undefined;
    const rows = await this.#deps.view.locate(
      row.tenant,
      held.commands.map(({ item }) => item),
    );
    const opened = await this.#deps.openBriefly(
      row.tenant,
      [...rows.values()].filter(({ deleted }) => !deleted),
    );
    const items = held.commands.map(({ item, do: what }): HeldItem => {
      const fields: Fields | undefined = opened.get(item);
      return { item, do: what, title: fields ? titleOf(fields) : '', isThere: fields !== undefined };
    });
    return { row, items };
  }

  /** Carries the commands out as that device's. The same again changes nothing, and finishes what a crash cut off. */
  release(batch: string, actor: Actor): Promise<BatchDecision> {
    return this.#decide(batch, 'released', actor);
  }

  /** Lets the items stay and gives them back to the device. */
  discard(batch: string, actor: Actor): Promise<BatchDecision> {
    return this.#decide(batch, 'discarded', actor);
  }

  async #decide(name: string, outcome: 'released' | 'discarded', actor: Actor): Promise<BatchDecision> {
    const row = await this.#reader.find(name);
    if (!row) return { kind: 'unknown' };
    const { conversations } = this.#deps;
    return await conversations.exclusively(row, async () => {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const conversation = await conversations.load(row);
        const batch = await this.#load(row);
        if (!batch) return { kind: 'unknown' };
        const items = batch.commands.length;
        if (batch.outcome === outcome) return { kind: 'done', items, staying: 0, repeated: true };
        if (batch.outcome) return { kind: 'decided', outcome: batch.outcome };
        const staying = outcome === 'released' ? await this.#carryOut(row, batch, actor) : batch.commands;
        if (staying === 'noAccess') return { kind: 'noAccess' };
        const event =
          outcome === 'released'
            ? syncEvent('BatchReleased', { batch: name, staying: staying.map(({ item }) => item) })
            : syncEvent('BatchDiscarded', { batch: name });
        const meta = this.#meta(row, outcome, actor, conversation.head.revision);
        if (await conversations.append(row, conversation, [event], meta)) {
          return { kind: 'done', items, staying: staying.length, repeated: false };
        }
      }
      return { kind: 'contended' };
    });
  }

  #meta({ batch }: HeldBatchTable, outcome: string, actor: Actor, revision: number): EventMeta {
    const { commandId, now, nonce } = this.#deps;
    const command = outcome === 'released' ? 'release' : 'discard';
    return { at: now(), actor, commandId: commandId([command, batch, String(revision), nonce()]), cause: { command } };
  }

  async #load({ tenant, device, collection, batch }: HeldBatchTable): Promise<Batch | undefined> {
    const { events } = await this.#store.load(tenant, syncStream(device, collection));
    return foldBatch(events, batch);
  }

  /** Answers with the commands after which the item is still there. */
  async #carryOut(row: HeldBatchTable, batch: Batch, actor: Actor): Promise<readonly HeldCommand[] | 'noAccess'> {
    const deps = this.#deps;
    const folder = (await deps.folders.of(row.tenant, row.account)).get(row.collection);
    if (folder?.access !== 'write') return 'noAccess';
    const staying: HeldCommand[] = [];
    for (let at = 0; at < batch.commands.length; at += itemsPerAppend) {
      const commands = batch.commands.slice(at, at + itemsPerAppend);
      const rows = await deps.view.locate(
        row.tenant,
        commands.map(({ item }) => item),
      );
      const known = commands.filter(({ item }) => rows.has(item));
      const requests = known.map((command): ItemRequest => {
        const { kind, owner } = rows.get(command.item)!;
        return { ...this.#request(row, batch, command, itemsOf(folder), actor), kind, owner };
      });
      const results = await deps.items.execute(row.tenant, requests);
      staying.push(...known.filter((command, index) => isStaying(command, results[index] as ItemResult)));
    }
    return staying;
  }

  #request(
    { account, device, batch }: HeldBatchTable,
    { rule }: Batch,
    held: HeldCommand,
    collection: CollectionId,
    actor: Actor,
  ): Omit<ItemRequest, 'kind' | 'owner'> {
    const by = actor.kind === 'admin' && actor.name ? `, released by ${actor.name}` : '';
    return {
      item: held.item,
      commandId: this.#deps.commandId(['release', batch, held.item]),
      actor: { kind: 'device', account, device },
      at: this.#deps.now(),
      cause: { command: 'release', reason: `batch ${batch}${by}` },
      command: (history: readonly PastEvent[]): ItemCommand | Refusal => {
        const state = fold(history);
        if (!state || state.collection !== collection) return refused('the item is not in the folder any more');
        if (isSuperseded(history, held, device)) return refused('the device did something else with it since');
        const { base, patch } = held;
        return held.do === 'delete'
          ? { do: 'remove', base, rule }
          : { do: 'change', base, rule, patch: { set: patch?.set ?? {}, cleared: patch?.cleared ?? [] } };
      },
    };
  }
}

function isStaying(command: HeldCommand, { decision, state }: ItemResult): boolean {
  if (!state || state.removed) return false;
  if (command.do === 'delete' || decision.kind !== 'accepted') return true;
  // What was merged is not what the device made of it.
  return decision.merged || decision.conflict === 'client';
}

const objectNotFound = 8;

function refused(reason: string): Refusal {
  return { kind: 'unreadable', status: objectNotFound, reason };
}
