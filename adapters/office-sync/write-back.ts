/** Brings what phones changed to the office: takes open intents, one an item, and has each worked on in its turn. */
import { Subject } from 'rxjs';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { OpenIntent, WriteBackQueue } from '../../projections/writeback/read.ts';
import { alwaysMine, type Hold, type Ownership } from '../cluster/ownership.port.ts';
import { SubjectErased } from '../event-log/event-store.ts';
import { ItemContended } from '../items/item-commands.ts';
import type { Logger } from '../log/logger.ts';
import { OfficeError, QuotaExceeded } from '../office/errors.ts';
import { HandedOver } from './handed-over.ts';
import { type ItemLocks, lockKey } from './item-locks.ts';
import { again, Job, type JobDeps, type Turn } from './write-back-job.ts';

export interface WriteBackDeps extends JobDeps {
  readonly queue: WriteBackQueue;
  readonly locks: ItemLocks;
  readonly log: Logger;
  /** 0 to 1: spreads retries. */
  readonly random: () => number;
  /** Items worked on together; 8 unless told: what they store and what follows from it is gathered. */
  readonly concurrency?: number;
  /** Whose changes are written here; everybody's unless told. */
  readonly ownership?: Pick<Ownership, 'hold' | 'isAlone'>;
}

/** Renewed while the work goes on, so that what a dead process had claimed is soon taken over. */
const leaseMs = 10_000;
const renewEveryMs = 3_000;
const turnsMax = 12;
const retryFirstMs = 2_000;
const retryMaxMs = 900_000;
const signInRetryMs = 900_000;

export class WriteBack {
  /** An item was worked on. */
  readonly worked = new Subject<void>();
  readonly #deps: WriteBackDeps;
  readonly #ownership: Pick<Ownership, 'hold' | 'isAlone'>;

  constructor(deps: WriteBackDeps) {
    this.#deps = deps;
    this.#ownership = deps.ownership ?? alwaysMine;
  }

  /** When the next piece of work of this node falls due; undefined when there is none. */
  async nextDueMs(): Promise<number | undefined> {
    const due = (await this.#deps.queue.dueByTenant()).filter(({ tenant }) => this.#mayBegin(tenant));
    return due.length === 0 ? undefined : Math.min(...due.map(({ dueMs }) => dueMs));
  }

  /** Works on what is due now, until nothing is; answers with how many items that were. Never rejects for an office. */
  async runDue(): Promise<number> {
    const { queue, clock, concurrency = 8 } = this.#deps;
    let count = 0;
    for (;;) {
      const tenants = await this.#tenants();
      if (tenants?.length === 0) return count;
      const claimed = await queue.claim(clock.nowMs(), leaseMs, concurrency, tenants);
      if (claimed.length === 0) return count;
      const held = claimed.map((intent) => ({ intent, hold: this.#ownership.hold(intent.tenant) }));
      const others = held.flatMap(({ intent, hold }) => (hold ? [] : [intent]));
      if (others.length > 0) await queue.giveBack(others);
      if (others.length === claimed.length) return count;
      const stopRenewing = this.#renew(claimed.filter((intent) => !others.includes(intent)));
      const work = held.map(({ intent, hold }) => hold && this.#work(intent, hold).finally(hold.release));
      await Promise.all(work).finally(stopRenewing);
      count += claimed.length;
      this.worked.next();
    }
  }

  /** Those of this node that have something due; undefined: all there are. */
  async #tenants(): Promise<TenantId[] | undefined> {
    if (this.#ownership.isAlone()) return undefined;
    const nowMs = this.#deps.clock.nowMs();
    const due = (await this.#deps.queue.dueByTenant()).filter(({ dueMs }) => dueMs <= nowMs);
    return due.flatMap(({ tenant }) => (this.#mayBegin(tenant) ? [tenant] : []));
  }

  #mayBegin(tenant: TenantId): boolean {
    const hold = this.#ownership.hold(tenant);
    hold?.release();
    return hold !== undefined;
  }

  /** A renewal that fails is tried again with the next: the lease outlasts two of them. */
  #renew(claimed: readonly OpenIntent[]): () => void {
    const { queue, clock, log } = this.#deps;
    let cancel = (): void => {};
    const again = (): void => {
      cancel = clock.after(renewEveryMs, () => {
        queue.renew(claimed, clock.nowMs() + leaseMs).catch((error) => log.warn({ err: error }, 'no lease renewed'));
        again();
      });
    };
    again();
    return () => cancel();
  }

  async #work(intent: OpenIntent, hold: Hold): Promise<void> {
    const { queue, locks, log } = this.#deps;
    const { tenant, item } = intent;
    await locks.run(lockKey(tenant, item), async () => {
      const job = new Job(this.#deps, intent, () => hold.isValid());
      let turn: Turn = again;
      try {
        for (let turns = 0; turn.next === 'again' && turns < turnsMax; turns++) turn = await job.turn();
      } catch (error) {
        // Its intent is the new owner's, to whom the attempt without an answer is to be looked up.
        if (error instanceof HandedOver) return;
        turn = await this.#failed(intent, job.acting, error);
      }
      if (turn.next === 'settled') {
        const outcome = turn.refused === undefined ? 'done' : 'refused';
        if (outcome === 'refused') log.warn({ item, kind: intent.kind, reason: turn.refused }, 'write-back refused');
        await queue.settle(tenant, item, turn.upTo, outcome, turn.refused ?? null, job.acting ?? null);
        return;
      }
      const reason = turn.next === 'later' ? turn.reason : 'contended';
      const atMs = (turn.next === 'later' ? turn.atMs : undefined) ?? this.#retryAtMs(intent);
      await queue.postpone(intent, atMs, reason, job.acting ?? null);
    });
  }

  async #failed(intent: OpenIntent, acting: AccountId | undefined, error: unknown): Promise<Turn> {
    const { queue, sessions, log, clock } = this.#deps;
    const { tenant, item, revision } = intent;
    if (error instanceof SubjectErased) return { next: 'settled', upTo: revision };
    if (error instanceof OfficeError) {
      if (acting) sessions.failed(tenant, acting, error);
      const { code } = error;
      log.info({ item, kind: intent.kind, code, attempts: intent.attempts }, 'write-back waits');
      const untilMs =
        error instanceof QuotaExceeded
          ? Date.parse(error.until)
          : code === 'authenticationFailed'
            ? clock.nowMs() + signInRetryMs
            : undefined;
      if (untilMs === undefined) return { next: 'later', reason: code };
      if (acting) await queue.postponeAccount(tenant, acting, untilMs, code);
      return { next: 'later', reason: code, atMs: untilMs };
    }
    if (!(error instanceof ItemContended)) log.error({ err: error, item }, 'write-back failed');
    return { next: 'later', reason: error instanceof ItemContended ? 'contended' : 'internal' };
  }

  #retryAtMs({ attempts }: OpenIntent): number {
    const pauseMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(20, Math.max(0, attempts - 1)));
    return this.#deps.clock.nowMs() + Math.round(pauseMs * (0.5 + this.#deps.random() / 2));
  }
}
