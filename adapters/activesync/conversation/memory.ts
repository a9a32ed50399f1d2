/** Conversations at hand between exchanges. What others continued is dropped, also while it is being read. */
import { LRUCache } from 'lru-cache';
import type { Conversation } from './store.ts';

interface Loading {
  /** Who reads it. */
  count: number;
  /** The highest revision heard of meanwhile. */
  heard: number;
}

export class ConversationMemory {
  readonly #cache: LRUCache<string, Conversation>;
  readonly #loading = new Map<string, Loading>();
  /** Rises when everything is forgotten. */
  #generation = 0;

  constructor(max: number) {
    this.#cache = new LRUCache({ max });
  }

  get(name: string): Conversation | undefined {
    return this.#cache.get(name);
  }

  set(name: string, conversation: Conversation): void {
    this.#cache.set(name, conversation);
  }

  delete(name: string): void {
    this.#cache.delete(name);
  }

  clear(): void {
    this.#generation++;
    this.#cache.clear();
  }

  /** Somebody continued it up to this revision. */
  heard(name: string, revision: number): void {
    const cached = this.#cache.peek(name);
    if (cached && cached.head.revision < revision) this.#cache.delete(name);
    const loading = this.#loading.get(name);
    if (loading && loading.heard < revision) loading.heard = revision;
  }

  /** What is at hand, or else what is read: again when it was continued meanwhile. */
  async load(name: string, read: () => Promise<Conversation>): Promise<Conversation> {
    for (;;) {
      const cached = this.#cache.get(name);
      if (cached) return cached;
      const generation = this.#generation;
      const loading = this.#loading.get(name) ?? { count: 0, heard: -1 };
      this.#loading.set(name, loading);
      loading.count++;
      const found = await read().finally(() => {
        if (--loading.count === 0) this.#loading.delete(name);
      });
      if (loading.heard > found.head.revision || generation !== this.#generation) continue;
      const present = this.#cache.peek(name);
      if (present && present.head.revision >= found.head.revision) return present;
      this.#cache.set(name, found);
      return found;
    }
  }
}
