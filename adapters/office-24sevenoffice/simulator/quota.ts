/** How long a quarantine lasts that was asked for: short, so that who asked sees it end. */
const exhaustedMs = 5000;

/** 7,200 calls an hour by default, then none until the hour is over (facts 3c). */
export class Quota {
  readonly #nowMs: () => number;
  readonly #perHour: number | null;
  #hour = -1;
  #used = 0;
  #exhaustedUntilMs: number | undefined;

  /** `perHour` null: no limit, and no headers that speak of one. */
  constructor(nowMs: () => number, perHour: number | null) {
    this.#nowMs = nowMs;
    this.#perHour = perHour;
  }

  /** Counts one call; gives the fault's text when it is blocked. `exhaust` blocks it, for a while, in any case. */
  take(exhaust: boolean): string | undefined {
    const nowMs = this.#nowMs();
    this.#roll(nowMs);
    this.#used += 1;
    this.#exhaustedUntilMs = exhaust ? nowMs + exhaustedMs : undefined;
    if (this.#exhaustedUntilMs !== undefined) return this.#blocked(1, this.#exhaustedUntilMs);
    if (this.#perHour === null || this.#used <= this.#perHour) return undefined;
    return this.#blocked(this.#used - this.#perHour, this.#endMs());
  }

  /** What the answer to the call counted last says. */
  headers(): Readonly<Record<string, string>> {
    const exhausted = this.#exhaustedUntilMs !== undefined;
    if (this.#perHour === null && !exhausted) return {};
    const remaining = exhausted ? 0 : Math.max((this.#perHour ?? 0) - this.#used, 0);
    const endMs = this.#exhaustedUntilMs ?? this.#endMs();
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
