/**
 * A world that one seed runs in: a log of its own, the shared database for its read models, and programs that can be
 * ended and started anew over both, also newer ones.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { ItemClass } from '../../adapters/activesync/classes/port.ts';
import type { Kin } from '../../adapters/activesync/conversation/kin.port.ts';
import { raiseEpochs } from '../../adapters/activesync/conversation/raise-epochs.ts';
import { MemoryBlobStore } from '../../adapters/blobs/memory.ts';
import type { BlobStore } from '../../adapters/blobs/port.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../../adapters/crypto/memory.ts';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import { copyOf, type MemoryStorage, memoryEventLog } from '../../adapters/event-log/memory.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { engineProjections, itemClasses } from '../../api/engine.ts';
import { comparison } from '../../api/services/read-models.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { Instant } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import { rebuildOutdated } from '../../projections/runner/outdated.ts';
import type { Projection } from '../../projections/runner/projection.ts';
import { World } from '../world/world.ts';

/** Folders are small here. */
const massDeletes = { items: 3, percent: 30, withinMinutes: 10 };
const startMs = Date.UTC(2026, 2, 1);

export class SimulatedWorld {
  nowMs = startMs;
  #storage: MemoryStorage = new Map();
  #log: EventLog = memoryEventLog(this.#storage);
  /** Items that a restored log does not know, and that phones may hold. */
  readonly lost = new Set<string>();
  /** When the log was put back to a backup for the last time. */
  restoredAtMs = Number.POSITIVE_INFINITY;
  /** Items whose keys were destroyed. */
  readonly erased = new Set<string>();
  readonly blobs: BlobStore = new MemoryBlobStore();
  readonly keys: KeyRing = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  readonly #pool: pg.Pool;
  readonly #wrong: string[] = [];
  /** Raised by every upgrade: of all read models, and of how every class is mapped. */
  #release = 0;
  #world: World | undefined;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  static async start(pool: pg.Pool): Promise<SimulatedWorld> {
    const simulated = new SimulatedWorld(pool);
    simulated.#world = await simulated.#begin();
    return simulated;
  }

  get log(): EventLog {
    return this.#log;
  }

  get pool(): pg.Pool {
    return this.#pool;
  }

  backup(): MemoryStorage {
    return copyOf(this.#storage);
  }

  /** The log is as it was, and everything that was read from it goes. */
  async restore(backup: MemoryStorage): Promise<void> {
    this.restoredAtMs = this.nowMs;
    await this.stop();
    for (const item of itemsIn(this.#storage)) if (!itemsIn(backup).has(item)) this.lost.add(item);
    this.#storage = copyOf(backup);
    this.#log = memoryEventLog(this.#storage);
    await this.clear();
    this.#world = await this.#begin();
    await raiseEpochs({
      log: this.#log,
      store: this.world.store,
      now: () => new Date(this.nowMs).toISOString() as Instant,
      commandId: commandIdFrom,
      nonce: randomUUID,
    });
  }

  /** Nothing is left of it in the database, which it shares with other seeds. */
  async clear(): Promise<void> {
    const tenants = [...this.#storage.keys()];
    const { rows } = await this.#pool.query<{ name: string }>(
      `select table_name as name from information_schema.columns
       where table_schema = current_schema() and column_name = 'tenant'`,
    );
    for (const { name } of rows) {
      if (!/^(events|streams|tenants)$/.test(name)) {
        await this.#pool.query(`delete from ${name} where tenant = any($1)`, [tenants]);
      }
    }
  }

  get world(): World {
    return this.#world as World;
  }

  /** The program ends and begins again: what was in memory alone is gone. A newer one makes its read models anew. */
  async restart(how: { readonly isNewer: boolean }): Promise<void> {
    await this.stop();
    if (how.isNewer) this.#release++;
    this.#world = await this.#begin();
  }

  async stop(): Promise<void> {
    const { world } = this;
    this.#wrong.push(
      ...world.errors.splice(0).map(String),
      ...world.forged.splice(0).map((id) => `${id}: a key it was given was called forged`),
    );
    await world.stop();
  }

  /** What programs said went wrong in them, up to the last end of one. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  /** The read models as the program of now makes them. */
  projections(keys: KeyRing): Projection[] {
    return engineProjections(keys).map((one) => ({
      ...one,
      version: one.version + this.#release,
    }));
  }

  /** A phone's ids are its first one with a mark for each change. */
  readonly #kin: Kin = {
    formerSelves: async ({ email, deviceId }) =>
      Array.from(
        deviceId.matchAll(/'/g),
        ({ index }) => this.world.session(email, deviceId.slice(0, index)).device,
      ).reverse(),
    succeed: async () => {},
  };

  #begin(): Promise<World> {
    return World.start({
      pool: this.#pool,
      log: this.log,
      blobs: this.blobs,
      keys: this.keys,
      nowMs: () => this.nowMs,
      projections: (keys) => this.projections(keys),
      classes: this.#classes(),
      massDeletes,
      beforeStart: async ({ db, store, keys }) => {
        const projections = this.projections(keys);
        if (this.#release > 0) await rebuildOutdated({ db, store, projections, comparison });
      },
      kin: this.#kin,
    });
  }

  #classes(): Readonly<Record<ItemKind, ItemClass>> {
    const raised = Object.entries(itemClasses).map(([kind, one]) => [kind, { ...one, mappingVersion: this.#release }]);
    return Object.fromEntries(raised) as Record<ItemKind, ItemClass>;
  }
}

function itemsIn(storage: MemoryStorage): Set<string> {
  const streams = [...storage.values()].flatMap((log) => [...log.streams.keys()]);
  return new Set(streams.flatMap((stream) => parseItemStream(stream)?.item ?? []));
}
