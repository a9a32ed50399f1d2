/**
 * The engine without transport: a log in memory, read models in a real PostgreSQL, people with their default folders.
 * Specs and the simulator talk to its Sync handler as a phone would, in WBXML.
 */
import type { Kysely } from 'kysely';
import type pg from 'pg';
import type { ItemClass } from '../../adapters/activesync/classes/port.ts';
import type { ExchangeSink, Person } from '../../adapters/activesync/deps.ts';
import { failureAnswer } from '../../adapters/activesync/http/command-status.ts';
import type { CommandAnswer } from '../../adapters/activesync/request.ts';
import type { Session } from '../../adapters/activesync/session.ts';
import { ExchangeTrace } from '../../adapters/activesync/trace.ts';
import { formatVersion, type ProtocolVersion } from '../../adapters/activesync/version.ts';
import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { MemoryBlobStore } from '../../adapters/blobs/memory.ts';
import type { BlobStore } from '../../adapters/blobs/port.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../../adapters/crypto/memory.ts';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { memoryEventLog } from '../../adapters/event-log/memory.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { accountIdFrom, deviceKeyFrom, tenantOf } from '../../adapters/ids.ts';
import { ItemBodies } from '../../adapters/items/bodies.ts';
import type { ItemRequest, ItemResult } from '../../adapters/items/item-commands.ts';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import { allEvents } from '../../api/catalogue.ts';
import { buildEngine, type Engine, type EngineOptions, engineProjections } from '../../api/engine.ts';
import { defaultCollection, defaultFolders } from '../../api/services/default-folders.ts';
import { decideFolders } from '../../domain/folder/decide.ts';
import { evolveFolders, type FolderTree, noFolders } from '../../domain/folder/state.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, Instant, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import type { MassDeleteLimits } from '../../domain/sync/held-back.ts';
import type { AnyDatabase, Projection } from '../../projections/runner/projection.ts';
import { ProjectionRunner } from '../../projections/runner/runner.ts';

export interface WorldOptions {
  readonly pool: pg.Pool;
  /** Of the runner alone, for who counts what it sends; `pool` unless told. */
  readonly runnerPool?: Pick<pg.Pool, 'options' | 'connect'>;
  /** The read models; the engine's unless told. */
  readonly projections?: (keys: KeyRing) => Projection[];
  readonly log?: EventLog;
  readonly blobs?: BlobStore;
  readonly keys?: KeyRing;
  /** What is to be done before the read models follow the log. */
  readonly beforeStart?: (world: World) => Promise<void>;
  readonly kin?: EngineOptions['kin'];
  readonly classes?: Readonly<Record<ItemKind, ItemClass>>;
  readonly massDeletes?: MassDeleteLimits;
  /** Milliseconds since 1970; the system's clock unless told. */
  readonly nowMs?: () => number;
  /** Told of every exchange; what fails is then answered as phones are told, and not thrown. */
  readonly record?: ExchangeSink;
}

/** Of every world, so that keys of one that ended hold in the next. */
export const worldSecret = new Uint8Array(32).fill(9);

export class World {
  readonly engine: Engine;
  readonly runner: ProjectionRunner;
  readonly db: Kysely<AnyDatabase>;
  readonly log: EventLog;
  readonly store: EventStore;
  readonly keys: KeyRing;
  readonly blobs: BlobStore;
  /** The store below `store`: its loads leave long bodies aside. */
  readonly stored: EventStore;
  readonly errors: unknown[] = [];
  readonly forged: string[] = [];
  readonly #trees = new Map<AccountId, FolderTree>();
  readonly #now: () => Instant;
  readonly #record: ExchangeSink | undefined;

  private constructor(options: WorldOptions) {
    this.keys = options.keys ?? keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
    this.#now = () => new Date(options.nowMs?.() ?? Date.now()).toISOString() as Instant;
    this.#record = options.record;
    this.log = options.log ?? memoryEventLog();
    this.blobs = options.blobs ?? new MemoryBlobStore();
    const bodies = new ItemBodies({
      blobs: this.blobs,
      keys: this.keys,
      onLost: (_, item) => this.errors.push(new Error(`the body of ${item} is lost`)),
    });
    this.stored = createEventStore({
      log: this.log,
      keys: this.keys,
      clock: this.#now,
      events: allEvents(),
    });
    this.store = bodies.over(this.stored);
    this.db = createKysely<AnyDatabase>(options.pool);
    this.runner = new ProjectionRunner({
      db: options.runnerPool ? createKysely<AnyDatabase>(options.runnerPool as pg.Pool) : this.db,
      store: this.store,
      projections: (options.projections ?? engineProjections)(this.keys),
      onError: (error) => this.errors.push(error),
    });
    this.engine = buildEngine({
      db: this.db,
      store: this.store,
      bodies,
      keys: this.keys,
      runner: this.runner,
      folders: {
        of: (_, account) => this.tree(account),
        run: async () => {
          throw new Error('folders do not change in this world');
        },
      },
      syncKeySecret: worldSecret,
      now: this.#now,
      ...(options.kin ? { kin: options.kin } : {}),
      ...(options.classes ? { classes: options.classes } : {}),
      ...(options.massDeletes ? { massDeletes: options.massDeletes } : {}),
      onUnknownKey: ({ device, collection }) => this.forged.push(`${device}/${collection}`),
    });
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await options.beforeStart?.(world);
    await world.runner.start();
    return world;
  }

  async stop(): Promise<void> {
    this.engine.close();
    await this.runner.stop();
    if (this.errors.length > 0) throw this.errors[0];
  }

  account(email: string): { tenant: TenantId; account: AccountId } {
    const tenant = tenantOf(email);
    return { tenant, account: accountIdFrom(tenant, email) };
  }

  /** The person as a request finds them. */
  person(email: string): Person {
    const { tenant, account } = this.account(email);
    const nothing = { displayName: undefined, passwordHash: undefined, office: undefined };
    return {
      tenant,
      account: {
        ...{ kind: 'account', id: account, email, aliases: [], timeZone: 'Europe/Oslo' as TimeZoneName },
        ...{ policy: 'none', features: [], passwordGeneration: 0, ...nothing },
      },
    };
  }

  tree(account: AccountId): FolderTree {
    let tree = this.#trees.get(account);
    if (!tree) {
      const decision = decideFolders(noFolders, { type: 'establish', folders: defaultFolders(account) });
      tree = decision.kind === 'accepted' ? decision.events.reduce(evolveFolders, noFolders) : noFolders;
      this.#trees.set(account, tree);
    }
    return tree;
  }

  setTree(account: AccountId, tree: FolderTree): void {
    this.#trees.set(account, tree);
  }

  collection(email: string, kind: ItemKind): CollectionId {
    return defaultCollection(this.account(email).account, kind);
  }

  session(email: string, deviceId: string, version: ProtocolVersion = 141): Session {
    const { tenant, account } = this.account(email);
    return {
      tenant,
      account,
      email,
      displayName: undefined,
      timeZone: 'Europe/Oslo' as TimeZoneName,
      device: deviceKeyFrom(account, deviceId),
      deviceId,
      version,
    };
  }

  /** Sends a Sync request and decodes the answer; undefined is an empty one. */
  async sync(session: Session, wbxml: Buffer | undefined): Promise<Element | undefined> {
    const request = wbxml && decodeWbxml(wbxml);
    if (request && !request.ok) throw new Error(`the request is no WBXML: ${request.reason}`);
    const answer = await this.#answer(session, wbxml, request?.root);
    if (answer.kind === 'empty') return undefined;
    if (answer.kind === 'http') throw new Error(`HTTP ${answer.status} in ${formatVersion(session.version)}`);
    const decoded = decodeWbxml(answer.body);
    if (!decoded.ok) throw new Error(`the answer is no WBXML: ${decoded.reason}`);
    return decoded.root;
  }

  async #answer(session: Session, wbxml: Buffer | undefined, root: Element | undefined): Promise<CommandAnswer> {
    if (!this.#record) return await this.engine.sync({ session, root, onClose: () => {} });
    const query = { command: 'Sync', deviceId: session.deviceId, deviceType: 'World', parameters: {} };
    const unsaid = { user: undefined, version: undefined, policyKey: undefined, locale: undefined };
    const asked = { query: { ...query, ...unsaid }, policyKey: undefined, userAgent: undefined, body: wbxml };
    const trace = new ExchangeTrace('Sync', Date.parse(this.#now()), asked);
    const traced = { ...session, trace, exchange: trace.id };
    const answer = await this.engine.sync({ session: traced, root, onClose: () => {} }).catch((error: unknown) => {
      trace.error = error;
      return failureAnswer('Sync', session.version, error);
    });
    this.#record.answered(traced, trace, answer);
    return answer;
  }

  /** A command on an item from elsewhere: the office, another program. */
  async execute(email: string, request: ItemRequest): Promise<ItemResult> {
    const [result] = await this.engine.items.execute(this.account(email).tenant, [request]);
    return result as ItemResult;
  }

  /** Resolves when the read models hold everything committed by now. */
  async settle(email: string): Promise<void> {
    const { tenant } = this.account(email);
    const head = await this.log.head(tenant);
    if (!(await this.runner.waitFor(tenant, head, 5_000))) throw this.errors[0] ?? new Error('the read models lag');
  }
}
