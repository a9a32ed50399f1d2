/** What people with the administration's token do in the middle of it all. */

import { HeldBatches } from '../../api/services/held-batches.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import { HeldBatchReader } from '../../projections/held-batches/read.ts';
import type { Random } from './random.ts';
import type { SimulatedWorld } from './simulated-world.ts';

const admin = { kind: 'admin', name: 'Solveig' } as const;

export class SupportDesk {
  readonly #simulated: SimulatedWorld;
  readonly #person: { readonly tenant: TenantId; readonly account: AccountId };
  readonly #random: Random;

  constructor(simulated: SimulatedWorld, email: string, random: Random) {
    this.#simulated = simulated;
    this.#person = simulated.world.account(email);
    this.#random = random;
  }

  /** Some of the batches that are held back, or all, are carried out or given back; how many. @throws Error when one cannot be */
  async decideHeld(which: 'some' | 'all'): Promise<number> {
    let count = 0;
    const { world } = this.#simulated;
    const batches = new HeldBatches({
      deps: world.engine.deps,
      store: world.store,
      reader: new HeldBatchReader(world.db),
    });
    for (const { batch } of await batches.list({ person: this.#person, isOpenOnly: true, limit: 100 })) {
      if (which === 'some' && this.#random.chance(0.5)) continue;
      const decided = this.#random.chance(0.5)
        ? await batches.release(batch, admin)
        : await batches.discard(batch, admin);
      if (decided.kind !== 'done') throw new Error(`a held batch cannot be decided: ${decided.kind}`);
      count++;
    }
    return count;
  }
}
