/**
 * Appends of which nobody knows whether they were stored: the database went away before it answered. Once it answers
 * again, everyone is told where the tenant's log stands then; else what was stored would be seen with the next commit
 * only.
 */
import type { Position, TenantId } from '../../../domain/shared/ids.ts';

export interface DoubtsOptions {
  /** The last position, once every append under way has ended. */
  readonly headOf: (tenant: TenantId) => Promise<Position>;
  readonly announce: (tenant: TenantId, head: Position) => void;
  readonly retryAfterMs?: number;
}

export class Doubts {
  readonly #options: DoubtsOptions;
  readonly #tenants = new Set<TenantId>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  add(tenant: TenantId): void {
    this.#tenants.add(tenant);
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #schedule(): void {
    if (this.#isClosed || this.#looking || this.#timer || this.#tenants.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        this.#schedule();
      });
    }, this.#options.retryAfterMs ?? 250).unref();
  }

  /** In turn: while the database is away the first look says so for all. */
  async #look(): Promise<void> {
    for (const tenant of [...this.#tenants]) {
      this.#tenants.delete(tenant);
      try {
        const head = await this.#options.headOf(tenant);
        if (!this.#isClosed) this.#options.announce(tenant, head);
      } catch {
        // Whoever appended was told; here it only counts that the question is still open.
        this.#tenants.add(tenant);
        return;
      }
    }
  }
}
