import type { CollectionId } from '../../../../domain/shared/ids.ts';
import type { CommandAnswer } from '../../request.ts';
import type { Session } from '../../session.ts';
import type { Waiting } from './timer-wheel.ts';

/** A Ping that waits: nothing of its request is held but this. */
export class ParkedPing implements Waiting {
  slot = -1;
  before: Waiting | null = null;
  after: Waiting | null = null;
  readonly session: Session;
  readonly collections: readonly CollectionId[];
  readonly sinceMs: number;
  /** Being looked at now; `movedAgain` asks for another look after it. */
  isLooking = false;
  movedAgain = false;
  isOver = false;
  unpark: (() => void) | null = null;
  readonly #onEnd: (ping: ParkedPing) => void;
  readonly #onExpired: (ping: ParkedPing) => void;
  readonly #resolve: (answer: CommandAnswer | Promise<CommandAnswer>) => void;

  constructor(
    session: Session,
    collections: readonly CollectionId[],
    sinceMs: number,
    on: { end: (ping: ParkedPing) => void; expired: (ping: ParkedPing) => void },
    resolve: (answer: CommandAnswer | Promise<CommandAnswer>) => void,
  ) {
    this.session = session;
    this.collections = collections;
    this.sinceMs = sinceMs;
    this.#onEnd = on.end;
    this.#onExpired = on.expired;
    this.#resolve = resolve;
  }

  onTime(): void {
    this.#onExpired(this);
  }

  /** Answers, once. */
  finish(answer: CommandAnswer): void {
    if (this.#end()) this.#resolve(answer);
  }

  fail(error: unknown): void {
    if (this.#end()) this.#resolve(Promise.reject(error));
  }

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.unpark?.();
    this.unpark = null;
    this.#onEnd(this);
    return true;
  }
}
