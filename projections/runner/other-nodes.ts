/**
 * What the runners of other nodes do to the rows, what this one tells them, and whose turn it is. With none of them
 * everything is this runner's own, and nothing here asks the database for more than the checkpoints.
 */
import type { Subscription } from 'rxjs';
import type { Bulletin } from '../../adapters/cluster/bulletin.port.ts';
import type { Ownership } from '../../adapters/cluster/ownership.port.ts';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { type NewerReadModel, readAllCheckpoints, readCheckpoints } from './checkpoints.ts';
import { type Loop, lowest, takeFresh } from './loop.ts';
import { modelsOf, newsText, type ProjectedNews, parseNews } from './news.ts';
import type { Touched } from './projection.ts';
import type { RunnerOptions } from './runner.ts';

export interface RunnerNodes {
  readonly ownership: Pick<Ownership, 'isMine' | 'claim' | 'resign' | 'changes'>;
  readonly bulletin: Pick<Bulletin, 'post' | 'heard' | 'gaps' | 'isAlone'>;
  /** How long one waits for the owner's word before the checkpoints are looked at, and before one projects instead. */
  readonly lookAfterMs?: number;
  readonly helpAfterMs?: number;
}

/** The runner's own part. */
export interface RunnerLoops {
  loop(tenant: TenantId): Loop;
  go(tenant: TenantId, loop: Loop): void;
  reached(tenant: TenantId, loop: Loop, touched: Touched, events: readonly RecordedEvent[], isByOther: boolean): void;
}

/** By then a dead owner has been taken over from. */
const helpsForMs = 10_000;
const takenOverTogether = 4;

export class OtherNodes {
  readonly #options: RunnerOptions;
  readonly #runner: RunnerLoops;
  readonly #models: string;
  #isOutdated = false;

  constructor(options: RunnerOptions, runner: RunnerLoops) {
    this.#options = options;
    this.#runner = runner;
    this.#models = modelsOf(options.projections);
  }

  subscriptions(): Subscription[] {
    const { nodes } = this.#options;
    if (!nodes) return [];
    return [
      nodes.bulletin.heard.subscribe(({ topic, text }) => topic === 'projected' && this.#hear(parseNews(text))),
      nodes.bulletin.gaps.subscribe(() => void this.#lookAtAll()),
      nodes.ownership.changes.subscribe(({ tenants, isMine }) => isMine && void this.#takeOver(tenants)),
    ];
  }

  /** Learns in one look where the rows of all tenants stand. */
  async begin(tenants: readonly { readonly tenant: TenantId; readonly head: Position }[]): Promise<void> {
    const { db, projections, nodes } = this.#options;
    if (!nodes) return;
    const all = await readAllCheckpoints(db, projections);
    for (const { tenant, head } of tenants) {
      const loop = this.#runner.loop(tenant);
      if (head > loop.committed) loop.committed = head;
      if (loop.running || loop.positions) continue;
      loop.positions = all.get(tenant) ?? null;
      if (loop.positions) loop.position = lowest(loop.positions);
    }
  }

  /** Whether this node does the tenant's projecting now. */
  projects(tenant: TenantId): boolean {
    const { nodes } = this.#options;
    if (this.#isOutdated) return false;
    return !nodes || nodes.ownership.isMine(tenant) || performance.now() < this.#runner.loop(tenant).helpsUntilMs;
  }

  /** Takes a tenant that nobody has. */
  async claims(tenant: TenantId): Promise<boolean> {
    return !this.#isOutdated && ((await this.#options.nodes?.ownership.claim(tenant)) ?? true);
  }

  /** Where the rows stand, after what other nodes said that they have written. */
  async followed(tenant: TenantId, loop: Loop): Promise<Map<string, Position>> {
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
      if (loop.position < lowest(loop.positions)) this.#runner.reached(tenant, loop, new Map(), [], true);
    }
    return loop.positions;
  }

  /** Takes the page that another node wrote as if it had been written here. */
  async #follow(tenant: TenantId, loop: Loop, { from, position, touched }: ProjectedNews): Promise<void> {
    const positions = loop.positions as Map<string, Position>;
    const isKnown = touched !== undefined && from <= loop.position;
    const events = isKnown ? await this.#eventsUpTo(tenant, loop, position) : takeFresh(loop, position, 0);
    for (const [name, at] of positions) positions.set(name, Math.max(at, position) as Position);
    this.#runner.reached(tenant, loop, touched ?? new Map(), events, !isKnown);
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
    const loop = this.#runner.loop(news.tenant);
    if (news.position > loop.committed) loop.committed = news.position;
    loop.news.push(news);
    // Somebody helped, who goes on until there is a word of the owner.
    if (this.#options.nodes?.ownership.isMine(news.tenant)) this.#tellPosition(news.tenant, loop);
    this.#runner.go(news.tenant, loop);
  }

  /** Says what a page touched that was written here. */
  tell(tenant: TenantId, from: Position, position: Position, touched: Touched | undefined): void {
    const { nodes } = this.#options;
    if (!nodes || nodes.bulletin.isAlone()) return;
    // Each is a message of its own: the next does not say what this one touched.
    const text = newsText({ tenant, from, position, models: this.#models, touched });
    nodes.bulletin.post('projected', `${tenant} ${position}`, text);
  }

  #tellPosition(tenant: TenantId, { position }: Loop): void {
    this.tell(tenant, position, position, undefined);
  }

  /** Somebody waits for rows that another node is to write: a look after a while, and then a helping hand. */
  attend(tenant: TenantId, loop: Loop): void {
    const first = loop.waiters[0];
    if (loop.patience || !first) return;
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
        this.#runner.go(tenant, loop);
      },
      Math.max(10, Math.min(lookAfterMs, helpAfterMs - stillMs)),
    );
  }

  /** What became this node's to project, from where another one left it. */
  async #takeOver(tenants: readonly TenantId[]): Promise<void> {
    const left = [...tenants];
    const take = async () => {
      for (let tenant = left.pop(); tenant !== undefined; tenant = left.pop()) {
        const loop = this.#runner.loop(tenant);
        loop.isUnsure = true;
        loop.mustRead = true;
        this.#runner.go(tenant, loop);
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
        const loop = this.#runner.loop(tenant);
        if (lowest(positions) <= loop.position) continue;
        loop.isUnsure = true;
        this.#runner.go(tenant, loop);
      }
    } catch (error) {
      onError(error);
    }
  }

  /** The rows are a newer program's from now on, which is not this one's to write. */
  leaveTo(error: NewerReadModel, tenant: TenantId, loop: Loop): void {
    if (!this.#isOutdated) this.#options.onError(error, tenant);
    this.#isOutdated = true;
    this.#options.nodes?.ownership.resign();
    loop.again = true;
  }
}
