/**
 * The composition root: the one place that knows concrete adapters. Reads the configuration, starts everything in
 * order, prints one line when it serves, and stops in the opposite order.
 */
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { type Kysely, sql } from 'kysely';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { mappingVersion } from '../adapters/activesync/conversation/renderer.ts';
import { RequestGuard } from '../adapters/activesync/guard/request-guard.ts';
import { Closings } from '../adapters/activesync/http/closings.ts';
import { activesyncRoute } from '../adapters/activesync/route.ts';
import { restoreUnderWay } from '../adapters/backup/under-way.ts';
import { MemoryBlobStore } from '../adapters/blobs/memory.ts';
import { PostgresBlobStore } from '../adapters/blobs/postgres.ts';
import { systemClock } from '../adapters/clock.ts';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import { isMasterOf, postgresKeyTable } from '../adapters/crypto/postgres/table.ts';
import { AnchorSeal } from '../adapters/event-log/anchors/anchor.ts';
import { Anchors } from '../adapters/event-log/anchors/anchors.ts';
import { anchorFiles } from '../adapters/event-log/anchors/files.ts';
import { anchorTable } from '../adapters/event-log/anchors/table.ts';
import { createEventStore } from '../adapters/event-log/event-store.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import { postgresEventLog } from '../adapters/event-log/postgres/log.ts';
import { postgresExchanges } from '../adapters/exchange-record/postgres/store.ts';
import { ExchangeRecorder } from '../adapters/exchange-record/recorder.ts';
import { ItemBodies } from '../adapters/items/bodies.ts';
import { createLogger, type Logger } from '../adapters/log/logger.ts';
import { type OfficeSimulator, startOfficeSimulator } from '../adapters/office-24sevenoffice/simulator/start.ts';
import { argon2PasswordCheck, hashPassword } from '../adapters/passwords/argon2.ts';
import { connectDatabase, type Database } from '../adapters/postgres/connect.ts';
import { DataDirInUse } from '../adapters/postgres/embedded.ts';
import { createKysely } from '../adapters/postgres/kysely.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import { keptSecret, makeMasterKey, makeToken } from '../adapters/secrets/kept-secret.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import program from '../package.json' with { type: 'json' };
import { AccountsReader } from '../projections/accounts/read.ts';
import { DevicesReader } from '../projections/devices/read.ts';
import { rebuildOutdated } from '../projections/runner/outdated.ts';
import { ProjectionRunner } from '../projections/runner/runner.ts';
import { buildApp } from './app.ts';
import { allEvents, allMigrations, allProjections } from './catalogue.ts';
import { type Config, ConfigError, helpText, readConfig } from './config.ts';
import { usableDataDir } from './data-dir.ts';
import type { AppDeps } from './deps.ts';
import { buildEngine } from './engine.ts';
import { closeApp, listen, readTls } from './listen.ts';
import { derivedSecret, mustBeMaster } from './master-key.ts';
import { countExchanges } from './metrics.ts';
import { startOffice } from './office.ts';
import { Accounts } from './services/accounts.ts';
import { demoPeople, ensureDemoPeople } from './services/demo.ts';
import { Devices } from './services/devices.ts';
import { Directory } from './services/directory.ts';
import { createFolders } from './services/folders.ts';
import { createKin } from './services/kin.ts';
import { comparison } from './services/read-models.ts';
import { createSignIn } from './services/sign-in.ts';
import { buildSupport } from './support.ts';
import { Teardown } from './teardown.ts';

const stopWithinMs = 4_500;
const settleWithinMs = 30_000;

interface Running {
  readonly url: string;
  /** No new requests, running ones finish, parked ones are answered, then everything below stops. */
  stop(): Promise<void>;
}

async function start(config: Config, logger: Logger, print: (line: string) => void): Promise<Running> {
  const teardown = new Teardown();
  try {
    return await startAll(config, logger, print, teardown);
  } catch (error) {
    await teardown.run(logger);
    throw error;
  }
}

async function startAll(
  config: Config,
  logger: Logger,
  print: (line: string) => void,
  teardown: Teardown,
): Promise<Running> {
  if (config.eventLog === 'eventstoredb') {
    throw new ConfigError('EVENT_LOG=eventstoredb is not available yet; use postgres or memory.');
  }
  const tls = await readTls(config);
  await usableDataDir(config);
  const masterKeyText = config.masterKey ?? (await keptSecret(config.dataDir, 'master.key', makeMasterKey)).value;
  const token = config.adminToken
    ? { value: config.adminToken, isNew: false }
    : await keptSecret(config.dataDir, 'admin.token', makeToken);
  if (token.isNew) print(`admin token ${token.value}`);

  const database = await connect(config, logger);
  teardown.add('the database', () => database.close());
  const { pool } = database;
  const db = createKysely<unknown>(pool);

  const inMemory = config.eventLog === 'memory';
  const master = masterKeyFromBase64(masterKeyText);
  const keys = keyRing({ table: inMemory ? memoryKeyTable() : postgresKeyTable({ pool }), master });
  const projections = allProjections(keys);
  const done = await migrate(pool, allMigrations());
  if (done.length > 0) logger.info({ migrations: done }, 'the schema was brought up to date');
  const halfRestored = await restoreUnderWay(pool);
  if (halfRestored !== undefined) {
    throw new ConfigError(
      `The restore of ${halfRestored} was cut short: run it again, with --replace, before the start.`,
    );
  }
  if (inMemory) await emptyReadModels(db);
  else mustBeMaster(await isMasterOf(pool, master), config.masterKey, config.dataDir);

  const log = inMemory ? memoryEventLog() : postgresEventLog({ pool });
  teardown.add('the event log', () => log.close());
  const seal = new AnchorSeal(derivedSecret(masterKeyText, 'anchors'));
  const places = inMemory ? [] : [anchorTable(pool), anchorFiles(config.anchorDir)];
  const anchors = new Anchors({
    ...{ log, seal, places, clock: systemClock },
    onError: (error, tenant) => logger.error({ err: error, tenant }, 'the log was not anchored'),
  });
  if (!inMemory) teardown.add('the anchors', () => anchors.stop());
  const blobs = inMemory ? new MemoryBlobStore() : new PostgresBlobStore(pool);
  const bodies = new ItemBodies({
    blobs,
    keys,
    onLost: (tenant, item, hash) => logger.error({ tenant, item, hash }, 'the body of an item is lost'),
  });
  const stored = createEventStore({
    log,
    keys,
    clock: systemClock.instant,
    events: allEvents(),
  });
  const store = bodies.over(stored);
  const runner = new ProjectionRunner({
    db,
    store,
    projections,
    onError: (error, tenant) => logger.error({ err: error, tenant }, 'a page of events was not projected'),
  });
  teardown.add('the projections', () => runner.stop());

  const reader = new AccountsReader(db);
  const directory = new Directory({ store, reader, projected: runner.projected });
  teardown.add('the directory', () => directory.close());
  const settled = async (tenant: TenantId) => {
    const reached = await runner.waitFor(tenant, await store.head(tenant), settleWithinMs);
    if (!reached) logger.warn({ tenant }, 'the read models are behind the log');
  };
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
  const devicesReader = new DevicesReader(db);
  const devices = new Devices({ store, directory, reader: devicesReader, clock: systemClock, settled });
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const signIns = new Counter({
    name: 'mobilesync_sign_ins_total',
    help: 'Sign-ins by outcome',
    labelNames: ['outcome'],
    registers: [metrics],
  });
  const signIn = createSignIn({
    directory,
    passwords: argon2PasswordCheck(),
    clock: systemClock,
    onOutcome: (outcome) => signIns.inc({ outcome }),
  });
  await rebuildOutdated({
    ...{ db, store, projections, comparison },
    onBegin: (projection, from, to) => logger.info({ projection, from, to }, 'a read model is made anew'),
    onEnd: (projection, { events }) => logger.info({ projection, events }, 'a read model was made anew'),
  });
  await runner.start();
  if (!inMemory) anchors.start();

  const folders = createFolders(store, directory);
  const syncKeySecret = derivedSecret(masterKeyText, 'sync keys');
  const engine = buildEngine({
    kin: createKin({ devices, directory, reader: devicesReader }),
    db,
    store,
    bodies,
    keys,
    runner,
    folders,
    syncKeySecret,
    massDeletes: config.massDeletes,
    onHeld: ({ device, collection }, batch, items) =>
      logger.warn({ device, collection, batch, items }, 'a device deletes much at once: the rest is held back'),
    now: systemClock.instant,
    onUnknownKey: ({ device, collection }, kind) =>
      logger.warn({ device, collection, kind }, 'a sync key is not known'),
    onBegun: ({ device, collection }, items) =>
      logger.info({ device, collection, items }, 'a device begins with nothing; the folder holds this many items'),
    // Why is in the record, sealed: it may quote the item.
    onWithheld: ({ device, collection }, item) => logger.error({ device, collection, item }, 'an item is withheld'),
  });
  teardown.add('the engine', () => engine.close());
  const exchanges = postgresExchanges({ pool, keys });
  const recorder = new ExchangeRecorder({
    ...{ store: exchanges, keys, clock: systemClock, appVersion: program.version, mappingVersion },
    position: (tenant) => runner.position(tenant),
    keptDays: config.exchangeDays,
    bodiesKeptDays: config.exchangeBodyDays,
    onTrouble: (error, lost) => logger.error({ err: error, lost }, 'exchanges were not recorded'),
  });
  teardown.add('the record of exchanges', () => recorder.stop());
  countExchanges(metrics, recorder);
  await recorder.start();

  const simulator = config.demo ? await startSimulator(config) : undefined;
  if (simulator) {
    teardown.add('the office simulator', () => simulator.close());
    print(`office ${simulator.url}`);
  }
  const office = startOffice({
    ...{ store, db, runner, directory, folders, logger, simulator },
    accounts: reader,
    devices: devicesReader,
    clock: systemClock,
    pollIntervalMs: config.pollIntervalSeconds * 1_000,
    applicationId: config.officeApplicationId,
  });
  teardown.add('the office workers', () => office.stop());

  const closings = new Closings();
  const guard = new RequestGuard({
    limits: config.guard,
    nowMs: systemClock.nowMs,
    onBraked: ({ device, reason, scope, times }) => {
      logger.warn({ device, reason, scope, times }, 'a device is slowed down');
      recorder.braked(device, reason);
    },
  });
  const support = buildSupport({
    ...{ pool, db, log, store, keys, bodies, runner, engine, accounts, devices, directory, settled, logger },
    ...{ syncKeySecret, massDeletes: config.massDeletes },
    ...{ stored, blobs, backupDir: config.backupDir, exchanges, recorder, guard, now: systemClock.instant },
    ...(inMemory ? {} : { anchoring: { anchors, places, seal } }),
  });
  void support.erasures
    ?.complete()
    .catch((error: unknown) => logger.error({ err: error }, 'an erasure could not be finished'));
  const deps: AppDeps = {
    logger,
    tls,
    adminToken: token.value,
    metrics,
    accounts,
    devices,
    signIn,
    store,
    ready: {
      checks: {
        database: async () => void (await sql`select 1`.execute(db)),
      },
      office: simulator?.url,
    },
    officeSystems: ['24sevenoffice'],
    activesync: activesyncRoute({
      ...engine.deps,
      signIn,
      people: directory,
      devices: { device: (tenant, key) => directory.device(tenant, key), run: devices.run.bind(devices) },
      events: store,
      settled,
      policyKey: () => String(randomInt(1, 2 ** 32)),
      nowMs: systemClock.nowMs,
      log: logger,
      closings,
      record: recorder,
      guard,
    }),
    shutdown: () => closings.stop(),
    conversations: async (person, device) => {
      const rows = await engine.syncView.conversations(person.tenant, device);
      return rows.map(({ collection, revision, state }) => ({ collection, revision, ...state }));
    },
    office,
    support,
  };
  const app = await buildApp(deps);
  teardown.add('HTTP', () => closeApp(app));

  if (config.demo) {
    const more = config.demoUsers;
    const officeOf = (email: string) => ({ system: '24sevenoffice', username: email, password: 'demo' });
    const created = await ensureDemoPeople({ accounts, reader, hashPassword, more, officeOf });
    if (created > 0) logger.info({ created }, 'demo people were created');
    // Whoever tries the demo finds its data; the many are crawled in their turns.
    await office.pollFirst(demoPeople(0).map(({ email }) => email));
  }
  const url = await listen(app, config);
  return { url, stop: () => teardown.run(logger) };
}

async function connect(config: Config, logger: Logger): Promise<Database> {
  try {
    const database = await connectDatabase({
      databaseUrl: config.databaseUrl,
      dataDir: config.dataDir,
      applicationName: 'mobilesync',
      max: 20,
      log: (message) => logger.info(message),
    });
    try {
      await database.pool.query('select 1');
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof DataDirInUse) {
      throw new ConfigError(
        `DATA_DIR ${config.dataDir} is used by another running MobileSync; stop it or choose another.`,
      );
    }
    if (config.databaseUrl === undefined) throw error;
    throw new ConfigError(`DATABASE_URL names a database that cannot be used: ${(error as Error).message}.`);
  }
}

/** A log in memory begins anew, so what was read from an older one goes. What has events of its own is left alone. */
async function emptyReadModels(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ held: boolean }>`select exists (select from events) as held`.execute(db);
  if (rows[0]?.held) {
    throw new ConfigError('EVENT_LOG=memory needs a database without events; choose another DATA_DIR or DATABASE_URL.');
  }
  const tables = await sql<{ name: string }>`
    select tablename as name from pg_tables
    where schemaname = current_schema() and tablename not like 'kysely%'
      and tablename not in ('events', 'streams', 'tenants', 'data_keys')
  `.execute(db);
  const names = tables.rows.map(({ name }) => sql.id(name));
  if (names.length > 0) await sql`truncate ${sql.join(names)}`.execute(db);
}

/** The office of the demo: keeps its records beside ours, and knows as many people as the demo has. */
async function startSimulator(config: Config): Promise<OfficeSimulator> {
  const directory = path.join(config.dataDir, 'office');
  // The vendor's hourly quota is for one company of ordinary size, not for a load test.
  const quotaPerHour = config.demoUsers > 0 ? null : undefined;
  const simulator = await startOfficeSimulator({ nowMs: systemClock.nowMs, directory, quotaPerHour });
  simulator.addEmptyPeople(config.demoUsers);
  return simulator;
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(helpText());
    return;
  }
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  let running: Promise<Running> | undefined;
  let isStopping = false;
  const stop = async (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    // A start under way is finished first: what it began must be ended in order.
    await (await running?.catch(() => undefined))?.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));

  running = start(config, logger, console.log);
  const { url } = await running;
  if (!isStopping) console.log(`ready ${url}`);
}

try {
  await main();
} catch (error) {
  if (error instanceof ConfigError) {
    console.error(error.message);
    process.exit(2);
  }
  console.error(error);
  process.exit(1);
}
