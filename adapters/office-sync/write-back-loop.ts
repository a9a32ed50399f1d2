/** Keeps write-back going: woken by news of intents, by a timer for those that wait, and by whoever asks to be told. */
import type { Subscription } from 'rxjs';
import type { AccountId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { ProjectionRunner } from '../../projections/runner/runner.ts';
import { writeBackTopic } from '../../projections/writeback/project.ts';
import type { OpenIntent, WriteBackQueue } from '../../projections/writeback/read.ts';
import type { Clock } from '../clock.ts';
import { alwaysMine, type Ownership } from '../cluster/ownership.port.ts';
import type { Logger } from '../log/logger.ts';
import type { WriteBack } from './write-back.ts';

export interface LeftIntent {
  readonly item: ItemId;
  readonly kind: string;
  readonly reason: string | null;
  /** ISO 8601. */
  readonly nextAttemptAt: string;
}

export type Flushed = { readonly done: true } | { readonly done: false; readonly left: readonly LeftIntent[] };

export interface WriteBackLoopDeps {
  readonly worker: WriteBack;
  readonly queue: WriteBackQueue;
  readonly projected: ProjectionRunner['projected'];
  readonly settled: (tenant: TenantId) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose changes are written here; everybody's unless told. */
  readonly ownership?: Pick<Ownership, 'isMine' | 'isAlone'>;
  /** Tells other nodes that somebody waits for them to write. */
  readonly tell?: () => void;
}

const failedPauseMs = 5_000;
const longestPauseMs = 60_000;
/** Where another node may have work for this one whose word is lost, or do work for it. */
const besideOthersPauseMs = 5_000;
const elsewhereLookMs = 500;
const flushTimeoutMs = 30_000;

export class WriteBackLoop {
  readonly #deps: WriteBackLoopDeps;
  readonly #ownership: Pick<Ownership, 'isMine' | 'isAlone'>;
  #news: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isAgain = false;
  #isStopped = true;

  constructor(deps: WriteBackLoopDeps) {
    this.#deps = deps;
    this.#ownership = deps.ownership ?? alwaysMine;
  }

  start(): void {
    this.#isStopped = false;
    this.#news = this.#deps.projected.subscribe(({ tenant, touched, isByOther }) => {
      if ((touched.has(writeBackTopic) || isByOther) && this.#ownership.isMine(tenant)) this.wake();
    });
    this.wake();
  }

  /** Takes nothing more; answers when what is being written has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#news?.unsubscribe();
    this.#cancel?.();
    await this.#running;
  }

  wake(): void {
    if (this.#isStopped) return;
    this.#isAgain = true;
    this.#cancel?.();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isAgain) this.wake();
    });
  }

  /**
   * Tries everything of the account that waits, quotas excepted, and answers when nothing is left, when all that is
   * left waits beyond the limit, or at the limit.
   */
  async flush(tenant: TenantId, account: AccountId, timeoutMs = flushTimeoutMs): Promise<Flushed> {
    const { clock, queue, settled, worker } = this.#deps;
    const untilMs = clock.nowMs() + timeoutMs;
    await settled(tenant);
    await queue.hurry(tenant, account, clock.nowMs());
    if (!this.#ownership.isMine(tenant)) this.#deps.tell?.();
    for (;;) {
      const lookMs = this.#ownership.isMine(tenant) ? Number.POSITIVE_INFINITY : elsewhereLookMs;
      const changed = this.#nextChange(Math.min(lookMs, untilMs - clock.nowMs()));
      this.wake();
      if (this.#isStopped) await worker.runDue();
      const open = await queue.open(tenant, account);
      const isHopeless = open.every(({ next_at }) => next_at > untilMs);
      if (open.length === 0 || isHopeless || clock.nowMs() >= untilMs) {
        changed.cancel();
        return open.length === 0 ? { done: true } : { done: false, left: open.map(leftOf) };
      }
      await changed.happened;
    }
  }

  #nextChange(timeoutMs: number): { readonly happened: Promise<void>; cancel(): void } {
    let cancel = (): void => {};
    const happened = new Promise<void>((resolve) => {
      const stopTimer = this.#deps.clock.after(Math.max(0, timeoutMs), () => done());
      const subscription = this.#deps.worker.worked.subscribe(() => done());
      const done = (): void => {
        stopTimer();
        subscription.unsubscribe();
        resolve();
      };
      cancel = done;
    });
    return { happened, cancel };
  }

  async #run(): Promise<void> {
    const { worker, clock, log } = this.#deps;
    let pauseMs = this.#ownership.isAlone() ? longestPauseMs : besideOthersPauseMs;
    try {
      while (this.#isAgain && !this.#isStopped) {
        this.#isAgain = false;
        await worker.runDue();
      }
      const dueMs = await worker.nextDueMs();
      if (dueMs !== undefined) pauseMs = Math.min(pauseMs, Math.max(50, dueMs - clock.nowMs()));
    } catch (error) {
      log.error({ err: error }, 'the write-back queue failed');
      pauseMs = failedPauseMs;
    }
    if (!this.#isStopped && !this.#isAgain) this.#cancel = clock.after(pauseMs, () => this.wake());
  }
}

function leftOf({ item, kind, reason, next_at }: OpenIntent): LeftIntent {
  return { item, kind, reason, nextAttemptAt: new Date(next_at).toISOString() };
}
