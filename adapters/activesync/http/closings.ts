import type { ServerResponse } from 'node:http';

/**
 * What must end when a client hangs up or the server stops. A request that never waits costs nothing here; one that
 * waits again and again is known by its last wait only.
 */
export class Closings {
  readonly #open = new Map<ServerResponse, () => void>();
  /** One listener for all responses: thousands wait at once. */
  readonly #closed: (this: ServerResponse) => void;
  #isStopping = false;

  constructor() {
    const open = this.#open;
    this.#closed = function () {
      const end = open.get(this);
      open.delete(this);
      end?.();
    };
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#open.size;
  }

  /** Calls `end` when the response's connection closes or {@link endAll} is called, whatever comes first. */
  on(response: ServerResponse, end: () => void): void {
    if (this.#isStopping || response.destroyed) {
      end();
      return;
    }
    if (!this.#open.has(response)) response.on('close', this.#closed);
    this.#open.set(response, end);
  }

  /** Ends all that wait now. */
  endAll(): void {
    for (const end of [...this.#open.values()]) end();
  }

  /** Ends all that wait, and whatever begins to wait from now on. */
  stop(): void {
    this.#isStopping = true;
    this.endAll();
  }
}
