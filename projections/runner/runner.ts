/**
 * Keeps the read models up with the log: pages of events in, rows and checkpoint out, all or nothing. One loop a
 * tenant at a time; a commit wakes it, and a restart goes on from the checkpoints. It tells what it touched, which is
 * how parked requests wake without asking the database.
 */
import type { Kysely } from 'kysely';
import { Subject, type Subscription } from 'rxjs';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { CheckpointMoved, readCheckpoints } from './checkpoints.ts';
import { PageWrites } from './page.ts';
import type { AnyDatabase, Projection, Touched } from './projection.ts';

/** A page was projected: rows up to `position` are readable. */
export interface Projected {
  readonly tenant: TenantId;
  readonly position: Position;
  readonly touched: Touched;
  readonly events: readonly RecordedEvent[];
  /** Another runner wrote rows up to `position`: what they touched is not known here, so it may be anything. */
  readonly isByOther: boolean;
}

export interface RunnerOptions {
  readonly db: Kysely<AnyDatabase>;
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly pageSize?: number;
  /** Told of a page that failed; the tenant is tried again at its next commit and after `retryDelayMs`. */
  readonly onError: (error: unknown, tenant: TenantId) => void;
  readonly retryDelayMs?: number;
}

interface Loop {
  positions: Map<string, Position> | null;
  /** Of the slowest projection. */
  position: Position;
  /** Of the last commit heard of. */
  committed: Position;
  /** Events past `position` that this process stored itself, and so need not read. */
  readonly fresh: Map<Position, RecordedEvent>;
  running: Promise<void> | null;
  again: boolean;
  /** Whoever woke it knows of more than this process's own commits. */
  mustRead: boolean;
  waiters: { position: Position; resolve: (reached: boolean) => void; timer: NodeJS.Timeout }[];
}

export class ProjectionRunner {
  readonly projected = new Subject<Projected>();
  readonly #options: RunnerOptions;
  readonly #loops = new Map<TenantId, Loop>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #commits: Subscription | null = null;
  #recorded: Subscription | undefined;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Catches up every tenant and follows the log from then on. */
  async start(): Promise<void> {
    this.#commits = this.#options.store.commits.subscribe(({ tenant, head }) => {
      const loop = this.#loop(tenant);
      if (head > loop.committed) loop.committed = head;
      // After this turn what was stored is at hand, and what is stored together is projected together.
      setImmediate(() => this.#go(tenant, loop));
    });
    this.#recorded = this.#options.store.recorded?.subscribe(({ tenant, events }) => {
      const { fresh } = this.#loop(tenant);
      if (fresh.size > freshMax) fresh.clear();
      for (const event of events) fresh.set(event.position, event);
    });
    const tenants = await this.#options.store.tenants();
    for (const { tenant } of tenants) await this.catchUp(tenant);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#commits?.unsubscribe();
    this.#recorded?.unsubscribe();
    for (const timer of this.#retries) clearTimeout(timer);
    await Promise.all([...this.#loops.values()].map((loop) => loop.running));
    for (const loop of this.#loops.values()) {
      for (const waiter of loop.waiters.splice(0)) {
        clearTimeout(waiter.timer);
        waiter.resolve(false);
      }
    }
    this.projected.complete();
  }

  /** The position up to which all rows of the tenant are written. */
  position(tenant: TenantId): Position {
    return this.#loop(tenant).position;
  }

  /** The last position heard of, whether or not the rows hold it by now. */
  heardOf(tenant: TenantId): Position {
    const { position, committed } = this.#loop(tenant);
    return Math.max(position, committed) as Position;
  }

  /** True once the rows hold everything up to the position; false when that took longer than the limit. */
  waitFor(tenant: TenantId, position: Position, timeoutMs: number): Promise<boolean> {
    const loop = this.#loop(tenant);
    if (loop.position >= position) return Promise.resolve(true);
    if (this.#stopped) return Promise.resolve(false);
    if (position > loop.committed) this.wake(tenant);
    else this.#go(tenant, loop);
    return new Promise((resolve) => {
      const waiter = {
        position,
        resolve,
        timer: setTimeout(() => {
          loop.waiters = loop.waiters.filter((other) => other !== waiter);
          resolve(false);
        }, timeoutMs),
      };
      loop.waiters.push(waiter);
    });
  }

  /** True once the rows hold every commit heard of by now: whoever was told of a change can read it. */
  waitForCommitted(tenant: TenantId, timeoutMs: number): true | Promise<boolean> {
    const loop = this.#loop(tenant);
    return loop.position >= loop.committed ? true : this.waitFor(tenant, loop.committed, timeoutMs);
  }

  /** Projects everything committed by now. */
  async catchUp(tenant: TenantId): Promise<void> {
    const head = await this.#options.store.head(tenant);
    const loop = this.#loop(tenant);
    while (loop.position < head && !this.#stopped) {
      this.wake(tenant);
      await loop.running;
      if (loop.position < head && this.#retries.size > 0) return;
    }
  }

  /** Looks at the log: for whoever knows that another process stored something. */
  wake(tenant: TenantId): void {
    const loop = this.#loop(tenant);
    loop.mustRead = true;
    this.#go(tenant, loop);
  }

  #go(tenant: TenantId, loop: Loop): void {
    if (this.#stopped) return;
    if (loop.running) {
      loop.again = true;
      return;
    }
    loop.running = this.#run(tenant, loop)
      .catch((error: unknown) => {
        this.#options.onError(error, tenant);
        // Also a page that another runner wrote meanwhile is read anew from the stored checkpoints.
        loop.positions = null;
        loop.fresh.clear();
        if (this.#stopped) return;
        const timer = setTimeout(
          () => {
            this.#retries.delete(timer);
            this.wake(tenant);
          },
          error instanceof CheckpointMoved ? 10 : (this.#options.retryDelayMs ?? 1_000),
        );
        this.#retries.add(timer);
      })
      .finally(() => {
        loop.running = null;
        if (loop.again) this.#go(tenant, loop);
      });
  }

  #loop(tenant: TenantId): Loop {
    let loop = this.#loops.get(tenant);
    if (!loop) {
      loop = {
        positions: null,
        position: 0 as Position,
        committed: 0 as Position,
        fresh: new Map(),
        running: null,
        again: false,
        mustRead: true,
        waiters: [],
      };
      this.#loops.set(tenant, loop);
    }
    return loop;
  }

  async #run(tenant: TenantId, loop: Loop): Promise<void> {
    const { store, projections, db, pageSize = 500 } = this.#options;
    for (;;) {
      loop.again = false;
      loop.positions ??= await readCheckpoints(db, tenant, projections);
      const positions = loop.positions;
      const from = Math.min(...positions.values()) as Position;
      if (loop.position < from) this.#reached(tenant, loop, new Map(), [], true);
      let events = takeFresh(loop, from, pageSize);
      let isRead = false;
      if (events.length === 0 && (loop.mustRead || loop.committed > from)) {
        loop.mustRead = false;
        isRead = true;
        events = await store.readAll(tenant, from, pageSize);
      }
      if (events.length > 0) {
        const touched = await this.#page(tenant, positions, events);
        const to = (events.at(-1) as RecordedEvent).position;
        for (const [name, position] of positions) positions.set(name, Math.max(position, to) as Position);
        this.#reached(tenant, loop, touched, events, false);
      }
      // A full page, or an own one, may not be the last.
      const isMore = isRead ? events.length === pageSize : events.length > 0;
      if (this.#stopped || (!isMore && !loop.again)) return;
    }
  }

  async #page(
    tenant: TenantId,
    positions: ReadonlyMap<string, Position>,
    events: readonly RecordedEvent[],
  ): Promise<Touched> {
    const to = (events.at(-1) as RecordedEvent).position;
    const behind = this.#options.projections.filter(({ name }) => (positions.get(name) as Position) < to);
    const writes = new PageWrites(this.#options.db, tenant);
    const touched = new Map<string, readonly Position[]>();
    for (const projection of behind) {
      const from = positions.get(projection.name) as Position;
      const news = events[0] && events[0].position > from ? events : events.filter((event) => event.position > from);
      for (const [topic, positions] of (await projection.project(writes.page(from, news))) ?? []) {
        touched.set(topic, positions);
      }
    }
    const moves = behind.map(({ name, version }) => ({ name, version, from: positions.get(name) as Position }));
    await writes.execute(moves, to);
    return touched;
  }

  #reached(tenant: TenantId, loop: Loop, touched: Touched, events: readonly RecordedEvent[], isByOther: boolean): void {
    loop.position = Math.min(...(loop.positions as Map<string, Position>).values()) as Position;
    this.projected.next({ tenant, position: loop.position, touched, events, isByOther });
    const ready = loop.waiters.filter((waiter) => waiter.position <= loop.position);
    if (ready.length === 0) return;
    loop.waiters = loop.waiters.filter((waiter) => waiter.position > loop.position);
    for (const waiter of ready) {
      clearTimeout(waiter.timer);
      waiter.resolve(true);
    }
  }
}

/** What whoever waits for the read models needs of it. */
export type Progress = Pick<ProjectionRunner, 'projected' | 'position' | 'waitFor' | 'waitForCommitted'>;

/** Own events kept at hand for one tenant; a projection that lags further reads them. */
const freshMax = 5_000;

/** The own events that follow the position without a gap; older ones are forgotten. */
function takeFresh(loop: Loop, from: Position, limit: number): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  for (let next = from + 1; events.length < limit; next++) {
    const event = loop.fresh.get(next as Position);
    if (!event) break;
    events.push(event);
  }
  for (const position of loop.fresh.keys()) if (position <= from + events.length) loop.fresh.delete(position);
  return events;
}
