/** The tenants of one node as it remembers them, and which of them are held by work. */
import type { TenantId } from '../../../../domain/shared/ids.ts';

export class OwnTenants {
  readonly #mine = new Set<TenantId>();
  /** Fall to another node: handed over as soon as nothing holds them. */
  readonly #leaving = new Set<TenantId>();
  /** Were another node's when they were asked for. */
  readonly #others = new Set<TenantId>();
  readonly #holds = new Map<TenantId, number>();

  get size(): number {
    return this.#mine.size;
  }

  get hasLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  all(): TenantId[] {
    return [...this.#mine];
  }

  has(tenant: TenantId): boolean {
    return this.#mine.has(tenant);
  }

  isLeaving(tenant: TenantId): boolean {
    return this.#leaving.has(tenant);
  }

  isKnown(tenant: TenantId): boolean {
    return this.#mine.has(tenant) || this.#others.has(tenant);
  }

  gained(tenants: readonly TenantId[]): void {
    for (const tenant of tenants) {
      this.#others.delete(tenant);
      this.#mine.add(tenant);
    }
  }

  /** Asked for, and not given. */
  notGained(tenants: readonly TenantId[]): void {
    for (const tenant of tenants) if (!this.#mine.has(tenant)) this.#others.add(tenant);
  }

  lost(tenants: readonly TenantId[]): void {
    for (const tenant of tenants) {
      this.#leaving.delete(tenant);
      this.#mine.delete(tenant);
      this.#others.add(tenant);
    }
  }

  leave(tenant: TenantId): void {
    this.#leaving.add(tenant);
  }

  /** Everything falls to whom it falls anew. */
  forgetOthers(): void {
    this.#leaving.clear();
    this.#others.clear();
  }

  clear(): void {
    this.#mine.clear();
    this.forgetOthers();
  }

  /** Those that may be handed over now. */
  idle(): TenantId[] {
    return [...this.#leaving].filter((tenant) => !this.#holds.has(tenant));
  }

  /** Answers with a function that lets go. */
  hold(tenant: TenantId): () => void {
    this.#holds.set(tenant, (this.#holds.get(tenant) ?? 0) + 1);
    return () => {
      const left = (this.#holds.get(tenant) ?? 1) - 1;
      if (left > 0) this.#holds.set(tenant, left);
      else this.#holds.delete(tenant);
    };
  }
}
