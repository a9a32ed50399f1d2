/**
 * The route in a real fastify, over a log in memory and read models in a real PostgreSQL: for specs that speak HTTP
 * without a socket. Passwords are all `secret`, compared without a slow hash.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { buildEngine, type Engine, engineProjections } from '../../../api/engine.ts';
import { Accounts, type NewAccount } from '../../../api/services/accounts.ts';
import { Devices } from '../../../api/services/devices.ts';
import { Directory, type Person } from '../../../api/services/directory.ts';
import { createFolders } from '../../../api/services/folders.ts';
import { createSignIn } from '../../../api/services/sign-in.ts';
import { accountEvents } from '../../../domain/account/events.ts';
import { deviceEvents } from '../../../domain/device/events.ts';
import { folderEvents } from '../../../domain/folder/events.ts';
import { hierarchyEvents } from '../../../domain/hierarchy/events.ts';
import { itemEvents } from '../../../domain/item/events.ts';
import { mergeEvents } from '../../../domain/matching/events.ts';
import type { Position, TenantId } from '../../../domain/shared/ids.ts';
import { eventRegistry } from '../../../domain/shared/upcast.ts';
import { syncEvents } from '../../../domain/sync/events.ts';
import { accountsView } from '../../../projections/accounts/project.ts';
import { AccountsReader } from '../../../projections/accounts/read.ts';
import { devicesView } from '../../../projections/devices/project.ts';
import { DevicesReader } from '../../../projections/devices/read.ts';
import { foldersView } from '../../../projections/folders/project.ts';
import { CheckpointMoved, checkpointMigration } from '../../../projections/runner/checkpoints.ts';
import type { AnyDatabase } from '../../../projections/runner/projection.ts';
import { ProjectionRunner } from '../../../projections/runner/runner.ts';
import { MemoryBlobStore } from '../../blobs/memory.ts';
import type { BlobStore } from '../../blobs/port.ts';
import { systemClock } from '../../clock.ts';
import type { Bulletin } from '../../cluster/bulletin.port.ts';
import { postgresTurns } from '../../cluster/postgres/turns.ts';
import { type KeyTable, keyRing } from '../../crypto/key-ring.ts';
import { masterKey } from '../../crypto/master-key.ts';
import { memoryKeyTable } from '../../crypto/memory.ts';
import type { KeyRing } from '../../crypto.port.ts';
import type { EventStore } from '../../event-log/event-store.port.ts';
import { createEventStore } from '../../event-log/event-store.ts';
import { followOthers } from '../../event-log/followed.ts';
import { type MemoryStorage, memoryEventLog } from '../../event-log/memory.ts';
import type { EventLog } from '../../event-log/port.ts';
import { ItemBodies } from '../../items/bodies.ts';
import { migrate } from '../../postgres/migrate.ts';
import { migrations } from '../../postgres/migrations/index.ts';
import type { ActiveSyncDeps } from '../deps.ts';
import { Closings } from '../http/closings.ts';
import { activesyncRoute, type RouteOptions } from '../route.ts';

export interface TestServer {
  readonly app: FastifyInstance;
  readonly engine: Engine;
  readonly accounts: Accounts;
  readonly devices: Devices;
  readonly closings: Closings;
  /** What the route logged as errors. */
  readonly errors: object[];
  head(tenant: TenantId): Promise<Position>;
  settle(tenant: TenantId): Promise<void>;
  create(account: Partial<NewAccount> & { email: string }): Promise<Person>;
  stop(): Promise<void>;
}

/** For specs that put something of their own beside the route. */
export interface TestParts {
  readonly keys: KeyRing;
  readonly runner: ProjectionRunner;
  readonly store: EventStore;
}

/** What nodes of one installation share beside the database. */
export interface TestSite {
  readonly log: MemoryStorage;
  readonly keys: KeyTable;
  readonly blobs: BlobStore;
}

export function testSite(): TestSite {
  return { log: new Map(), keys: memoryKeyTable(), blobs: new MemoryBlobStore() };
}

/** One of several nodes. */
export interface TestNode {
  readonly site: TestSite;
  readonly bulletin: Bulletin;
  /** How often it looks for what it was not told of. */
  readonly lookEveryMs: number;
}

async function openLog(site: TestSite, node: TestNode | undefined, errors: object[]): Promise<EventLog> {
  const log = memoryEventLog(site.log);
  if (!node) return log;
  const { bulletin, lookEveryMs } = node;
  const onError = (error: unknown) => void errors.push({ error });
  return await followOthers(log, { bulletin, lookEveryMs, onError, heads: () => log.tenants() });
}

export async function startTestServer(
  pool: pg.Pool,
  change: (deps: ActiveSyncDeps, parts: TestParts) => ActiveSyncDeps = (deps) => deps,
  { node, ...options }: RouteOptions & { readonly node?: TestNode } = {},
): Promise<TestServer> {
  const site = node?.site ?? testSite();
  const db = new Kysely<AnyDatabase>({ dialect: new PostgresDialect({ pool }) });
  const master = masterKey(new Uint8Array(32).fill(7));
  const keys = keyRing({ table: site.keys, master, ...(node ? { bulletin: node.bulletin } : {}) });
  const projections = [accountsView(), devicesView(), foldersView(), ...engineProjections(keys)];
  const known = new Set(migrations.map(({ name }) => name));
  const views = [checkpointMigration, ...projections.flatMap((projection) => projection.migrations)];
  await migrate(pool, [...migrations, ...views.filter(({ name }) => !known.has(name))]);
  const errors: object[] = [];
  const log = await openLog(site, node, errors);
  const bodies = new ItemBodies({
    blobs: site.blobs,
    keys,
    onLost: (_, item) => void errors.push({ lost: item }),
  });
  const stored = createEventStore({
    log,
    keys,
    clock: systemClock.instant,
    events: eventRegistry(
      accountEvents,
      deviceEvents,
      folderEvents,
      hierarchyEvents,
      itemEvents,
      mergeEvents,
      syncEvents,
    ),
  });
  const store = bodies.over(stored);
  const runner = new ProjectionRunner({
    ...{ db, store, projections },
    // Another node may be faster; then what it wrote is read.
    onError: (error) => error instanceof CheckpointMoved || errors.push({ error }),
  });
  const reader = new AccountsReader(db);
  const directory = new Directory({ store, reader, projected: runner.projected });
  const settled = async (tenant: TenantId): Promise<void> => {
    if (!(await runner.waitFor(tenant, await store.head(tenant), 10_000))) throw new Error('the read models lag');
  };
  const hashPassword = async (): Promise<string> => 'hash of secret';
  const accounts = new Accounts({
    store,
    directory,
    reader,
    keys,
    clock: systemClock,
    hashPassword,
    settled,
    defaultTimeZone: 'Europe/Oslo',
  });
  const devices = new Devices({ store, directory, reader: new DevicesReader(db), clock: systemClock, settled });
  await runner.start();
  const engine = buildEngine({
    db,
    store,
    bodies,
    keys,
    runner,
    folders: createFolders(store, directory),
    syncKeySecret: new Uint8Array(32).fill(9),
    ...(node ? { turns: postgresTurns({ pool, isAlone: () => node.bulletin.isAlone() }) } : {}),
    now: systemClock.instant,
  });
  const closings = new Closings();
  let policyKeys = 1_000;
  const deps: ActiveSyncDeps = {
    ...engine.deps,
    signIn: createSignIn({
      directory,
      clock: systemClock,
      passwords: {
        verify: async (account, password) => account !== undefined && password === 'secret',
        basis: (account) => account?.id ?? '',
      },
    }),
    people: directory,
    devices: { device: (tenant, key) => directory.device(tenant, key), run: devices.run.bind(devices) },
    events: store,
    settled,
    policyKey: () => String(++policyKeys),
    nowMs: systemClock.nowMs,
    log: { isLevelEnabled: () => false, trace: () => {}, warn: () => {}, error: (facts) => void errors.push(facts) },
    closings,
  };
  const app = fastify({ logger: false });
  await app.register(activesyncRoute(change(deps, { keys, runner, store }), options));
  await app.ready();
  return {
    app,
    engine,
    accounts,
    devices,
    closings,
    errors,
    head: (tenant) => store.head(tenant),
    settle: settled,
    async create(account) {
      const outcome = await accounts.create({ password: 'secret', ...account });
      if (outcome.kind !== 'done') throw new Error(`the account was not made: ${outcome.kind}`);
      return outcome.person;
    },
    async stop() {
      await app.close();
      engine.close();
      directory.close();
      await runner.stop();
      await log.close();
    },
  };
}
