/**
 * Keeps the record of exchanges. A phone's answer never waits for it and never fails by it: what is to be kept goes into
 * a queue, what had nothing to say is counted, and both are written behind the answers.
 */
import type { DeviceKey, Position, TenantId } from '../../domain/shared/ids.ts';
import type { ExchangeSink } from '../activesync/deps.ts';
import type { BrakeReason } from '../activesync/guard/brake.ts';
import type { CommandAnswer } from '../activesync/request.ts';
import type { Session } from '../activesync/session.ts';
import type { ExchangeTrace } from '../activesync/trace.ts';
import type { Clock } from '../clock.ts';
import type { KeyRing } from '../crypto.port.ts';
import { Allowances, ordinaryLimits, watchedLimits } from './allowance.ts';
import { causeOfBrake, verdictOf } from './causes.ts';
import { bodyOf, bytesOf, entryOf, sealedBatch } from './entry.ts';
import { isQuiet, judge } from './judge.ts';
import { QuietHours } from './quiet-hours.ts';
import type { ExchangeStore, WatchAll } from './store.port.ts';
import { WriteQueue } from './write-queue.ts';

export interface RecorderOptions {
  readonly store: ExchangeStore;
  readonly keys: KeyRing;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  /** What the read models of the tenant have reached. */
  readonly position: (tenant: TenantId) => Position;
  readonly appVersion: string;
  readonly mappingVersion: number;
  /** How long facts and bodies are kept, in days. */
  readonly keptDays: number;
  readonly bodiesKeptDays: number;
  /** Exchanges that wait to be written, at most; 5,000 unless told. */
  readonly queueMax?: number;
  /** Told when nothing could be written, with how many exchanges were lost so far; once a minute at most. */
  readonly onTrouble: (error: unknown, lost: number) => void;
}

/** What a crash loses of the counts; each device with traffic costs a row or two each time. */
const quietEveryMs = 15 * 60_000;
const watchEveryMs = 60_000;
const sweepEveryMs = 3_600_000;
const firstSweepMs = 5 * 60_000;
const troubleEveryMs = 60_000;
const stopWithinMs = 2_000;
/** Withheld items are seldom looked at anew, so what was said of them is kept for longer. */
const withheldKeptDays = 365;
const brakedMax = 10_000;
const dayMs = 86_400_000;

export class ExchangeRecorder implements ExchangeSink {
  readonly #options: RecorderOptions;
  readonly #queue: WriteQueue;
  readonly #quiet = new QuietHours();
  readonly #allowances = new Allowances();
  /** Those whose next exchange tells of it. */
  readonly #braked = new Map<DeviceKey, string>();
  readonly #cancels = new Map<() => Promise<unknown>, () => void>();
  #watchOfAll: WatchAll | undefined;
  #watchOfAllUntilMs = 0;
  #uncounted = 0;
  #troubleToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { store, keys, clock, queueMax = 5_000 } = options;
    this.#queue = new WriteQueue({
      write: async (entries) => store.insert(await sealedBatch(keys, entries)),
      clock,
      max: queueMax,
      onTrouble: (error) => this.#trouble(error),
    });
  }

  /** Looks up whether everything is watched, and begins to count and to sweep. Trouble is told, not thrown. */
  async start(): Promise<void> {
    await this.#trying(() => this.#lookUpWatch());
    this.#repeat(watchEveryMs, () => this.#lookUpWatch());
    this.#repeat(quietEveryMs, () => this.#writeQuiet());
    // A server that is started anew every hour sweeps too.
    this.#repeat(sweepEveryMs, () => this.sweep(), firstSweepMs);
  }

  /** Exchanges written, those that were lost, and those that wait. */
  get counts(): { readonly written: number; readonly lost: number; readonly waiting: number } {
    return { written: this.#queue.written, lost: this.#queue.lost + this.#uncounted, waiting: this.#queue.size };
  }

  get isWatchingAll(): boolean {
    return this.#watchOfAllUntilMs !== 0 && this.#watchOfAllUntilMs > this.#options.clock.nowMs();
  }

  position(tenant: TenantId): Position {
    return this.#options.position(tenant);
  }

  answered(session: Session, trace: ExchangeTrace, answer: CommandAnswer): void {
    try {
      this.#take(session, trace, answer);
    } catch (error) {
      this.#uncounted++;
      this.#trouble(error);
    }
  }

  /** The device is slowed down from now on; its next exchange tells of it. */
  braked(device: DeviceKey, reason: BrakeReason): void {
    if (this.#braked.size < brakedMax) this.#braked.set(device, causeOfBrake[reason]);
  }

  /** Everything told by now is readable after it; false when it could not be written. */
  async flush(): Promise<boolean> {
    const isWritten = await this.#queue.flush();
    return (await this.#trying(() => this.#writeQuiet())) && isWritten;
  }

  /** Keeps everything of every device until then; undefined ends it. Other processes hear of it within a minute. */
  async watchAll(watch: WatchAll | undefined): Promise<void> {
    await this.#options.store.setWatchAll(watch);
    this.#watch(watch);
  }

  get watchOfAll(): WatchAll | undefined {
    return this.isWatchingAll ? this.#watchOfAll : undefined;
  }

  /** Removes what is older than is to be kept; answers with how much that was. */
  async sweep(): Promise<number> {
    const { store, clock, keptDays, bodiesKeptDays } = this.#options;
    const ago = (days: number): string => new Date(clock.nowMs() - days * dayMs).toISOString();
    return await store.sweep({
      from: ago(keptDays),
      bodiesFrom: ago(Math.min(keptDays, bodiesKeptDays)),
      withheldFrom: ago(Math.max(keptDays, withheldKeptDays)),
    });
  }

  /** Writes what waits, within a limit of time. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(stopWithinMs, resolve);
    await Promise.race([this.flush(), promise]);
    cancel();
    this.#queue.stop();
  }

  #take(session: Session, trace: ExchangeTrace, answer: CommandAnswer): void {
    const { clock, position, appVersion, mappingVersion } = this.#options;
    const { device } = session;
    const { isWatched } = trace;
    const nowMs = clock.nowMs();
    const brake = trace.isBraked ? this.#braked.get(device) : undefined;
    const limits = isWatched ? watchedLimits : ordinaryLimits;
    const isOnlyCounted = !isWatched && brake === undefined && isQuiet(trace, answer);
    if (isOnlyCounted || !this.#allowances.row(device, nowMs, limits)) {
      const beside = trace.isBraked ? ', turned away' : isOnlyCounted ? '' : ', beyond its share';
      if (!this.#quiet.count(session, trace.command + beside, nowMs)) this.#uncounted++;
      return;
    }
    const durationMs = Math.max(0, nowMs - trace.startedMs);
    // A Ping has no events of its own, and says what it sees when it ends.
    if (trace.isParked && trace.command === 'Ping') {
      trace.waitedMs = durationMs;
      trace.position = position(session.tenant);
    }
    const found = judge(trace, answer, durationMs);
    const judgement = brake ? { ...found, verdicts: [verdictOf(brake) ?? 'looping'], causes: [brake] } : found;
    if (brake) this.#braked.delete(device);
    const entry = entryOf(session, trace, answer, judgement, { durationMs, appVersion, mappingVersion });
    const isSuspicious = judgement.verdicts.length > 0;
    const body = isWatched || isSuspicious ? bodyOf(session, trace, answer) : undefined;
    const bytes = bytesOf(body);
    const isKept = body && this.#queue.hasRoomFor(bytes) && this.#allowances.body(device, nowMs, bytes, limits);
    this.#queue.add(isKept ? { ...entry, body } : entry);
  }

  async #writeQuiet(): Promise<void> {
    const counts = this.#quiet.take();
    try {
      await this.#options.store.addQuiet(counts);
    } catch (error) {
      this.#quiet.giveBack(counts);
      throw error;
    }
  }

  async #lookUpWatch(): Promise<void> {
    this.#watch(await this.#options.store.watchAll());
  }

  #watch(watch: WatchAll | undefined): void {
    this.#watchOfAll = watch;
    this.#watchOfAllUntilMs = watch ? Date.parse(watch.until) : 0;
  }

  /** False when it failed, which is told. */
  async #trying(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#trouble(error);
      return false;
    }
  }

  #trouble(error: unknown): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#troubleToldMs < troubleEveryMs) return;
    this.#troubleToldMs = nowMs;
    this.#options.onTrouble(error, this.counts.lost);
  }

  #repeat(everyMs: number, work: () => Promise<unknown>, firstMs = everyMs): void {
    const cancel = this.#options.clock.after(firstMs, () => {
      void this.#trying(work).then(() => {
        if (this.#cancels.has(work)) this.#repeat(everyMs, work);
      });
    });
    this.#cancels.set(work, cancel);
  }
}
