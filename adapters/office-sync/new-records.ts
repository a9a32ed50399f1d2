/** Records that no item is known to have: new items, or ones whose record was not noted or believed gone. */

import { emptyDelta } from '../../domain/conflict/paths.ts';
import type { ItemCommand, PastEvent } from '../../domain/item/decide.ts';
import type { ItemEventData } from '../../domain/item/events.ts';
import { type Fields, itemKinds } from '../../domain/item/fields.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { noLink } from '../../domain/writeback/link.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { SubjectErased } from '../event-log/event-store.ts';
import { commandIdFrom } from '../ids.ts';
import type { ItemCommands, ItemRequest } from '../items/item-commands.ts';
import type { OfficeRecord, OfficeSystem } from '../office/port.ts';
import {
  crawling,
  type IntakeContext,
  type IntakeDeps,
  type IntakeLog,
  observedEvent,
  type Plan,
} from './intake-log.ts';
import { lockKey } from './item-locks.ts';
import { itemOfExternalKey, itemOfRecord } from './places.ts';
import type { LinkWrite, Snapshot } from './snapshots.ts';
import { agreedRevision, deltaToOffice, isDone, requestOn, takeIn } from './take-in.ts';

const erasedWarning = 'the office still holds a record of an erased item';

/** It had a record, and nothing of that can be read any more. What the office keeps of it must not come back. */
const isErased = ({ state, link, head }: Snapshot): boolean =>
  !state && link === noLink && head.revision !== emptyHead.revision;

export class NewRecords {
  readonly #deps: IntakeDeps;
  readonly #log: IntakeLog;

  constructor(deps: IntakeDeps, log: IntakeLog) {
    this.#deps = deps;
    this.#log = log;
  }

  /** How many items that made or gave their record. */
  async add(context: IntakeContext, records: readonly OfficeRecord[]): Promise<number> {
    const { tenant, office, place } = context;
    const claimed = records.filter((record) => itemOfExternalKey(record.externalKey));
    const foreign = records.filter((record) => !itemOfExternalKey(record.externalKey));
    const lost = new Map<ItemId, OfficeRecord>();
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
        if (isErased(snapshot)) {
          this.#deps.log.warn({ item: snapshot.item }, erasedWarning);
          continue;
        }
        const isOurs = state && !state.removed && !link.held && state.collection === place.home;
        if (isOurs) count += await this.#adopt(context, snapshot, record);
        else {
          foreign.push(record);
          if (!lost.has(snapshot.item) && (await this.#isLost(context, snapshot))) lost.set(snapshot.item, record);
        }
      }
    }
    const requests = foreign.map((record): ItemRequest => {
      const { kind } = place.collection;
      const fields = record.fields as Fields;
      const given = itemOfExternalKey(record.externalKey);
      return {
        item:
          given && lost.get(given) === record ? given : itemOfRecord(office.capabilities.system, place.home, record.id),
        kind,
        commandId: commandIdFrom(['office-add', place.home, record.id, record.hash]),
        actor: this.#log.actor(context),
        cause: crawling,
        at: this.#deps.now(),
        owner: place.owner,
        command: { do: 'add', kind, owner: place.owner, collection: place.home, fields },
      };
    });
    return count + (await this.#addNew(context, foreign, requests));
  }

  /**
   * That the log knows nothing of an item whose record we made: it was restored to before that. The item takes its id
   * again, under which the phone that made it still holds it. An id that is or was used for anything else is not given.
   */
  async #isLost({ tenant }: IntakeContext, { item, head }: Snapshot): Promise<boolean> {
    if (head.revision !== emptyHead.revision) return false;
    for (const kind of itemKinds) {
      const snapshot = (await this.#deps.snapshots.load(tenant, [{ item, kind }])).get(item);
      if (snapshot && (snapshot.state || snapshot.revision >= 0)) return false;
    }
    return true;
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
        this.#deps.log.warn({ item: requests[0]?.item }, erasedWarning);
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
    let count = (await this.#log.write(context, writes)).size;
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
    } else command = takeIn(office, snapshot, firstFields(office, snapshot), fields, rule);
    const plan: Plan = { key: record.hash, command, event: () => observedEvent(office, place, record, 0) };
    const context_ = this.#log.context(context, snapshot, plan);
    const [result] = command
      ? await this.#deps.items.execute(tenant, [requestOn(snapshot, context_, command)])
      : [undefined];
    if (result && !isDone(result)) return 0;
    const agreed = agreedRevision(office, snapshot, result ?? null, fields);
    const events = [observedEvent(office, place, record, agreed)];
    const written = await this.#log.write(context, [
      { item: snapshot.item, owner: place.owner, head: snapshot.head, events },
    ]);
    // Removed here before anyone knew its record: the office must hear of it.
    if (state?.removed && !command) await this.#log.reconsider(context, snapshot);
    return written.size;
  }
}

/** What the office knows of an item whose record was never noted: what it began with. */
function firstFields(office: OfficeSystem, { kind, history }: Snapshot): Fields {
  const { fields } = (history[0] as PastEvent).data as ItemEventData['Added'];
  return office.normalise(kind, fields) as Fields;
}
