import { handlesOf } from '../../domain/matching/match.ts';
import type { Traits } from '../../domain/matching/traits.ts';
import type { ItemId } from '../../domain/shared/ids.ts';

/** Items by what they can be found by, so that few are compared with what a phone brings. */
export class IndexOfTraits {
  readonly #items = new Map<ItemId, Traits>();
  readonly #byHandle = new Map<string, Set<ItemId>>();

  get size(): number {
    return this.#items.size;
  }

  has(item: ItemId): boolean {
    return this.#items.has(item);
  }

  set(item: ItemId, traits: Traits): void {
    this.delete(item);
    this.#items.set(item, traits);
    for (const handle of handlesOf(traits)) {
      const known = this.#byHandle.get(handle);
      if (known) known.add(item);
      else this.#byHandle.set(handle, new Set([item]));
    }
  }

  delete(item: ItemId): void {
    const traits = this.#items.get(item);
    if (!traits) return;
    this.#items.delete(item);
    for (const handle of handlesOf(traits)) {
      const known = this.#byHandle.get(handle);
      known?.delete(item);
      if (known?.size === 0) this.#byHandle.delete(handle);
    }
  }

  /** All that share something with one of these: every candidate, and every third that has the same sign. */
  like(all: readonly Traits[]): Map<ItemId, Traits> {
    const found = new Map<ItemId, Traits>();
    for (const traits of all) {
      for (const handle of handlesOf(traits)) {
        for (const item of this.#byHandle.get(handle) ?? []) found.set(item, this.#items.get(item) as Traits);
      }
    }
    return found;
  }
}
