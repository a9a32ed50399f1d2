/** What people with the administration's token do in the middle of it all. */

import { Conflicts } from '../../api/services/conflicts.ts';
import { HeldBatches } from '../../api/services/held-batches.ts';
import { PutRight } from '../../api/services/put-right.ts';
import { Restoring } from '../../api/services/restoring.ts';
import type { AccountId, DeviceKey, Instant, Position, TenantId } from '../../domain/shared/ids.ts';
import { ConflictsReader } from '../../projections/conflicts/read.ts';
import { HeldBatchReader } from '../../projections/held-batches/read.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { eraserOf, itemsOf } from './eraser.ts';
import type { Random } from './random.ts';
import type { SimulatedWorld } from './simulated-world.ts';

const admin = { kind: 'admin', name: 'Solveig' } as const;
const wish = { actor: admin, cause: { command: 'support' } };
const hourMs = 3_600_000;

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

  /** An item of theirs comes back, or becomes what it was at some revision; whether there was one. */
  async restore(): Promise<boolean> {
    const { log, restoring } = this.#tools();
    const { tenant, account: owner } = this.#person;
    await this.#settled();
    const rows = await log.find(tenant, { owner, verbs: ['Removed', 'Changed'] }, { limit: 50, order: 'desc' });
    if (rows.length === 0) return false;
    const { item, revision } = this.#random.pick(rows);
    const outcome = this.#random.chance(0.5)
      ? await restoring.restore(item, wish)
      : await restoring.revert(item, this.#random.below(revision + 1), wish);
    // What a device added as another item became one of its own later: before that it was none.
    if (outcome?.kind === 'refused' && outcome.reason === 'noRevision') return false;
    if (outcome?.kind !== 'done') throw new Error(`an item cannot be put right: ${outcome?.kind}`);
    return true;
  }

  /** One of their items is erased for good, whether it lives or not; false when there is none. */
  async erase(): Promise<boolean> {
    const { log, pool, erased } = this.#simulated;
    const { tenant } = this.#person;
    const items = await itemsOf(log, tenant);
    if (items.length === 0) return false;
    const item = this.#random.pick(items);
    const outcome = await eraserOf(this.#simulated, pool).item(tenant, item, { actor: admin }, true);
    if (outcome.kind === 'done') erased.add(item);
    return outcome.kind === 'done';
  }

  /** What the device did of late is taken back; how many items. @throws Error when that left something to take back */
  async undo(device: DeviceKey): Promise<number> {
    const { restoring } = this.#tools();
    const { nowMs } = this.#simulated;
    const instant = (ms: number) => new Date(ms).toISOString() as Instant;
    const [since, until] = [instant(nowMs - this.#random.below(24) * hourMs), instant(nowMs + 1)];
    const span = { tenant: this.#person.tenant, device, since, until, limit: 1_000, after: 0 as Position };
    await this.#settled();
    const told = await restoring.undo({ ...span, apply: false }, wish);
    const { steps } = await restoring.undo({ ...span, apply: true }, wish);
    if (JSON.stringify(told.steps) !== JSON.stringify(steps)) throw new Error('an undo did other than it had told');
    await this.#settled();
    const again = await restoring.undo({ ...span, apply: true }, wish);
    if (again.steps.some(({ does }) => does.length > 0)) throw new Error('an undo had to be done twice');
    return steps.filter(({ does }) => does.length > 0).length;
  }

  /** The open conflicts are decided: each by itself, or all by a policy; how many. */
  async decideConflicts(): Promise<number> {
    const { conflicts } = this.#tools();
    const { tenant, account: owner } = this.#person;
    const { conflicts: open } = await conflicts.page({ tenant, owner, isOpen: true }, null, 100);
    if (this.#random.chance(0.3)) {
      const policy = this.#random.pick(['clientWins', 'serverWins'] as const);
      const page = { apply: true, after: null, limit: 100 };
      return (await conflicts.replay(policy, { tenant, owner }, page, wish)).steps.length;
    }
    for (const { row } of open) {
      const choice = this.#random.pick(['mine', 'theirs', 'merge'] as const);
      const outcome = await conflicts.decide(row.item, row.revision, choice, wish);
      if (outcome?.kind !== 'done') throw new Error(`a conflict cannot be decided: ${outcome?.kind}`);
    }
    return open.length;
  }

  #tools() {
    const { world } = this.#simulated;
    const now = () => new Date(this.#simulated.nowMs).toISOString() as Instant;
    const log = new ItemLogReader(world.db);
    const folders = world.engine.deps.folders.of;
    const putRight = new PutRight({ store: world.store, items: world.engine.items, folders, now });
    const settled = () => this.#settled();
    const restoring = new Restoring({ putRight, log, settled, now });
    return {
      log,
      restoring,
      conflicts: new Conflicts({ reader: new ConflictsReader(world.db), log, putRight, settled }),
    };
  }

  async #settled(): Promise<void> {
    const { world } = this.#simulated;
    const head = await world.log.head(this.#person.tenant);
    if (!(await world.runner.waitFor(this.#person.tenant, head, 5_000))) throw new Error('the read models lag');
  }
}
