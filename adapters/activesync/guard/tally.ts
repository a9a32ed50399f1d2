/** Counts what came within a time, with two numbers: this span and the one before, which fades out. */
export class Tally {
  readonly #withinMs: number;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #before = 0;

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  /** Answers with how much came within the time up to now. */
  add(nowMs: number, weight: number): number {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= this.#withinMs) {
      this.#before = elapsedMs < 2 * this.#withinMs ? this.#count : 0;
      this.#count = 0;
      // Spans follow each other without a gap while requests come.
      this.#sinceMs = this.#before === 0 ? nowMs : this.#sinceMs + this.#withinMs;
    }
    this.#count += weight;
    return this.#count + this.#before * (1 - (nowMs - this.#sinceMs) / this.#withinMs);
  }

  /** Begins anew, as if so much had come just now. */
  begin(nowMs: number, count: number): void {
    this.#sinceMs = nowMs;
    this.#count = count;
    this.#before = 0;
  }
}
