import { z } from 'zod';

export const faultKinds = [
  'http500',
  'timeout',
  'timeoutAfterCommit',
  'sessionExpired',
  'quota',
  'slow',
  'emptyList',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/**
 * `count`: how many calls it meets, then it is over; without one it stays until cleared. `rate`: how likely it meets
 * a call, 0 to 1. With neither it meets the next call.
 */
export const faultRequest = z.object({
  kind: z.enum(faultKinds),
  count: z.number().int().min(1).max(1_000_000).optional(),
  rate: z.number().min(0).max(1).optional(),
});
export type FaultRequest = z.infer<typeof faultRequest>;

interface Active {
  readonly kind: FaultKind;
  readonly rate: number;
  left: number;
}

/** What is asked about a call before it is answered. */
export interface Concerned {
  readonly authenticates: boolean;
  readonly writes: boolean;
  readonly lists: boolean;
}

/** Each kind meets only calls it can do something to, so that a count is not spent on others. */
const meets: Readonly<Record<FaultKind, (call: Concerned) => boolean>> = {
  http500: () => true,
  timeout: () => true,
  slow: () => true,
  quota: () => true,
  timeoutAfterCommit: ({ writes }) => writes,
  sessionExpired: ({ authenticates }) => !authenticates,
  emptyList: ({ lists }) => lists,
};

/** The faults the office is asked to show. */
export class Mischief {
  readonly #random: () => number;
  #active: Active[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  add({ kind, count, rate }: FaultRequest): void {
    const left = count ?? (rate === undefined ? 1 : Number.POSITIVE_INFINITY);
    this.#active.push({ kind, rate: rate ?? 1, left });
  }

  clear(): void {
    this.#active = [];
  }

  list(): readonly FaultRequest[] {
    return this.#active.map(({ kind, rate, left }) => ({
      kind,
      rate,
      ...(Number.isFinite(left) ? { count: left } : {}),
    }));
  }

  /** Which fault this call meets; at most one. */
  meet(call: Concerned): FaultKind | undefined {
    for (const fault of this.#active) {
      if (!meets[fault.kind](call)) continue;
      if (fault.rate < 1 && this.#random() >= fault.rate) continue;
      fault.left -= 1;
      if (fault.left <= 0) this.#active = this.#active.filter((each) => each !== fault);
      return fault.kind;
    }
    return undefined;
  }
}
