import { LRUCache } from 'lru-cache';
import type { Subscription } from 'rxjs';
import type { DomainEvent } from '../../domain/shared/event.ts';
import type { StreamName, TenantId } from '../../domain/shared/ids.ts';
import type { EventStore } from './event-store.port.ts';
import { foldPage } from './run-command.ts';

interface Entry<State> {
  readonly state: State;
}

interface Loading<State> {
  readonly promise: Promise<State>;
  /** A commit came while this was read: what it read may be old already, so it is not kept. */
  isStale: boolean;
}

/**
 * The states of short streams (accounts, devices, folders), kept in memory for the hot path. The streams themselves
 * are the truth: a commit to one drops its state, so that the next reader folds it anew. Nothing here is a read model
 * that might lag.
 */
export class StateCache<State, E extends DomainEvent> {
  readonly #store: EventStore;
  readonly #decider: { readonly initial: State; evolve(state: State, event: E): State };
  readonly #entries: LRUCache<string, Entry<State>>;
  readonly #loading = new Map<string, Loading<State>>();
  readonly #subscription: Subscription;

  /** @param prefix of the streams that are kept here: `account-`. @param max how many states, at most. */
  constructor(
    store: EventStore,
    decider: { readonly initial: State; evolve(state: State, event: E): State },
    options: { readonly prefix: string; readonly max: number },
  ) {
    this.#store = store;
    this.#decider = decider;
    this.#entries = new LRUCache({ max: options.max });
    this.#subscription = store.commits.subscribe(({ tenant, events }) => {
      if (events === undefined) return this.#forgetAll();
      for (const { stream } of events) if (stream.startsWith(options.prefix)) this.forget(tenant, stream);
    });
  }

  /** The state if it is at hand, without waiting: the hot path. */
  peek(tenant: TenantId, stream: StreamName): State | undefined {
    return this.#entries.get(keyOf(tenant, stream))?.state;
  }

  /** The state now; reads that come together share one look at the stream. */
  async get(tenant: TenantId, stream: StreamName): Promise<State> {
    const key = keyOf(tenant, stream);
    const entry = this.#entries.get(key);
    if (entry) return entry.state;
    const running = this.#loading.get(key);
    if (running && !running.isStale) return running.promise;
    const loading: Loading<State> = { promise: this.#load(key, tenant, stream, () => loading), isStale: false };
    this.#loading.set(key, loading);
    return loading.promise;
  }

  /** Also for whoever just appended: its own next read never sees less, however late the notice comes. */
  forget(tenant: TenantId, stream: StreamName): void {
    const key = keyOf(tenant, stream);
    this.#entries.delete(key);
    const loading = this.#loading.get(key);
    if (loading) loading.isStale = true;
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #forgetAll(): void {
    this.#entries.clear();
    for (const loading of this.#loading.values()) loading.isStale = true;
  }

  async #load(key: string, tenant: TenantId, stream: StreamName, self: () => Loading<State>): Promise<State> {
    try {
      const page = await this.#store.load(tenant, stream);
      const state = foldPage(this.#decider, page.events);
      if (!self().isStale) this.#entries.set(key, { state });
      return state;
    } finally {
      if (this.#loading.get(key) === self()) this.#loading.delete(key);
    }
  }
}

const keyOf = (tenant: TenantId, stream: StreamName) => `${tenant}/${stream}`;
