/**
 * Group commit: calls of one lane go to the store one after another, and what arrives while one is under way is
 * gathered and handed on together. A call's key chooses its lane, so calls with the same key stay in order.
 */
export interface Lanes<Call, Result> {
  run(key: string, call: Call): Promise<Result>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** More calls wait than are ever of use; nothing was stored. */
export class TooManyAppends extends Error {
  override readonly name = 'TooManyAppends';
}

interface Waiting<Call, Result> {
  readonly call: Call;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface LanesOptions<Call, Result> {
  readonly lanes: number;
  readonly maxWaiting: number;
  /** How many of the waiting calls, from the first, may go together: at least 1. */
  readonly take: (calls: readonly Call[]) => number;
  /** Stores the calls and answers each; a rejection is the answer to all of them. */
  readonly work: (calls: readonly Call[]) => Promise<readonly PromiseSettledResult<Result>[]>;
}

export function lanes<Call, Result>(options: LanesOptions<Call, Result>): Lanes<Call, Result> {
  const { take, work, maxWaiting } = options;
  type Lane = { readonly waiting: Waiting<Call, Result>[]; drained: Promise<void> | undefined };
  const all: Lane[] = Array.from({ length: options.lanes }, () => ({ waiting: [], drained: undefined }));

  async function drain(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, take(lane.waiting.map((one) => one.call)));
      try {
        const results = await work(batch.map((one) => one.call));
        for (const [index, one] of batch.entries()) {
          const result = results[index]!;
          if (result.status === 'fulfilled') one.resolve(result.value);
          else one.reject(result.reason);
        }
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
    lane.drained = undefined;
  }

  return {
    run: (key, call) =>
      new Promise((resolve, reject) => {
        const lane = all[hashOf(key) % all.length]!;
        if (lane.waiting.length >= maxWaiting) {
          reject(new TooManyAppends(`${maxWaiting} appends are waiting`));
          return;
        }
        lane.waiting.push({ call, resolve, reject });
        lane.drained ??= drain(lane);
      }),
    idle: async () => {
      for (let busy = all; busy.length > 0; busy = all.filter((lane) => lane.drained))
        await Promise.all(busy.map((lane) => lane.drained));
    },
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
