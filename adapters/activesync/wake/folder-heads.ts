/**
 * The position of each folder's last change, kept in memory from what the projections say, and those who wait for it
 * to move. A parked request costs an entry or two in maps and a timer: no database, no polling.
 */
import { LRUCache } from 'lru-cache';
import type { Subscription } from 'rxjs';
import type { CollectionId, Position, TenantId } from '../../../domain/shared/ids.ts';
import type { ItemView } from '../../../projections/item-view/read.ts';
import type { Progress } from '../../../projections/runner/runner.ts';

export class FolderHeads {
  readonly #view: Pick<ItemView, 'lastChange'>;
  readonly #heads: LRUCache<string, Head>;
  readonly #waiting = new Map<TenantId, Map<string, Waiters>>();
  readonly #loading = new Map<string, Loading>();
  readonly #subscription: Subscription;
  #parked = 0;

  constructor(runner: Pick<Progress, 'projected'>, view: Pick<ItemView, 'lastChange'>, cachedMax = 100_000) {
    this.#view = view;
    this.#heads = new LRUCache({ max: cachedMax });
    this.#subscription = runner.projected.subscribe(({ tenant, touched, isByOther }) => {
      if (isByOther) this.#forget(tenant);
      for (const [topic, positions] of touched) {
        const name = nameOf(tenant, topic);
        const position = positions.at(-1) as Position;
        const known = this.#heads.get(name);
        if (known) this.#heads.set(name, movedTo(known, positions));
        const loading = this.#loading.get(name);
        if (loading) loading.moved = position;
        wake(this.#waiting.get(tenant)?.get(topic));
      }
    });
  }

  /** Requests that are parked here now. */
  get parked(): number {
    return this.#parked;
  }

  peek(tenant: TenantId, collection: CollectionId): Position | undefined {
    return this.#heads.get(nameOf(tenant, collection))?.position;
  }

  /** The positions of the folder's rows that moved after the given one; undefined when that is not known any more. */
  movedSince(tenant: TenantId, collection: CollectionId, position: Position): readonly Position[] | undefined {
    const head = this.#heads.get(nameOf(tenant, collection));
    if (!head || position < head.since) return undefined;
    return head.moved.filter((moved) => moved > position);
  }

  async head(tenant: TenantId, collection: CollectionId): Promise<Position> {
    const name = nameOf(tenant, collection);
    const known = this.#heads.get(name);
    if (known) return known.position;
    const loading = this.#loading.get(name) ?? this.#load(name, tenant, collection);
    return await loading.head;
  }

  #load(name: string, tenant: TenantId, collection: CollectionId): Loading {
    const loading: Loading = { moved: 0 as Position, isOutdated: true, head: Promise.resolve(0 as Position) };
    loading.head = (async () => {
      try {
        let stored = 0 as Position;
        while (loading.isOutdated) {
          loading.isOutdated = false;
          stored = await this.#view.lastChange(tenant, collection);
        }
        // A change that came while the view was asked counts more than its answer.
        const head = Math.max(stored, loading.moved) as Position;
        this.#heads.set(name, { position: head, since: head, moved: [] });
        return head;
      } finally {
        this.#loading.delete(name);
      }
    })();
    this.#loading.set(name, loading);
    return loading;
  }

  /**
   * Calls `onWake` when one of the topics (collections, or other names that projections touch) moves, until the
   * returned function is called. It may be called more than once.
   */
  park(tenant: TenantId, topics: readonly string[], onWake: () => void): () => void {
    const parked: Parked = { wake: onWake };
    let waiting = this.#waiting.get(tenant);
    if (!waiting) this.#waiting.set(tenant, (waiting = new Map()));
    for (const topic of topics) add(waiting, topic, parked);
    this.#parked++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#parked--;
      this.#unpark(tenant, topics, parked);
    };
  }

  #unpark(tenant: TenantId, topics: readonly string[], parked: Parked): void {
    const waiting = this.#waiting.get(tenant);
    if (!waiting) return;
    for (const topic of topics) remove(waiting, topic, parked);
    if (waiting.size === 0) this.#waiting.delete(tenant);
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  /** Anything of the tenant may have moved: heads are looked up anew, and everyone looks for themselves. */
  #forget(tenant: TenantId): void {
    const prefix = nameOf(tenant, '');
    for (const name of [...this.#heads.keys()]) if (name.startsWith(prefix)) this.#heads.delete(name);
    for (const [name, loading] of this.#loading) if (name.startsWith(prefix)) loading.isOutdated = true;
    for (const waiters of [...(this.#waiting.get(tenant)?.values() ?? [])]) wake(waiters);
  }
}

interface Head {
  readonly position: Position;
  /** All rows that moved after `since`, by their positions. */
  readonly since: Position;
  readonly moved: readonly Position[];
}

/** Moves of one folder that are remembered. */
const movedMax = 64;

function movedTo(head: Head, positions: readonly Position[]): Head {
  const all = [...head.moved, ...positions];
  const position = all.at(-1) as Position;
  if (all.length <= movedMax) return { position, since: head.since, moved: all };
  const moved = all.slice(-movedMax);
  return { position, since: all[all.length - movedMax - 1] as Position, moved };
}

interface Loading {
  moved: Position;
  /** The view must be asked (again). */
  isOutdated: boolean;
  head: Promise<Position>;
}

interface Parked {
  readonly wake: () => void;
}

/** A topic of one device has one who waits: a set for each would cost as much as all else that is kept of it. */
type Waiters = Parked | Set<Parked>;

function add(waiting: Map<string, Waiters>, topic: string, parked: Parked): void {
  const waiters = waiting.get(topic);
  if (waiters instanceof Set) waiters.add(parked);
  else waiting.set(topic, waiters && waiters !== parked ? new Set([waiters, parked]) : parked);
}

function remove(waiting: Map<string, Waiters>, topic: string, parked: Parked): void {
  const waiters = waiting.get(topic);
  if (waiters instanceof Set) {
    waiters.delete(parked);
    if (waiters.size === 0) waiting.delete(topic);
  } else if (waiters === parked) {
    waiting.delete(topic);
  }
}

function wake(waiters: Waiters | undefined): void {
  // Who is woken may leave at once.
  if (waiters instanceof Set) for (const parked of [...waiters]) parked.wake();
  else waiters?.wake();
}

function nameOf(tenant: TenantId, topic: string): string {
  return `${tenant}/${topic}`;
}
