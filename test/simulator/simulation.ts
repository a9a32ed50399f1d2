/**
 * One seeded run: people with several phones write, sync, lose answers, repeat themselves, sync in parallel, vanish
 * for weeks, come back from old backups, change their DeviceIds and delete all they hold, while colleagues change the same items in the office,
 * support steps in, and the server is ended, begun anew and upgraded among them. When all is said, the world must come
 * to rest with every promise kept. A failing run is repeated by its seed.
 */
import type pg from 'pg';
import { resync } from '../../adapters/activesync/conversation/resync.ts';
import { conversationOf } from '../../adapters/activesync/session.ts';
import type { ProtocolVersion } from '../../adapters/activesync/version.ts';
import type { MemoryStorage } from '../../adapters/event-log/memory.ts';
import { type ItemKind, itemKinds } from '../../domain/item/fields.ts';
import type { CollectionId } from '../../domain/shared/ids.ts';
import { Phone } from '../world/phone.ts';
import { Colleague } from './colleague.ts';
import { noComplaints, nothingLost, phonesConverged, rebuildEqualsLive } from './invariants.ts';
import { Random } from './random.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { SupportDesk } from './support-desk.ts';
import { UserPhone } from './user-phone.ts';

export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly events: number;
  readonly wrong: readonly string[];
  /** How often each thing happened. */
  readonly happened: ReadonlyMap<string, number>;
}

/** How often each thing happens, beside the others. */
export const weights = {
  write: 6,
  sync: 6,
  lose: 2,
  parallel: 1,
  office: 3,
  restore: 0.4,
  setUp: 0.3,
  sweep: 0.3,
  decideHeld: 0.2,
  policy: 0.2,
  rename: 0.4,
  resync: 0.3,
  backup: 0.3,
  rollBack: 0.2,
  putRight: 0.3,
  undo: 0.2,
  decideConflicts: 0.2,
  erase: 0.15,
  restart: 0.15,
  upgrade: 0.05,
};

/** Rounds in which all phones say all they have; more, and they never come to rest. */
const roundsMax = 500;

/** Runs one seed, in a log and a tenant of its own. The pool's database is migrated. */
export async function simulate(pool: pg.Pool, seed: number, steps = 60): Promise<Outcome> {
  const simulated = await SimulatedWorld.start(pool);
  try {
    return await new Simulation(simulated, seed, steps).run();
  } finally {
    await simulated.stop();
    await simulated.clear();
  }
}

class Simulation {
  readonly #simulated: SimulatedWorld;
  readonly #seed: number;
  readonly #steps: number;
  readonly #random: Random;
  readonly #email: string;
  readonly #phones: readonly UserPhone[];
  readonly #colleague: Colleague;
  readonly #support: SupportDesk;
  readonly #happened = new Map<string, number>();
  #backup: { readonly storage: MemoryStorage; readonly acknowledged: readonly number[] } | undefined;

  constructor(simulated: SimulatedWorld, seed: number, steps: number) {
    this.#simulated = simulated;
    this.#seed = seed;
    this.#steps = steps;
    const random = new Random(seed);
    this.#random = random;
    this.#email = `kari@seed${seed}.example`;
    const { world } = simulated;
    const folders = random.chance(0.5) ? itemKinds : [random.pick(itemKinds)];
    const kinds = new Map<string, ItemKind>(folders.map((kind) => [world.collection(this.#email, kind), kind]));
    this.#phones = Array.from({ length: 2 + random.below(2) }, (_, index) => {
      const version = random.pick<ProtocolVersion>([121, 140, 141, 160, 161]);
      const usable = new Map([...kinds].filter(([, kind]) => kind !== 'note' || version >= 140));
      const session = world.session(this.#email, `seed${seed}phone${index}`, version);
      return new UserPhone(new Phone(world, session), usable, random, () => simulated.nowMs);
    });
    this.#colleague = new Colleague(simulated, this.#email, kinds, random);
    this.#support = new SupportDesk(simulated, this.#email, random);
  }

  async run(): Promise<Outcome> {
    for (let step = 0; step < this.#steps; step++) await this.#step();
    await this.#rest();
    this.#count('decided', await this.#support.decideHeld('all'));
    const isResting = await this.#rest();
    const wrong = isResting ? await this.#findings() : ['the phones never come to rest'];
    const { tenant } = this.#simulated.world.account(this.#email);
    const events = await this.#simulated.log.head(tenant);
    return { seed: this.#seed, steps: this.#steps, events, wrong, happened: this.#happened };
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const simulated = this.#simulated;
    simulated.nowMs += random.chance(0.03) ? random.below(30) * 86_400_000 : random.below(600_000);
    const phone = random.pick(this.#phones);
    const usable = [...phone.kinds.keys()];
    const what = random.weighted(weights);
    this.#count(what);
    if (what === 'office') await this.#colleague.work();
    if (what === 'restart') await this.#restart(false);
    if (what === 'upgrade') await this.#restart(true);
    if (what === 'backup') this.#backUp();
    if (what === 'rollBack') await this.#rollBack();
    if (what === 'decideHeld') this.#count('decided', await this.#support.decideHeld('some'));
    if (what === 'policy') this.#setPolicy();
    if (what === 'erase') this.#count('erased', Number(await this.#support.erase()));
    if (what === 'putRight') this.#count('restored', Number(await this.#support.restore()));
    if (what === 'undo') this.#count('undone', await this.#support.undo(phone.phone.session.device));
    if (what === 'decideConflicts') this.#count('conflictsDecided', await this.#support.decideConflicts());
    if (usable.length === 0) return;
    const collection = random.pick(usable);
    if (what === 'write') phone.write(collection);
    else if (what === 'sync') await phone.sync(collection, false);
    else if (what === 'lose') await phone.sync(collection, true);
    else if (what === 'restore') phone.restore(collection);
    else if (what === 'rename') this.#rename(phone);
    else if (what === 'resync') await this.#resync(phone, collection);
    else if (what === 'sweep') phone.sweep(collection);
    else if (what === 'setUp') await phone.setUp(collection);
    else if (what === 'parallel' && phone.phone.folder(collection).key !== '0') {
      // The answer of one of two equal requests is lost, whichever is served first; other folders go on meanwhile.
      await Promise.all([phone.sync(collection, true), phone.sync(collection, true)]);
    }
  }

  #count(what: string, times = 1): void {
    this.#happened.set(what, (this.#happened.get(what) ?? 0) + times);
  }

  async #restart(isNewer: boolean): Promise<void> {
    await this.#simulated.restart({ isNewer });
    for (const { phone } of this.#phones) phone.world = this.#simulated.world;
  }

  #backUp(): void {
    const storage = this.#simulated.backup();
    // Nobody has an account in a log without events.
    if (storage.size === 0) return;
    this.#backup = {
      storage,
      acknowledged: this.#phones.map((phone) => phone.acknowledged.length),
    };
  }

  /** The operator puts the backup back: what came after it is lost here, and nobody tells the phones. */
  async #rollBack(): Promise<void> {
    if (!this.#backup) return;
    this.#count('rolledBack');
    const { storage, acknowledged } = this.#backup;
    this.#simulated.nowMs += 60_000;
    await this.#simulated.restore(storage);
    for (const [index, user] of this.#phones.entries()) {
      user.phone.world = this.#simulated.world;
      user.acknowledged.length = Math.min(user.acknowledged.length, acknowledged[index] ?? 0);
      user.isRestoredFor = true;
    }
  }

  /** As Outlook does at its start: all it holds and has not sent is as it was. */
  #rename({ phone }: UserPhone): void {
    const { email, deviceId, version } = phone.session;
    const renamed = this.#simulated.world.session(email, `${deviceId}'`, version);
    phone.session = { ...phone.session, deviceId: renamed.deviceId, device: renamed.device };
  }

  async #resync(user: UserPhone, collection: string): Promise<void> {
    const id = conversationOf(user.phone.session, collection as CollectionId);
    const by = { actor: { kind: 'admin' }, cause: { command: 'resync' } } as const;
    if ((await resync(this.#simulated.world.engine.deps, id, by)) === 'resynced') user.wasResynced = true;
  }

  /** The account's own rule for conflicts; phones ask for what they like. */
  #setPolicy(): void {
    const conflictPolicy = this.#random.pick(['device', 'clientWins', 'serverWins'] as const);
    for (const { phone } of this.#phones) phone.session = { ...phone.session, conflictPolicy };
  }

  /** Every phone sends what it has and takes what there is, until none has anything to say. */
  async #rest(): Promise<boolean> {
    for (let round = 0; round < roundsMax; round++) {
      let isResting = true;
      for (const phone of this.#phones) {
        for (const collection of phone.kinds.keys()) isResting = (await phone.rest(collection)) && isResting;
      }
      if (isResting) return true;
    }
    return false;
  }

  async #findings(): Promise<string[]> {
    const simulated = this.#simulated;
    const { world } = simulated;
    await world.settle(this.#email);
    return [
      ...noComplaints(simulated, this.#phones),
      ...(await phonesConverged(simulated, this.#phones)),
      ...(await nothingLost(simulated, this.#phones)),
      ...(await rebuildEqualsLive(simulated, world.account(this.#email).tenant)),
      ...world.errors.splice(0).map(String),
      ...world.forged.splice(0).map((id) => `${id}: a key it was given was called forged`),
      ...simulated.wrong,
    ];
  }
}
