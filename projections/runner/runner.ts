/**
 * Keeps the read models up with the log: pages of events in, rows and checkpoint out, all or nothing. One loop a
 * tenant at a time; a commit wakes it, and a restart goes on from the checkpoints. It tells what it touched, which is
 * how parked requests wake without asking the database. Of several nodes the tenant's owner projects; the others follow
 * what it says, and help where somebody waits and it says nothing.
 */
import type { Kysely } from 'kysely';
import { Subject, type Subscription } from 'rxjs';
import type { Bulletin } from '../../adapters/cluster/bulletin.port.ts';
import type { Ownership } from '../../adapters/cluster/ownership.port.ts';
import type { EventStore, RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { CheckpointMoved, NewerReadModel, readAllCheckpoints, readCheckpoints } from './checkpoints.ts';
import { answer, keepFresh, type Loop, newLoop, takeFresh, waitIn } from './loop.ts';
import { modelsOf, newsText, type ProjectedNews, parseNews } from './news.ts';
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
  readonly onError: (error: unknown, tenant: TenantId) => void;
  readonly retryDelayMs?: number;
  /** Absent: there is no other node. */
  readonly nodes?: RunnerNodes;
}

export interface RunnerNodes {
  readonly ownership: Pick<Ownership, 'isMine' | 'claim' | 'resign' | 'changes'>;
  readonly bulletin: Pick<Bulletin, 'post' | 'heard' | 'gaps' | 'isAlone'>;
  /** How long one waits for the owner's word before the checkpoints are looked at, and before one projects instead. */
  readonly lookAfterMs?: number;
  readonly helpAfterMs?: number;
}

/** By then a dead owner has been taken over from. */
const helpsForMs = 10_000;
const takenOverTogether = 4;

export class ProjectionRunner {
  readonly projected = new Subject<Projected>();
  readonly #options: RunnerOptions;
  readonly #models: string;
  readonly #loops = new Map<TenantId, Loop>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #heard: (Subscription | undefined)[] = [];
  #isOutdated = false;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#models = modelsOf(options.projections);
  }

  /** Catches up every tenant that this node projects, and follows the log from then on. */
  async start(): Promise<void> {
    const { store, nodes } = this.#options;
    this.#heard = [
      store.commits.subscribe(({ tenant, head }) => {
        const loop = this.#loop(tenant);
        if (head > loop.committed) loop.committed = head;
        // After this turn what was stored is at hand, and what is stored together is projected together.
        setImmediate(() => this.#go(tenant, loop));
      }),
      store.recorded?.subscribe(({ tenant, events }) => keepFresh(this.#loop(tenant), events)),
      nodes?.bulletin.heard.subscribe(({ topic, text }) => topic === 'projected' && this.#hear(parseNews(text))),
      nodes?.bulletin.gaps.subscribe(() => void this.#lookAtAll()),
      nodes?.ownership.changes.subscribe(({ tenants, isMine }) => isMine && void this.#takeOver(tenants)),
    ];
    const tenants = await store.tenants();
    if (nodes) {
      const all = await readAllCheckpoints(this.#options.db, this.#options.projections);
      for (const { tenant, head } of tenants) {
        const loop = this.#loop(tenant);
        if (head > loop.committed) loop.committed = head;
        if (loop.running || loop.positions) continue;
        loop.positions = all.get(tenant) ?? null;
        if (loop.positions) loop.position = lowest(loop.positions);
      }
    }
    for (const { tenant } of tenants) if (!nodes || nodes.ownership.isMine(tenant)) await this.catchUp(tenant);
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
        if (error instanceof NewerReadModel) return this.#outdated(error, tenant);
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
      const positions = await this.#followed(tenant, loop);
      if (!this.#projects(tenant, loop) && !(await this.#claims(tenant))) {
        this.#attend(tenant, loop);
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
        this.#tell({ tenant, from, position: loop.position, models: this.#models, touched });
      }
      // A full page, or an own one, may not be the last.
      const isMore = isRead ? events.length === pageSize : events.length > 0;
      if (this.#stopped || (!isMore && !loop.again)) return;
    }
  }

  /** Whether this node does the tenant's projecting now. */
  #projects(tenant: TenantId, loop: Loop): boolean {
    const { nodes } = this.#options;
    if (this.#isOutdated) return false;
    return !nodes || nodes.ownership.isMine(tenant) || performance.now() < loop.helpsUntilMs;
  }

  async #claims(tenant: TenantId): Promise<boolean> {
    return !this.#isOutdated && ((await this.#options.nodes?.ownership.claim(tenant)) ?? true);
  }

  /** Where the rows stand, after what other nodes said that they have written. */
  async #followed(tenant: TenantId, loop: Loop): Promise<Map<string, Position>> {
    const { db, projections } = this.#options;
    for (let news = loop.news.shift(); news && loop.positions; news = loop.news.shift()) {
      const isAlike = news.models === this.#models;
      if (isAlike) loop.helpsUntilMs = Number.NEGATIVE_INFINITY;
      if (news.position <= loop.position) continue;
      if (isAlike) {
        await this.#follow(tenant, loop, news);
      } else {
        // Of another program: what it does not know of is for this one to write.
        loop.isUnsure = true;
        loop.helpsUntilMs = performance.now() + helpsForMs;
      }
    }
    if (loop.isUnsure) loop.positions = null;
    loop.isUnsure = false;
    if (!loop.positions) {
      loop.news = [];
      loop.positions = await readCheckpoints(db, tenant, projections, this.#isOutdated ? 'expected' : 'thrown');
      if (loop.position < lowest(loop.positions)) this.#reached(tenant, loop, new Map(), [], true);
    }
    return loop.positions;
  }

  /** Takes the page that another node wrote as if it had been written here. */
  async #follow(tenant: TenantId, loop: Loop, { from, position, touched }: ProjectedNews): Promise<void> {
    const positions = loop.positions as Map<string, Position>;
    const isKnown = touched !== undefined && from <= loop.position;
    const events = isKnown ? await this.#eventsUpTo(tenant, loop, position) : takeFresh(loop, position, 0);
    for (const [name, at] of positions) positions.set(name, Math.max(at, position) as Position);
    this.#reached(tenant, loop, touched ?? new Map(), events, !isKnown);
  }

  /** What was stored after the rows of now, up to the position. */
  async #eventsUpTo(tenant: TenantId, loop: Loop, position: Position): Promise<RecordedEvent[]> {
    const { store, pageSize = 500 } = this.#options;
    const events = takeFresh(loop, loop.position, position - loop.position);
    for (let at = events.at(-1)?.position ?? loop.position; at < position; ) {
      const page = await store.readAll(tenant, at, Math.min(pageSize, position - at));
      const last = page.at(-1);
      if (!last) break;
      events.push(...page);
      at = last.position;
    }
    return events;
  }

  #hear(news: ProjectedNews | undefined): void {
    if (!news) return;
    const loop = this.#loop(news.tenant);
    if (news.position > loop.committed) loop.committed = news.position;
    loop.news.push(news);
    // Somebody helped, who goes on until there is a word of the owner.
    if (this.#options.nodes?.ownership.isMine(news.tenant)) this.#tellPosition(news.tenant, loop);
    this.#go(news.tenant, loop);
  }

  #tell(news: ProjectedNews): void {
    const { nodes } = this.#options;
    if (!nodes || nodes.bulletin.isAlone()) return;
    // Each is a message of its own: the next does not say what this one touched.
    nodes.bulletin.post('projected', `${news.tenant} ${news.position}`, newsText(news));
  }

  #tellPosition(tenant: TenantId, { position }: Loop): void {
    this.#tell({ tenant, from: position, position, models: this.#models, touched: undefined });
  }

  /** Somebody waits for rows that another node is to write: a look after a while, and then a helping hand. */
  #attend(tenant: TenantId, loop: Loop): void {
    const first = loop.waiters[0];
    if (loop.patience || !first || this.#stopped) return;
    const { lookAfterMs = 300, helpAfterMs = 1_000 } = this.#options.nodes ?? {};
    const stillMs = performance.now() - Math.max(first.sinceMs, loop.movedMs);
    loop.patience = setTimeout(
      () => {
        loop.patience = null;
        const [longest] = loop.waiters;
        if (!longest) return;
        loop.isUnsure = true;
        const nowMs = performance.now();
        if (nowMs - Math.max(longest.sinceMs, loop.movedMs) >= helpAfterMs && !this.#isOutdated) {
          loop.helpsUntilMs = nowMs + helpsForMs;
          loop.mustRead = true;
        }
        this.#go(tenant, loop);
      },
      Math.max(10, Math.min(lookAfterMs, helpAfterMs - stillMs)),
    );
  }

  /** What became this node's to project, from where another one left it. */
  async #takeOver(tenants: readonly TenantId[]): Promise<void> {
    const left = [...tenants];
    const take = async () => {
      for (let tenant = left.pop(); tenant !== undefined && !this.#stopped; tenant = left.pop()) {
        const loop = this.#loop(tenant);
        loop.isUnsure = true;
        this.wake(tenant);
        await loop.running;
        // The last word of who had it may not have been heard.
        this.#tellPosition(tenant, loop);
      }
    };
    await Promise.all(Array.from({ length: takenOverTogether }, take));
  }

  /** Something may have been missed: which tenants' rows have moved. */
  async #lookAtAll(): Promise<void> {
    const { db, projections, onError } = this.#options;
    try {
      for (const [tenant, positions] of await readAllCheckpoints(db, projections)) {
        const loop = this.#loop(tenant);
        if (lowest(positions) <= loop.position) continue;
        loop.isUnsure = true;
        this.#go(tenant, loop);
      }
    } catch (error) {
      onError(error, '' as TenantId);
    }
  }

  /** The rows are a newer program's from now on, which is not this one's to write. */
  #outdated(error: NewerReadModel, tenant: TenantId): void {
    if (!this.#isOutdated) this.#options.onError(error, tenant);
    this.#isOutdated = true;
    this.#options.nodes?.ownership.resign();
    this.#loop(tenant).again = true;
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

/** Where the slowest stands. */
function lowest(positions: ReadonlyMap<string, Position>): Position {
  return Math.min(...positions.values()) as Position;
}
