/**
 * A proxy at its worst: the requests of one phone go to another node each time, and one that got no answer goes to the
 * next. What a phone would see as the end of its request, here ends the try at one node.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type HttpAnswer, type HttpRequest, NoAnswer, Transport } from './eas-client/transport.ts';

export interface Site {
  /** Changes when a node is started again. */
  readonly transports: readonly Transport[];
}

export class RoundRobin extends Transport {
  readonly #site: Site;
  readonly #tryForMs: number;
  #turn: number;
  /** Tries that ended without an answer. */
  unanswered = 0;

  constructor(site: Site, { first = 0, tryForMs = 20_000 }: { first?: number; tryForMs?: number } = {}) {
    // Its own pool is never used.
    super({ url: (site.transports[0] as Transport).url });
    this.#site = site;
    this.#turn = first;
    this.#tryForMs = tryForMs;
  }

  override async send(request: HttpRequest): Promise<HttpAnswer> {
    for (const deadline = performance.now() + this.#tryForMs; ; ) {
      const { transports } = this.#site;
      const transport = transports[this.#turn++ % transports.length] as Transport;
      try {
        const answer = await transport.send(request);
        if (answer.status === 503 && !answer.headers['retry-after'])
          throw new Error('a 503 does not say when to come again');
        return answer;
      } catch (error) {
        const isOver = error instanceof NoAnswer && (error.reason === 'cut' || error.reason === 'unreachable');
        if (!isOver || performance.now() > deadline) throw error;
        this.unanswered++;
        if (error.reason === 'unreachable') await pause(10);
      }
    }
  }
}
