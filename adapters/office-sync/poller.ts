/**
 * When each account is crawled: in turns spread over the interval, less often while nobody uses it, at once when asked.
 * At most a few crawls run together, and never two of one account. Of several nodes the tenant's owner crawls; who is
 * asked on another leaves word for it and waits for the answer.
 */
import pLimit from 'p-limit';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { Clock } from '../clock.ts';
import { alwaysMine, type Ownership } from '../cluster/ownership.port.ts';
import type { Logger } from '../log/logger.ts';
import { OfficeError, QuotaExceeded } from '../office/errors.ts';
import type { Crawl, CrawlCounts } from './crawl.ts';
import { keyOf, newTurn, spread, type Turn } from './crawl-turn.ts';
import { crawledElsewhere } from './crawled-elsewhere.ts';
import { HandedOver } from './handed-over.ts';
import { noTimetable, type Timetable } from './timetable.ts';

export interface PolledAccount {
  readonly tenant: TenantId;
  readonly account: AccountId;
}

export type PollResult =
  | { readonly kind: 'done'; readonly counts: CrawlCounts }
  | { readonly kind: 'noOffice' }
  /** `retryAt`: milliseconds since 1970, when it is tried again by itself. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAt: number }
  | { readonly kind: 'stillRunning' };

export interface PollerDeps {
  readonly crawl: Pick<Crawl, 'run'>;
  /** Everyone connected to an office. */
  readonly accounts: () => Promise<readonly PolledAccount[]>;
  /** Whether the account was crawled before the program began: if not, its first crawl does not wait for its turn. */
  readonly wasCrawled: (account: PolledAccount) => boolean | Promise<boolean>;
  /** Whether a device of the account was seen in the last seven days. */
  readonly isActive: (account: PolledAccount) => boolean | Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
  /** 2 unless told. */
  readonly concurrency?: number;
  /** Whose accounts are crawled here; all unless told. */
  readonly ownership?: Pick<Ownership, 'isMine' | 'hold' | 'isAlone'>;
  /** In memory unless told. */
  readonly timetable?: Timetable;
  /** Tells other nodes that a crawl was asked for. */
  readonly tell?: () => void;
}

export interface PollStatus {
  readonly lastPolledAt: number | undefined;
  readonly nextPollAt: number | undefined;
  readonly failures: number;
  readonly last: PollResult | undefined;
}

const idleFactor = 4;
const retryFirstMs = 30_000;
const retryMaxMs = 3_600_000;
const refreshMs = 30_000;
const gatherMs = 500;
const pollTimeoutMs = 120_000;
/** Longer overdue than this are those who were without any node for a while: too many to be crawled at once. */
const overdueMs = 60_000;
/** How often it is looked what other nodes ask. */
const askedEveryMs = 2_000;

export class OfficePoller {
  readonly #deps: PollerDeps;
  readonly #ownership: Pick<Ownership, 'isMine' | 'hold' | 'isAlone'>;
  readonly #timetable: Timetable;
  readonly #turns = new Map<string, Turn>();
  readonly #limit: ReturnType<typeof pLimit>;
  #cancel: (() => void) | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #isStopped = true;

  constructor(deps: PollerDeps) {
    this.#deps = deps;
    this.#ownership = deps.ownership ?? alwaysMine;
    this.#timetable = deps.timetable ?? noTimetable;
    this.#limit = pLimit(deps.concurrency ?? 2);
  }

  /** Crawls in turns from now on. */
  start(): void {
    this.#isStopped = false;
    this.#schedule(0);
  }

  /** Begins nothing more; answers when running crawls are at their end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await Promise.allSettled([...this.#turns.values()].flatMap(({ running }) => (running ? [running] : [])));
  }

  /** Other accounts may be this node's now; tenants that come one after the other are looked for together. */
  gained(): void {
    const soonMs = this.#deps.clock.nowMs() - refreshMs + gatherMs;
    this.#refreshedMs = Math.min(this.#refreshedMs, soonMs);
    if (!this.#isStopped) this.#schedule(this.#untilNextMs());
  }

  /** Something may be due, or have been asked for on another node. */
  look(): void {
    if (!this.#isStopped) this.#schedule(0);
  }

  /** A new account, or new credentials: its first crawl is due. */
  activated(tenant: TenantId, account: AccountId): void {
    if (!this.#ownership.isMine(tenant)) return;
    const turn = this.#turn(tenant, account);
    turn.dueMs = this.#deps.clock.nowMs();
    turn.failures = 0;
    if (!this.#isStopped) this.#schedule(0);
  }

  /**
   * A crawl that begins now or later, so that its answer holds what was so when it was asked for; calls that come
   * together share one. Shared calendars are looked at too.
   */
  async pollNow(tenant: TenantId, account: AccountId, timeoutMs = pollTimeoutMs): Promise<PollResult> {
    let cancel = (): void => {};
    let isLate = false;
    const late = new Promise<PollResult>((resolve) => {
      cancel = this.#deps.clock.after(timeoutMs, () => {
        isLate = true;
        resolve({ kind: 'stillRunning' });
      });
    });
    const result = this.#ownership.isMine(tenant)
      ? this.#fresh(this.#turn(tenant, account))
      : Promise.resolve(undefined);
    const elsewhere = () => crawledElsewhere(this.#timetable, this.#deps, { tenant, account }, () => isLate);
    const byWhomever = result.then((done) => done ?? elsewhere());
    try {
      return await Promise.race([byWhomever, late]);
    } finally {
      isLate = true;
      cancel();
    }
  }

  status(tenant: TenantId, account: AccountId): PollStatus {
    const turn = this.#turns.get(keyOf(tenant, account));
    return { lastPolledAt: turn?.lastMs, nextPollAt: turn?.dueMs, failures: turn?.failures ?? 0, last: turn?.last };
  }

  #fresh(turn: Turn): Promise<PollResult | undefined> {
    if (!turn.running) return this.#run(turn, true);
    turn.next ??= turn.running.then(() => {
      turn.next = undefined;
      return this.#run(turn, true);
    });
    return turn.next;
  }

  #run(turn: Turn, withOwners: boolean): Promise<PollResult | undefined> {
    const crawl = async (): Promise<PollResult | undefined> => {
      const { clock, log } = this.#deps;
      const startedMs = clock.nowMs();
      const { tenant, account, asked } = turn;
      const hold = this.#ownership.hold(tenant);
      if (!hold) return this.#notMine(turn);
      let result: PollResult;
      try {
        const counts = await this.#deps.crawl.run(tenant, account, { withOwners, goesOn: () => hold.isValid() });
        result = counts ? { kind: 'done', counts } : { kind: 'noOffice' };
        turn.failures = 0;
        turn.dueMs = clock.nowMs() + (await this.#pauseMs(turn));
        log.debug({ account, ...counts, tookMs: clock.nowMs() - startedMs }, 'crawled');
      } catch (error) {
        if (error instanceof HandedOver) {
          hold.release();
          return this.#notMine(turn);
        }
        result = this.#failed(turn, error);
      }
      turn.lastMs = clock.nowMs();
      turn.last = result;
      await this.#timetable.keep(turn, turn, asked).catch((error: unknown) => {
        log.warn({ err: error, account }, 'it was not kept when an account was crawled');
      });
      hold.release();
      turn.running = undefined;
      return result;
    };
    // Those who ask are served beside the turns; a turn that waits for its place when the program ends is given up.
    const inTurn = (): Promise<PollResult | undefined> => {
      if (!this.#isStopped) return crawl();
      turn.running = undefined;
      return Promise.resolve({ kind: 'stillRunning' });
    };
    turn.running = withOwners ? crawl() : this.#limit(inTurn);
    return turn.running;
  }

  /** Looked at again once it is known whose it is. */
  #notMine(turn: Turn): undefined {
    turn.running = undefined;
    turn.dueMs = this.#deps.clock.nowMs() + askedEveryMs;
    turn.asked = 0;
  }

  #failed(turn: Turn, error: unknown): PollResult {
    const { clock, log } = this.#deps;
    const { account } = turn;
    turn.failures++;
    const backoffMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(20, turn.failures - 1));
    const reason = error instanceof OfficeError ? error.code : 'internal';
    if (error instanceof QuotaExceeded) turn.dueMs = Math.max(Date.parse(error.until), clock.nowMs());
    else if (reason === 'authenticationFailed') {
      // Wrong once, wrong again: an office blocks an identity that keeps trying.
      turn.dueMs = clock.nowMs() + Math.max(retryMaxMs, this.#deps.intervalMs * idleFactor);
    } else turn.dueMs = clock.nowMs() + backoffMs;
    if (error instanceof OfficeError) log.warn({ account, reason, failures: turn.failures }, 'crawl failed');
    else log.error({ err: error, account, failures: turn.failures }, 'crawl failed');
    return { kind: 'failed', reason, retryAt: turn.dueMs };
  }

  async #pauseMs(turn: Turn): Promise<number> {
    const { intervalMs, isActive } = this.#deps;
    return (await isActive(turn)) ? intervalMs : intervalMs * idleFactor;
  }

  async #tick(): Promise<void> {
    const { clock } = this.#deps;
    if (clock.nowMs() - this.#refreshedMs >= refreshMs) {
      await this.#refresh();
      await this.#serveAsked();
    } else if (!this.#ownership.isAlone()) await this.#serveAsked();
    const nowMs = clock.nowMs();
    for (const [key, turn] of this.#turns) {
      if (turn.running || turn.next) continue;
      if (!this.#ownership.isMine(turn.tenant)) this.#turns.delete(key);
      if (turn.dueMs > nowMs || !this.#turns.has(key)) continue;
      void this.#run(turn, false).then(() => this.#schedule(this.#untilNextMs()));
    }
  }

  /** Runs that other nodes were asked for and left word of. */
  async #serveAsked(): Promise<void> {
    for (const { tenant, account, asked } of await this.#timetable.open()) {
      if (!this.#ownership.isMine(tenant)) continue;
      const turn = this.#turn(tenant, account);
      if (turn.asked >= asked) continue;
      turn.asked = asked;
      void this.#fresh(turn);
    }
  }

  /**
   * New accounts are due at once, those that were crawled before when they are said to be; where nothing is said, or it
   * is long ago, their turns are spread over the interval.
   */
  async #refresh(): Promise<void> {
    const { clock, accounts, intervalMs, wasCrawled } = this.#deps;
    const present = (await accounts()).filter(({ tenant }) => this.#ownership.isMine(tenant));
    this.#refreshedMs = clock.nowMs();
    const keys = new Set(present.map(({ tenant, account }) => keyOf(tenant, account)));
    const fresh = present.filter(({ tenant, account }) => !this.#turns.has(keyOf(tenant, account)));
    const kept = fresh.length === 0 ? [] : await this.#timetable.load(fresh);
    const standings = new Map(kept.map((one) => [keyOf(one.tenant, one.account), one]));
    for (const { tenant, account } of fresh) {
      const key = keyOf(tenant, account);
      const standing = standings.get(key);
      const nowMs = clock.nowMs();
      const isOnTime = standing && nowMs - standing.dueMs < overdueMs;
      const waits = standing !== undefined || (await wasCrawled({ tenant, account }));
      const turn = this.#turn(tenant, account);
      if (standing) Object.assign(turn, { lastMs: standing.lastMs, failures: standing.failures, last: standing.last });
      turn.dueMs = isOnTime ? standing.dueMs : nowMs + (waits ? Math.floor(spread(key) * intervalMs) : 0);
    }
    for (const [key, turn] of this.#turns) if (!keys.has(key) && !turn.running && !turn.next) this.#turns.delete(key);
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = this.#deps.clock.after(delayMs, () => {
      this.#tick()
        .catch((error: unknown) => this.#deps.log.error({ err: error }, 'polling failed'))
        .finally(() => this.#schedule(this.#untilNextMs()));
    });
  }

  #untilNextMs(): number {
    const nowMs = this.#deps.clock.nowMs();
    let nextMs = this.#refreshedMs + refreshMs;
    if (!this.#ownership.isAlone()) nextMs = Math.min(nextMs, nowMs + askedEveryMs);
    for (const { dueMs, running } of this.#turns.values()) if (!running && dueMs < nextMs) nextMs = dueMs;
    return Math.max(100, nextMs - nowMs);
  }

  #turn(tenant: TenantId, account: AccountId): Turn {
    const key = keyOf(tenant, account);
    const known = this.#turns.get(key);
    if (known) return known;
    const turn = newTurn({ tenant, account }, this.#deps.clock.nowMs());
    this.#turns.set(key, turn);
    return turn;
  }
}
