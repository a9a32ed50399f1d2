/** What an intake stores: notes on records, written with the revision that was read, and work for the write-back. */
import type { ConflictRule } from '../../domain/conflict/merge.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, EventId, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { LinkEvent } from '../../domain/writeback/events.ts';
import type { WriteBackQueue } from '../../projections/writeback/read.ts';
import { commandIdFrom } from '../ids.ts';
import type { ItemCommands } from '../items/item-commands.ts';
import type { Logger } from '../log/logger.ts';
import type { OfficeRecord, OfficeSystem } from '../office/port.ts';
import type { ItemLocks } from './item-locks.ts';
import type { Place } from './places.ts';
import { heldData, type LinkWrite, type Snapshot, type Snapshots } from './snapshots.ts';

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

/** What becomes of one item, and what is noted of its record then. */
export interface Plan {
  /** Tells commands on the same state of the link apart. */
  readonly key: string;
  readonly command: ItemCommand | null;
  readonly event: (result: Awaited<ReturnType<ItemCommands['execute']>>[number] | null) => LinkEvent;
}

export const crawling: Cause = { command: 'crawl' };

export class IntakeLog {
  readonly #deps: IntakeDeps;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** The items whose writes are stored. A batch that meets another writer is written one by one. */
  async write(context: IntakeContext, writes: readonly LinkWrite[]): Promise<Set<ItemId>> {
    const meta = { actor: this.actor(context), at: this.#deps.now(), cause: crawling };
    if (writes.length === 0) return new Set();
    if (await this.#deps.snapshots.append(context.tenant, writes, meta)) return new Set(writes.map(({ item }) => item));
    const written = new Set<ItemId>();
    if (writes.length === 1) return written;
    for (const write of writes)
      if (await this.#deps.snapshots.append(context.tenant, [write], meta)) written.add(write.item);
    return written;
  }

  /** The write-back looks at the item again. */
  async reconsider({ tenant, account }: IntakeContext, { item, kind, head, revision }: Snapshot): Promise<void> {
    const event_id = commandIdFrom(['reconsider', item, String(head.revision)]) as string as EventId;
    await this.#deps.queue.enqueue({ event_id, tenant, item, kind, account, revision, position: 0 });
  }

  /** Who asks for the plan's command, under an id that the same state of the link gives again. */
  context({ tenant, place, account }: IntakeContext, snapshot: Snapshot, plan: Plan) {
    const parts = ['office', place.home, snapshot.item, plan.key, String(snapshot.head.revision)];
    const actor = { kind: 'office', account } as const;
    return {
      tenant,
      owner: place.owner,
      actor,
      at: this.#deps.now(),
      commandId: commandIdFrom(parts),
      cause: crawling,
    };
  }

  actor({ account }: IntakeContext): Actor {
    return { kind: 'office', account };
  }
}

export function observedEvent(
  office: OfficeSystem,
  place: Place,
  record: OfficeRecord,
  itemRevision: number,
): LinkEvent {
  const data = heldData(office.capabilities.system, place.home, record, itemRevision);
  return { type: 'OfficeObserved', version: 1, data };
}
