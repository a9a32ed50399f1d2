/** 7,200 calls an hour by default, then none until the hour is over (facts 3c). */
export class Quota {
  readonly #nowMs: () => number;
  readonly #perHour: number | null;
  #hour = -1;
  #used = 0;
  #forcedUntilMs = 0;

  /** `perHour` null: no limit, and no headers that speak of one. */
  constructor(nowMs: () => number, perHour: number | null) {
    this.#nowMs = nowMs;
    this.#perHour = perHour;
  }

  /** Counts one call; gives the fault's text when it is blocked. `exhaust` blocks for the next minute in any case. */
  take(exhaust: boolean): string | undefined {
    const nowMs = this.#nowMs();
    this.#roll(nowMs);
    this.#used += 1;
    if (exhaust) this.#forcedUntilMs = nowMs + 60_000;
    if (this.#forcedUntilMs > nowMs) return this.#blocked(1, this.#forcedUntilMs);
    if (this.#perHour === null || this.#used <= this.#perHour) return undefined;
    return this.#blocked(this.#used - this.#perHour, this.#endMs());
  }

  /** Ends a quarantine that `exhaust` began. */
  release(): void {
    this.#forcedUntilMs = 0;
  }

  headers(): Readonly<Record<string, string>> {
    if (this.#perHour === null && this.#forcedUntilMs <= this.#nowMs()) return {};
    const forced = this.#forcedUntilMs > this.#nowMs();
    const remaining = forced ? 0 : Math.max((this.#perHour ?? 0) - this.#used, 0);
    const endMs = forced ? this.#forcedUntilMs : this.#endMs();
    return { APILimitRemaining: String(remaining), APILimitReset: new Date(endMs).toISOString() };
  }

  #roll(nowMs: number): void {
    const hour = Math.floor(nowMs / 3_600_000);
    if (hour === this.#hour) return;
    this.#hour = hour;
    this.#used = 0;
  }

  #endMs(): number {
    return (Math.floor(this.#nowMs() / 3_600_000) + 1) * 3_600_000;
  }

  #blocked(by: number, untilMs: number): string {
    return `Limit exceeded by ${by}. Request is blocked. Quarantine ends at ${new Date(untilMs).toISOString()}`;
  }
}
