/**
 * Appends of one tenant go to the database one after another: it would make them wait there anyhow, each holding a
 * connection. What arrives while one is under way is gathered and handed on together (group commit).
 */
export interface TenantQueue<Call, Result> {
  run(tenant: string, call: Call): Promise<Result>;
  idle(): Promise<void>;
}

/** The tenant has more appends waiting than are ever of use; nothing was stored. */
export class TooManyAppends extends Error {
  override readonly name = 'TooManyAppends';
}

interface Waiting<Call, Result> {
  readonly call: Call;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const maxWaiting = 2_000;

/**
 * @param take how many of the waiting calls, from the first, may go together: at least 1
 * @param work stores the calls and answers each; a rejection is the answer to all of them
 */
export function tenantQueue<Call, Result>(
  take: (calls: readonly Call[]) => number,
  work: (tenant: string, calls: readonly Call[]) => Promise<readonly PromiseSettledResult<Result>[]>,
): TenantQueue<Call, Result> {
  const queues = new Map<string, Waiting<Call, Result>[]>();
  const draining = new Set<Promise<void>>();

  async function drain(tenant: string, queue: Waiting<Call, Result>[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, queue.length === 1 ? 1 : take(queue.map((waiting) => waiting.call)));
      try {
        const results = await work(
          tenant,
          batch.map((waiting) => waiting.call),
        );
        for (const [index, result] of results.entries()) {
          if (result.status === 'fulfilled') batch[index]!.resolve(result.value);
          else batch[index]!.reject(result.reason);
        }
      } catch (error) {
        for (const waiting of batch) waiting.reject(error);
      }
    }
    queues.delete(tenant);
  }

  return {
    run: (tenant, call) =>
      new Promise((resolve, reject) => {
        const queue = queues.get(tenant);
        if (queue === undefined) {
          const started = [{ call, resolve, reject }];
          queues.set(tenant, started);
          const drained = drain(tenant, started).finally(() => draining.delete(drained));
          draining.add(drained);
        } else if (queue.length >= maxWaiting) reject(new TooManyAppends(`${maxWaiting} appends are waiting`));
        else queue.push({ call, resolve, reject });
      }),
    idle: async () => {
      while (draining.size > 0) await Promise.all(draining);
    },
  };
}
