/**
 * Carries out what a listing says: records become, change or end items. In batches; every command's id is made of the
 * record, its hash and what was known before, so that a crawl that broke off anywhere is simply done again.
 */

import type { ConflictRule } from '../../domain/conflict/merge.ts';
import { emptyDelta } from '../../domain/conflict/paths.ts';
import type { ItemCommand, PastEvent } from '../../domain/item/decide.ts';
import type { ItemEventData } from '../../domain/item/events.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { Observation } from '../../domain/office/observe.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { AccountId, EventId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { LinkEvent } from '../../domain/writeback/events.ts';
import type { BaselineRow } from '../../projections/office-baseline/read.ts';
import type { WriteBackQueue } from '../../projections/writeback/read.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { SubjectErased } from '../event-log/event-store.ts';
import { commandIdFrom } from '../ids.ts';
import type { ItemCommands, ItemRequest } from '../items/item-commands.ts';
import type { Logger } from '../log/logger.ts';
import type { OfficeRecord, OfficeSystem } from '../office/port.ts';
import type { ItemLocks } from './item-locks.ts';
import { itemOfExternalKey, itemOfRecord, type Place } from './places.ts';
import { heldData, type LinkWrite, type Snapshot, type Snapshots } from './snapshots.ts';
import { agreedRevision, deltaToOffice, isDone, requestOn, takeIn } from './take-in.ts';

export type Observed = Observation<BaselineRow, OfficeRecord> & { kind: 'observed' };

export interface IntakeDeps {
  readonly items: ItemCommands;
  readonly snapshots: Snapshots;
  readonly queue: WriteBackQueue;
  readonly locks: ItemLocks;
  readonly now: () => Instant;
  readonly log: Logger;
}

export interface IntakeContext {
  readonly tenant: TenantId;
  /** Whose session listed. */
  readonly account: AccountId;
  readonly office: OfficeSystem;
  readonly place: Place;
  readonly rule: ConflictRule;
}

export interface IntakeCounts {
  added: number;
  changed: number;
  removed: number;
}

const batchSize = 100;
const logEvery = 1_000;

export class Intake {
  readonly #deps: IntakeDeps;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** Answers when everything is in the log. Records that somebody works on just now are left to the next crawl. */
  async takeIn(context: IntakeContext, observed: Observed): Promise<IntakeCounts> {
    const counts: IntakeCounts = { added: 0, changed: 0, removed: 0 };
    const { added, changed, returned, missed, gone } = observed;
    const total = added.length + changed.length + gone.length;
    let done = 0;
    const progress = (count: number): void => {
      const before = done;
      done += count;
      if (Math.floor(done / logEvery) > Math.floor(before / logEvery))
        this.#deps.log.info({ account: context.account, kind: context.place.collection.kind, done, total }, 'crawling');
    };
    for (const batch of batches(added)) {
      counts.added += await this.#add(context, batch);
      progress(batch.length);
    }
    for (const batch of batches(changed)) {
      const records = new Map(batch.map(({ known, seen }) => [known.item, seen]));
      counts.changed += await this.#known(
        context,
        batch.map(({ known }) => known),
        (snapshot) => this.#changed(context, snapshot, records.get(snapshot.item) as OfficeRecord),
      );
      progress(batch.length);
    }
    for (const batch of batches(gone)) {
      counts.removed += await this.#known(context, batch, (snapshot) => gonePlan(context, snapshot));
      progress(batch.length);
    }
    const noted =
      (type: 'OfficeMissed' | 'OfficeReturned') =>
      (snapshot: Snapshot): Plan => ({
        key: type,
        command: null,
        event: async () => ({ type, version: 1, data: { record: snapshot.link.held?.record ?? '' } }),
      });
    for (const batch of batches(missed)) await this.#known(context, batch, noted('OfficeMissed'));
    for (const batch of batches(returned)) await this.#known(context, batch, noted('OfficeReturned'));
    return counts;
  }

  /** Items that have a record already. */
  async #known(context: IntakeContext, rows: readonly BaselineRow[], planOf: (s: Snapshot) => Plan): Promise<number> {
    const { tenant, place } = context;
    const { locks, snapshots, items } = this.#deps;
    const lock = locks.take(rows.map((row) => lockKey(tenant, row.item)));
    try {
      const free = rows.filter((row) => lock.taken.has(lockKey(tenant, row.item)));
      const loaded = await snapshots.load(
        tenant,
        free.map(({ item }) => ({ item, kind: place.collection.kind })),
      );
      // What was written or seen since the list was asked for makes the list old for this record.
      const current = free.flatMap((row) => {
        const snapshot = loaded.get(row.item);
        if (!snapshot?.state || !snapshot.link.held || snapshot.link.attempt) return [];
        return snapshot.head.revision === row.revision ? [{ snapshot, plan: planOf(snapshot) }] : [];
      });
      const asking = current.flatMap(({ snapshot, plan }) => {
        const { command } = plan;
        return command
          ? [{ snapshot, request: requestOn(snapshot, this.#context(context, snapshot, plan), command) }]
          : [];
      });
      const results = await items.execute(
        tenant,
        asking.map(({ request }) => request),
      );
      const resultOf = new Map(asking.map(({ snapshot }, at) => [snapshot.item, results[at]]));
      const writes: LinkWrite[] = [];
      for (const { snapshot, plan } of current) {
        const result = resultOf.get(snapshot.item);
        if (result && !isDone(result)) continue;
        const event = await plan.event(result ?? null);
        const owner = snapshot.state?.owner ?? place.owner;
        writes.push({ item: snapshot.item, owner, head: snapshot.head, events: [event] });
      }
      const written = await this.#write(context, writes);
      for (const { snapshot } of current)
        if (!written.has(snapshot.item) && resultOf.has(snapshot.item)) await this.#reconsider(context, snapshot);
      return written.size;
    } finally {
      lock.release();
    }
  }

  #changed({ tenant, office, place, rule }: IntakeContext, snapshot: Snapshot, record: OfficeRecord): Plan {
    const held = snapshot.link.held?.fields ?? {};
    const fields = record.fields as Fields;
    return {
      key: record.hash,
      command: takeIn(office, snapshot, held, fields, rule),
      event: async (result) => {
        const agreed = await agreedRevision(office, this.#deps.snapshots, snapshot, tenant, result, fields);
        return observedEvent(office, place, record, agreed);
      },
    };
  }

  async #add(context: IntakeContext, records: readonly OfficeRecord[]): Promise<number> {
    const { tenant, office, place } = context;
    const claimed = records.filter((record) => itemOfExternalKey(record.externalKey));
    const foreign = records.filter((record) => !itemOfExternalKey(record.externalKey));
    let count = 0;
    if (claimed.length > 0) {
      const loaded = await this.#deps.snapshots.load(
        tenant,
        claimed.map((record) => ({
          item: itemOfExternalKey(record.externalKey) as ItemId,
          kind: place.collection.kind,
        })),
      );
      for (const record of claimed) {
        const snapshot = loaded.get(itemOfExternalKey(record.externalKey) as ItemId) as Snapshot;
        const { state, link } = snapshot;
        // Written by us a moment ago, or the write-back is about to find it.
        if (link.attempt || link.held?.record === record.id) continue;
        const isOurs = state && !state.removed && !link.held && state.collection === place.home;
        if (isOurs) count += await this.#adopt(context, snapshot, record);
        else foreign.push(record);
      }
    }
    const requests = foreign.map((record): ItemRequest => {
      const { kind } = place.collection;
      const fields = record.fields as Fields;
      return {
        item: itemOfRecord(office.capabilities.system, place.home, record.id),
        kind,
        commandId: commandIdFrom(['office-add', place.home, record.id, record.hash]),
        actor: this.#actor(context),
        at: this.#deps.now(),
        owner: place.owner,
        command: { do: 'add', kind, owner: place.owner, collection: place.home, fields },
      };
    });
    return count + (await this.#addNew(context, foreign, requests));
  }

  async #addNew(
    context: IntakeContext,
    records: readonly OfficeRecord[],
    requests: readonly ItemRequest[],
  ): Promise<number> {
    const { tenant, office, place } = context;
    if (requests.length === 0) return 0;
    let results: Awaited<ReturnType<ItemCommands['execute']>>;
    try {
      results = await this.#deps.items.execute(tenant, requests);
    } catch (error) {
      if (!(error instanceof SubjectErased)) throw error;
      if (requests.length === 1) {
        this.#deps.log.warn({ item: requests[0]?.item }, 'the office still holds a record of an erased item');
        return 0;
      }
      let count = 0;
      for (const [at, record] of records.entries())
        count += await this.#addNew(context, [record], [requests[at] as ItemRequest]);
      return count;
    }
    const writes: LinkWrite[] = [];
    const known: { item: ItemId; record: OfficeRecord }[] = [];
    for (const [at, result] of results.entries()) {
      const record = records[at] as OfficeRecord;
      const { item } = requests[at] as ItemRequest;
      const isNew = result.revision === 0 && result.decision.kind === 'accepted' && !result.repeated;
      if (!isNew) known.push({ item, record });
      else
        writes.push({ item, owner: place.owner, head: emptyHead, events: [observedEvent(office, place, record, 0)] });
    }
    let count = (await this.#write(context, writes)).size;
    for (const { item, record } of known) count += await this.#addAgain(context, item, record);
    return count;
  }

  /** The item was there already: a crawl that broke off made it, or its record was believed gone. */
  async #addAgain(context: IntakeContext, item: ItemId, record: OfficeRecord): Promise<number> {
    const { tenant, place } = context;
    const lock = this.#deps.locks.take([lockKey(tenant, item)]);
    try {
      if (lock.taken.size === 0) return 0;
      const snapshot = (await this.#deps.snapshots.load(tenant, [{ item, kind: place.collection.kind }])).get(item);
      if (!snapshot?.state || snapshot.link.attempt || snapshot.link.held) return 0;
      return await this.#adopt(context, snapshot, record, snapshot.link.isKnown);
    } finally {
      lock.release();
    }
  }

  /**
   * Notes that the record is this item's. `isReturning`: it was gone in the office and is there again, so what we
   * removed then comes back.
   */
  async #adopt(context: IntakeContext, snapshot: Snapshot, record: OfficeRecord, isReturning = true): Promise<number> {
    const { tenant, office, place, rule } = context;
    const { state } = snapshot;
    const fields = record.fields as Fields;
    let command: ItemCommand | null = null;
    if (state?.removed) {
      const delta = deltaToOffice(office, snapshot, fields);
      if (isReturning) command = { do: 'reconcile', delta, contested: [], lost: emptyDelta, rule, loser: 'server' };
    } else command = takeIn(office, snapshot, await this.#firstFields(context, snapshot), fields, rule);
    const plan: Plan = { key: record.hash, command, event: async () => observedEvent(office, place, record, 0) };
    const context_ = this.#context(context, snapshot, plan);
    const [result] = command
      ? await this.#deps.items.execute(tenant, [requestOn(snapshot, context_, command)])
      : [undefined];
    if (result && !isDone(result)) return 0;
    const agreed = await agreedRevision(office, this.#deps.snapshots, snapshot, tenant, result ?? null, fields);
    const events = [observedEvent(office, place, record, agreed)];
    const written = await this.#write(context, [
      { item: snapshot.item, owner: place.owner, head: snapshot.head, events },
    ]);
    // Removed here before anyone knew its record: the office must hear of it.
    if (state?.removed && !command) await this.#reconsider(context, snapshot);
    return written.size;
  }

  /** What the office knows of an item whose record was never noted: what it began with. */
  async #firstFields({ tenant, office }: IntakeContext, { item, kind, history }: Snapshot): Promise<Fields> {
    const { fields } = (history[0] as PastEvent).data as ItemEventData['Added'];
    return office.normalise(kind, await this.#deps.snapshots.inline(tenant, item, fields)) as Fields;
  }

  /** The items whose writes are stored. A batch that meets another writer is written one by one. */
  async #write(context: IntakeContext, writes: readonly LinkWrite[]): Promise<Set<ItemId>> {
    const meta = { actor: this.#actor(context), at: this.#deps.now() };
    if (writes.length === 0) return new Set();
    if (await this.#deps.snapshots.append(context.tenant, writes, meta)) return new Set(writes.map(({ item }) => item));
    const written = new Set<ItemId>();
    if (writes.length === 1) return written;
    for (const write of writes)
      if (await this.#deps.snapshots.append(context.tenant, [write], meta)) written.add(write.item);
    return written;
  }

  async #reconsider({ tenant, account }: IntakeContext, { item, kind, head, revision }: Snapshot): Promise<void> {
    const event_id = commandIdFrom(['reconsider', item, String(head.revision)]) as string as EventId;
    await this.#deps.queue.enqueue({ event_id, tenant, item, kind, account, revision, position: 0 });
  }

  #context({ tenant, place, account }: IntakeContext, snapshot: Snapshot, plan: Plan) {
    const parts = ['office', place.home, snapshot.item, plan.key, String(snapshot.head.revision)];
    const actor = { kind: 'office', account } as const;
    return { tenant, owner: place.owner, actor, at: this.#deps.now(), commandId: commandIdFrom(parts) };
  }

  #actor({ account }: IntakeContext): Actor {
    return { kind: 'office', account };
  }
}

/** What becomes of one item, and what is noted of its record then. */
interface Plan {
  /** Tells commands on the same state of the link apart. */
  readonly key: string;
  readonly command: ItemCommand | null;
  readonly event: (result: Awaited<ReturnType<ItemCommands['execute']>>[number] | null) => Promise<LinkEvent>;
}

function gonePlan({ rule }: IntakeContext, snapshot: Snapshot): Plan {
  const { held } = snapshot.link;
  return {
    key: 'gone',
    command: { do: 'remove', base: held?.itemRevision ?? null, rule },
    event: async () => ({ type: 'OfficeGone', version: 1, data: { record: held?.record ?? '' } }),
  };
}

function observedEvent(office: OfficeSystem, place: Place, record: OfficeRecord, itemRevision: number): LinkEvent {
  const data = heldData(office.capabilities.system, place.home, record, itemRevision);
  return { type: 'OfficeObserved', version: 1, data };
}

export const lockKey = (tenant: TenantId, item: ItemId) => `${tenant}/${item}`;

function batches<T>(all: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < all.length; at += batchSize) result.push(all.slice(at, at + batchSize));
  return result;
}
