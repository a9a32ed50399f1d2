/** Keeps write-back going: woken by news of intents, by a timer for those that wait, and by whoever asks to be told. */
import type { Subscription } from 'rxjs';
import type { AccountId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { ProjectionRunner } from '../../projections/runner/runner.ts';
import { writeBackTopic } from '../../projections/writeback/project.ts';
import type { OpenIntent, WriteBackQueue } from '../../projections/writeback/read.ts';
import type { Clock } from '../clock.ts';
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
}

const failedPauseMs = 5_000;
const longestPauseMs = 60_000;
const flushTimeoutMs = 30_000;

export class WriteBackLoop {
  readonly #deps: WriteBackLoopDeps;
  #news: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isAgain = false;
  #isStopped = true;

  constructor(deps: WriteBackLoopDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#isStopped = false;
    this.#news = this.#deps.projected.subscribe(({ touched }) => {
      if (touched.has(writeBackTopic)) this.wake();
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
    for (;;) {
      const changed = this.#nextChange(untilMs - clock.nowMs());
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
    const { worker, queue, clock, log } = this.#deps;
    let pauseMs = longestPauseMs;
    try {
      while (this.#isAgain && !this.#isStopped) {
        this.#isAgain = false;
        await worker.runDue();
      }
      const dueMs = await queue.nextDueMs();
      if (dueMs !== undefined) pauseMs = Math.min(longestPauseMs, Math.max(50, dueMs - clock.nowMs()));
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
