/** A colleague in the office, who adds, changes and removes what phones have too. */
import { commandIdFrom, itemIdFrom } from '../../adapters/ids.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { CollectionId, Instant } from '../../domain/shared/ids.ts';
import type { Random } from './random.ts';
import { scribbledNew, scribbledOver } from './scribbles.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export class Colleague {
  readonly #simulated: SimulatedWorld;
  readonly #email: string;
  readonly #kinds: ReadonlyMap<string, ItemKind>;
  readonly #random: Random;
  #count = 0;

  constructor(simulated: SimulatedWorld, email: string, kinds: ReadonlyMap<string, ItemKind>, random: Random) {
    this.#simulated = simulated;
    this.#email = email;
    this.#kinds = kinds;
    this.#random = random;
  }

  async work(): Promise<void> {
    const random = this.#random;
    const { world, nowMs } = this.#simulated;
    const { tenant, account } = world.account(this.#email);
    const collection = random.pick([...this.#kinds.keys()]) as CollectionId;
    const kind = this.#kinds.get(collection) as ItemKind;
    const name = `${account}x${++this.#count}`;
    const common = {
      kind,
      commandId: commandIdFrom(['sim', name]),
      actor: { kind: 'office' as const, account },
      at: new Date(nowMs).toISOString() as Instant,
      owner: account,
    };
    const rows = await world.engine.itemView.outline(tenant, collection);
    if (rows.length === 0 || random.chance(0.3)) {
      const { fields } = scribbledNew(kind, random, nowMs);
      const item = itemIdFrom(commandIdFrom(['sim item', name]));
      const command = { do: 'add', kind, owner: account, collection, fields } as const;
      await world.execute(this.#email, { ...common, item, command });
      return;
    }
    const { item } = random.pick(rows);
    if (random.chance(0.15)) {
      const command = { do: 'remove', base: null, rule: 'clientWins' } as const;
      await world.execute(this.#email, { ...common, item, command });
      return;
    }
    const rowsNow = await world.engine.itemView.byItems(tenant, collection, [item]);
    const fields = (await world.engine.deps.open(tenant, rowsNow)).get(item);
    if (!fields) return;
    const patch = { set: scribbledOver(kind, fields, random).fields, cleared: [] };
    await world.execute(this.#email, {
      ...common,
      item,
      command: { do: 'change', base: null, rule: 'clientWins', patch },
    });
  }
}
