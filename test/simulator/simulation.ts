/**
 * One seeded run: people with several phones write, sync, lose answers, repeat themselves, sync in parallel, vanish
 * for weeks and come back from old backups, while colleagues change the same items in the office. When all is said,
 * the world must come to rest with every promise kept. A failing run is repeated by its seed.
 */

import type { ProtocolVersion } from '../../adapters/activesync/version.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { type ItemKind, itemKinds } from '../../domain/item/fields.ts';
import type { CollectionId, Instant, ItemId } from '../../domain/shared/ids.ts';
import { Phone } from '../world/phone.ts';
import type { World } from '../world/world.ts';
import { noComplaints, nothingLost, phonesConverged, rebuildEqualsLive } from './invariants.ts';
import { Random } from './random.ts';
import { scribbledNew, scribbledOver } from './scribbles.ts';
import { UserPhone } from './user-phone.ts';

export interface SimulatedClock {
  nowMs: number;
}

export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly events: number;
  readonly wrong: readonly string[];
}

/** Runs one seed in the world, in a tenant of its own. */
export async function simulate(world: World, clock: SimulatedClock, seed: number, steps = 60): Promise<Outcome> {
  const random = new Random(seed);
  const email = `kari@seed${seed}.example`;
  const { tenant, account } = world.account(email);
  const folders = random.chance(0.5) ? itemKinds : [random.pick(itemKinds)];
  const kinds = new Map<string, ItemKind>(folders.map((kind) => [world.collection(email, kind), kind]));
  const collections = [...kinds.keys()];
  const phones = Array.from({ length: 2 + random.below(2) }, (_, index) => {
    const version = random.pick<ProtocolVersion>([121, 140, 141, 160, 161]);
    const usable = new Map([...kinds].filter(([, kind]) => kind !== 'note' || version >= 140));
    const session = world.session(email, `seed${seed}phone${index}`, version);
    return new UserPhone(new Phone(world, session), usable, random, () => clock.nowMs);
  });
  const some = (): [UserPhone, string] | undefined => {
    const phone = random.pick(phones);
    const usable = [...phone.kinds.keys()];
    return usable.length === 0 ? undefined : [phone, random.pick(usable)];
  };

  let officeCommands = 0;
  const office = async (): Promise<void> => {
    const collection = random.pick(collections) as CollectionId;
    const kind = kinds.get(collection) as ItemKind;
    const rows = await world.engine.itemView.outline(tenant, collection);
    const commandId = commandIdFrom(['sim', String(seed), String(++officeCommands)]);
    const common = {
      kind,
      commandId,
      actor: { kind: 'office' as const, account },
      at: new Date(clock.nowMs).toISOString() as Instant,
      owner: account,
    };
    if (rows.length === 0 || random.chance(0.3)) {
      const { fields } = scribbledNew(kind, random, clock.nowMs);
      const item = `office${seed}x${officeCommands}` as ItemId;
      await world.execute(email, { ...common, item, command: { do: 'add', kind, owner: account, collection, fields } });
      return;
    }
    const { item } = random.pick(rows);
    if (random.chance(0.15)) {
      await world.execute(email, { ...common, item, command: { do: 'remove', base: null, rule: 'clientWins' } });
      return;
    }
    const rowsNow = await world.engine.itemView.byItems(tenant, collection, [item]);
    const fields = (await world.engine.deps.open(tenant, rowsNow)).get(item);
    if (!fields) return;
    const patch = { set: scribbledOver(kind, fields, random).fields, cleared: [] };
    await world.execute(email, { ...common, item, command: { do: 'change', base: null, rule: 'clientWins', patch } });
  };

  for (let step = 0; step < steps; step++) {
    clock.nowMs += random.chance(0.03) ? random.below(30) * 86_400_000 : random.below(600_000);
    const chosen = some();
    const what = random.weighted({ write: 6, sync: 6, lose: 2, parallel: 1, office: 3, restore: 0.4, setUp: 0.3 });
    if (what === 'office') await office();
    if (!chosen) continue;
    const [phone, collection] = chosen;
    if (what === 'write') phone.write(collection);
    else if (what === 'sync') await phone.sync(collection, false);
    else if (what === 'lose') await phone.sync(collection, true);
    else if (what === 'restore') phone.restore(collection);
    else if (what === 'setUp') await phone.setUp(collection);
    else if (what === 'parallel' && phone.phone.folder(collection).key !== '0') {
      // The answer of one of two equal requests is lost, whichever is served first; other folders go on meanwhile.
      await Promise.all([phone.sync(collection, true), phone.sync(collection, true)]);
    }
  }

  for (let round = 0; ; round++) {
    if (round > 500) return { seed, steps, events: 0, wrong: ['the phones never come to rest'] };
    let isResting = true;
    for (const phone of phones) {
      for (const collection of phone.kinds.keys()) isResting = (await phone.rest(collection)) && isResting;
    }
    if (isResting) break;
  }
  await world.settle(email);
  const wrong = [
    ...noComplaints(phones),
    ...(await phonesConverged(world, phones)),
    ...(await nothingLost(world, phones)),
    ...(await rebuildEqualsLive(world, tenant)),
    ...world.errors.map(String),
    ...world.forged.map((id) => `${id}: a key it was given was called forged`),
  ];
  return { seed, steps, events: await world.log.head(tenant), wrong };
}
