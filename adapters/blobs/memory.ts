import type { TenantId } from '../../domain/shared/ids.ts';
import { nameOf, verified } from './hash.ts';
import type { BlobHash, BlobStore } from './port.ts';

export interface MemoryBlob {
  readonly bytes: Uint8Array;
  readonly storedAt: number;
}

/** For tests and trials: gone with the process. `now` in milliseconds since 1970; `tenants` is where the blobs lie. */
export class MemoryBlobStore implements BlobStore {
  readonly #tenants: Map<TenantId, Map<BlobHash, MemoryBlob>>;
  readonly #now: () => number;

  constructor(now: () => number = Date.now, tenants = new Map<TenantId, Map<BlobHash, MemoryBlob>>()) {
    this.#now = now;
    this.#tenants = tenants;
  }

  async put(tenant: TenantId, sealed: Uint8Array): Promise<BlobHash> {
    const name = nameOf(sealed);
    this.#of(tenant).set(name, { bytes: Uint8Array.from(sealed), storedAt: this.#now() });
    return name;
  }

  async get(tenant: TenantId, hash: BlobHash): Promise<Uint8Array | undefined> {
    const stored = this.#of(tenant).get(hash);
    return stored && verified(hash, Uint8Array.from(stored.bytes));
  }

  async has(tenant: TenantId, hash: BlobHash): Promise<boolean> {
    return this.#of(tenant).has(hash);
  }

  async list(
    tenant: TenantId,
    { storedBefore, after = '', limit }: { storedBefore: string; after?: BlobHash; limit: number },
  ): Promise<BlobHash[]> {
    const before = Date.parse(storedBefore);
    const old = [...this.#of(tenant)].filter(([hash, { storedAt }]) => hash > after && storedAt < before);
    return old
      .map(([hash]) => hash)
      .sort()
      .slice(0, limit);
  }

  async remove(tenant: TenantId, hashes: readonly BlobHash[], storedBefore: string): Promise<number> {
    const blobs = this.#of(tenant);
    const before = Date.parse(storedBefore);
    const old = new Set(hashes.filter((hash) => (blobs.get(hash)?.storedAt ?? Number.POSITIVE_INFINITY) < before));
    for (const hash of old) blobs.delete(hash);
    return old.size;
  }

  #of(tenant: TenantId): Map<BlobHash, MemoryBlob> {
    let blobs = this.#tenants.get(tenant);
    if (!blobs) this.#tenants.set(tenant, (blobs = new Map()));
    return blobs;
  }
}
