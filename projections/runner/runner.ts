/**
 * Keeps the read models up with the log: pages of events in, rows and checkpoint out, all or nothing. One loop a
 * tenant at a time; a commit wakes it, and a restart goes on from the checkpoints. It tells what it touched, which is
 * how parked requests wake without asking the database. Of several nodes the tenant's owner projects; the others follow
 * what it says, and help where somebody waits and it says nothing.
 */
import type { Kysely } from 'kysely';
import { Subject, type Subscription } from 'rxjs';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { CheckpointMoved, NewerReadModel } from './checkpoints.ts';
import { answer, keepFresh, type Loop, lowest, newLoop, takeFresh, waitIn } from './loop.ts';
import { OtherNodes, type RunnerNodes } from './other-nodes.ts';
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
  /**
   * Told of a page that failed; the tenant is tried again at its next commit and after `retryDelayMs`. Told once, and
   * nothing is tried again, where a newer program has taken over the read models (`NewerReadModel`).
   */
  readonly onError: (error: unknown, tenant?: TenantId) => void;
  readonly retryDelayMs?: number;
  /** Absent: there is no other node. */
  readonly nodes?: RunnerNodes;
}

export class ProjectionRunner {
  readonly projected = new Subject<Projected>();
  readonly #options: RunnerOptions;
  readonly #others: OtherNodes;
  readonly #loops = new Map<TenantId, Loop>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #heard: (Subscription | undefined)[] = [];
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#others = new OtherNodes(options, {
      loop: (tenant) => this.#loop(tenant),
      go: (tenant, loop) => this.#go(tenant, loop),
      reached: (...page) => this.#reached(...page),
    });
  }

  /** Catches up every tenant that this node projects, and follows the log from then on. */
  async start(): Promise<void> {
    const { store } = this.#options;
    this.#heard = [
      store.commits.subscribe(({ tenant, head }) => {
        const loop = this.#loop(tenant);
        if (head > loop.committed) loop.committed = head;
        // After this turn what was stored is at hand, and what is stored together is projected together.
        setImmediate(() => this.#go(tenant, loop));
      }),
      store.recorded?.subscribe(({ tenant, events }) => keepFresh(this.#loop(tenant), events)),
      ...this.#others.subscriptions(),
    ];
    const tenants = await store.tenants();
    await this.#others.begin(tenants);
    for (const { tenant } of tenants) if (this.#others.projects(tenant)) await this.catchUp(tenant);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const subscription of this.#heard) subscription?.unsubscribe();
    for (const timer of this.#retries) clearTimeout(timer);
    await Promise.all([...this.#loops.values()].map((loop) => loop.running));
    for (const loop of this.#loops.values()) {
      clearTimeout(loop.patience ?? undefined);
      answer(loop, Number.POSITIVE_INFINITY as Position, false);
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
    return waitIn(loop, position, timeoutMs);
  }

  /** True once the rows hold every commit heard of by now: whoever was told of a change can read it. */
  waitForCommitted(tenant: TenantId, timeoutMs: number): true | Promise<boolean> {
    const loop = this.#loop(tenant);
    return loop.position >= loop.committed ? true : this.waitFor(tenant, loop.committed, timeoutMs);
  }

  /** Projects everything committed by now, unless that fails or is another node's to do. */
  async catchUp(tenant: TenantId): Promise<void> {
    const head = await this.#options.store.head(tenant);
    const loop = this.#loop(tenant);
    for (let before = -1; loop.position < head && loop.position > before && !this.#stopped; ) {
      before = loop.position;
      this.wake(tenant);
      await loop.running;
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
        // Also a page that another runner wrote meanwhile is read anew from the stored checkpoints.
        loop.positions = null;
        loop.fresh.clear();
        if (error instanceof NewerReadModel) {
          this.#others.leaveTo(error, tenant, loop);
          return;
        }
        if (error instanceof CheckpointMoved) loop.helpsUntilMs = Number.NEGATIVE_INFINITY;
        this.#options.onError(error, tenant);
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
    if (!loop) this.#loops.set(tenant, (loop = newLoop()));
    return loop;
  }

  async #run(tenant: TenantId, loop: Loop): Promise<void> {
    const { store, pageSize = 500 } = this.#options;
    for (;;) {
      loop.again = false;
      const positions = await this.#others.followed(tenant, loop);
      if (!this.#others.projects(tenant) && !(await this.#others.claims(tenant))) {
        if (!this.#stopped) this.#others.attend(tenant, loop);
        if (this.#stopped || !loop.again) return;
        continue;
      }
      const from = lowest(positions);
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
        this.#others.tell(tenant, from, loop.position, touched);
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
    loop.position = lowest(loop.positions as Map<string, Position>);
    loop.movedMs = performance.now();
    this.projected.next({ tenant, position: loop.position, touched, events, isByOther });
    answer(loop, loop.position, true);
  }
}

/** What whoever waits for the read models needs of it. */
export type Progress = Pick<ProjectionRunner, 'projected' | 'position' | 'waitFor' | 'waitForCommitted'>;
