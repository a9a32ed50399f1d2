/** How far a long work on events is, and how long it will take at the pace it had so far. */

export interface Progress {
  readonly what: 'copied' | 'compared';
  /** Done, of `total`. */
  readonly events: number;
  readonly total: number;
  readonly tenants: number;
  readonly allTenants: number;
  readonly perSecond: number;
  readonly secondsLeft: number;
}

export class Meter {
  readonly #what: Progress['what'];
  readonly #total: number;
  readonly #allTenants: number;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  readonly #sinceMs = performance.now();
  #events = 0;
  #tenants = 0;

  constructor(
    what: Progress['what'],
    total: number,
    allTenants: number,
    onProgress: ((progress: Progress) => void) | undefined,
  ) {
    this.#what = what;
    this.#total = total;
    this.#allTenants = allTenants;
    this.#onProgress = onProgress;
  }

  add(events: number): void {
    this.#events += events;
    const perSecond = Math.round((this.#events * 1_000) / Math.max(1, performance.now() - this.#sinceMs));
    const secondsLeft = Math.ceil((this.#total - this.#events) / Math.max(1, perSecond));
    const what = this.#what;
    this.#onProgress?.({
      ...{ what, events: this.#events, total: this.#total, tenants: this.#tenants, allTenants: this.#allTenants },
      ...{ perSecond, secondsLeft },
    });
  }

  tenantDone(): void {
    this.#tenants++;
  }
}

/** One line: `copied 12000 of 40000 events (30 %) of 3 of 9 tenants, 5200 a second, 6 s left`. */
export function progressText({ what, events, total, tenants, allTenants, perSecond, secondsLeft }: Progress): string {
  const percent = Math.floor((events * 100) / Math.max(1, total));
  const left = secondsLeft < 120 ? `${secondsLeft} s` : `${Math.ceil(secondsLeft / 60)} min`;
  return `${what} ${events} of ${total} events (${percent} %), ${tenants} of ${allTenants} tenants whole, ${perSecond} a second, ${left} left`;
}
