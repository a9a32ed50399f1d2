/**
 * One timer for all who wait, precise to a second: ten thousand timers of their own would cost more than the waits.
 * Runs only while somebody waits.
 */
export interface Waiting {
  /** Links of the wheel; the waiting one leaves them alone. */
  slot: number;
  before: Waiting | null;
  after: Waiting | null;
  onTime(): void;
}

/** Seconds; more than the longest wait, so that a slot holds only those of one second. */
const slots = 4_096;

export class TimerWheel {
  readonly #first: (Waiting | null)[] = new Array(slots).fill(null);
  #now = 0;
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  get count(): number {
    return this.#count;
  }

  /** @param seconds at most 4,095; it may be up to one second less. */
  add(waiting: Waiting, seconds: number): void {
    const slot = (this.#now + Math.min(Math.max(Math.ceil(seconds), 1), slots - 1)) % slots;
    const first = this.#first[slot] ?? null;
    waiting.slot = slot;
    waiting.before = null;
    waiting.after = first;
    if (first) first.before = waiting;
    this.#first[slot] = waiting;
    this.#count++;
    this.#timer ??= setInterval(() => this.#tick(), 1_000).unref();
  }

  /** Does nothing when it is not waiting any more. */
  remove(waiting: Waiting): void {
    if (waiting.slot < 0) return;
    if (waiting.before) waiting.before.after = waiting.after;
    else this.#first[waiting.slot] = waiting.after;
    if (waiting.after) waiting.after.before = waiting.before;
    waiting.slot = -1;
    waiting.before = waiting.after = null;
    this.#count--;
    if (this.#count === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #tick(): void {
    this.#now = (this.#now + 1) % slots;
    for (let waiting = this.#first[this.#now]; waiting; waiting = this.#first[this.#now]) {
      this.remove(waiting);
      waiting.onTime();
    }
  }
}
