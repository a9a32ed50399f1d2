/**
 * Carries out what a listing says: records become, change or end items. In batches; every command's id is made of the
 * record, its hash and what was known before, so that a crawl that broke off anywhere is simply done again.
 */

import type { Fields } from '../../domain/item/fields.ts';
import type { Observation } from '../../domain/office/observe.ts';
import type { BaselineRow } from '../../projections/office-baseline/read.ts';
import type { OfficeRecord } from '../office/port.ts';
import { type IntakeContext, type IntakeDeps, IntakeLog, observedEvent, type Plan } from './intake-log.ts';
import { lockKey } from './item-locks.ts';
import { NewRecords } from './new-records.ts';
import type { LinkWrite, Snapshot } from './snapshots.ts';
import { agreedRevision, isDone, requestOn, takeIn } from './take-in.ts';

export type Observed = Observation<BaselineRow, OfficeRecord> & { kind: 'observed' };

export interface IntakeCounts {
  added: number;
  changed: number;
  removed: number;
}

const batchSize = 100;
const logEvery = 1_000;

export class Intake {
  readonly #deps: IntakeDeps;
  readonly #log: IntakeLog;
  readonly #new: NewRecords;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#log = new IntakeLog(deps);
    this.#new = new NewRecords(deps, this.#log);
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
      counts.added += await this.#new.add(context, batch);
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
        event: () => ({ type, version: 1, data: { record: snapshot.link.held?.record ?? '' } }),
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
          ? [{ snapshot, request: requestOn(snapshot, this.#log.context(context, snapshot, plan), command) }]
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
        const event = plan.event(result ?? null);
        const owner = snapshot.state?.owner ?? place.owner;
        writes.push({ item: snapshot.item, owner, head: snapshot.head, events: [event] });
      }
      const written = await this.#log.write(context, writes);
      for (const { snapshot } of current)
        if (!written.has(snapshot.item) && resultOf.has(snapshot.item)) await this.#log.reconsider(context, snapshot);
      return written.size;
    } finally {
      lock.release();
    }
  }

  #changed({ office, place, rule }: IntakeContext, snapshot: Snapshot, record: OfficeRecord): Plan {
    const held = snapshot.link.held?.fields ?? {};
    const fields = record.fields as Fields;
    return {
      key: record.hash,
      command: takeIn(office, snapshot, held, fields, rule),
      event: (result) => observedEvent(office, place, record, agreedRevision(office, snapshot, result, fields)),
    };
  }
}

function gonePlan({ rule }: IntakeContext, snapshot: Snapshot): Plan {
  const { held } = snapshot.link;
  return {
    key: 'gone',
    command: { do: 'remove', base: held?.itemRevision ?? null, rule },
    event: () => ({ type: 'OfficeGone', version: 1, data: { record: held?.record ?? '' } }),
  };
}

function batches<T>(all: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < all.length; at += batchSize) result.push(all.slice(at, at + batchSize));
  return result;
}
