import type { ServerResponse } from 'node:http';

/**
 * What must end when a client hangs up or the server stops. A request that never waits costs nothing here; one that
 * waits again and again is known by its last wait only.
 */
export class Closings {
  readonly #open = new Set<Closing>();
  #isStopping = false;

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
    const known = byResponse.get(response);
    if (known) {
      known.end = end;
      return;
    }
    const closing: Closing = { end };
    byResponse.set(response, closing);
    this.#open.add(closing);
    response.once('close', () => {
      this.#open.delete(closing);
      closing.end();
    });
  }

  /** Ends all that wait now. */
  endAll(): void {
    for (const closing of [...this.#open]) closing.end();
  }

  /** Ends all that wait, and whatever begins to wait from now on. */
  stop(): void {
    this.#isStopping = true;
    this.endAll();
  }
}

interface Closing {
  end: () => void;
}

const byResponse = new WeakMap<ServerResponse, Closing>();
