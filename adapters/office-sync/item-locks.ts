/**
 * Crawl and write-back take turns on one item. Within one process, which is that of the tenant's owner; while that
 * changes, the expected revision of the item's link stream tells who was second.
 */
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';

export class ItemLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` when everybody before it is done with the key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    let release = (): void => {};
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = before ? before.then(() => mine) : mine;
    this.#tails.set(key, tail);
    try {
      await before;
      return await work();
    } finally {
      release();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Takes those of the keys that are free now; the function gives them back. */
  take(keys: readonly string[]): { readonly taken: ReadonlySet<string>; release(): void } {
    const taken = new Set(keys.filter((key) => !this.#tails.has(key)));
    let done = (): void => {};
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    for (const key of taken) this.#tails.set(key, mine);
    const release = (): void => {
      done();
      for (const key of taken) if (this.#tails.get(key) === mine) this.#tails.delete(key);
    };
    return { taken, release };
  }
}

/** Names an item among the locks. */
export const lockKey = (tenant: TenantId, item: ItemId) => `${tenant}/${item}`;
