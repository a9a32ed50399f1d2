/**
 * The composition root: the one place that knows concrete adapters. Reads the configuration, starts everything in
 * order, prints one line when it serves, and stops in the opposite order.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { mappingVersion } from '../adapters/activesync/conversation/renderer.ts';
import { RequestGuard } from '../adapters/activesync/guard/request-guard.ts';
import { Closings } from '../adapters/activesync/http/closings.ts';
import { activesyncRoute } from '../adapters/activesync/route.ts';
import { systemClock } from '../adapters/clock.ts';
import { postgresExchanges } from '../adapters/exchange-record/postgres/store.ts';
import { ExchangeRecorder } from '../adapters/exchange-record/recorder.ts';
import { createLogger, type Logger } from '../adapters/log/logger.ts';
import { argon2PasswordCheck, hashPassword } from '../adapters/passwords/argon2.ts';
import { keptSecret, makeToken } from '../adapters/secrets/kept-secret.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import program from '../package.json' with { type: 'json' };
import { AccountsReader } from '../projections/accounts/read.ts';
import { DevicesReader } from '../projections/devices/read.ts';
import { buildApp } from './app.ts';
import { type Config, ConfigError, helpText, readConfig } from './config.ts';
import type { AppDeps } from './deps.ts';
import { buildEngine } from './engine.ts';
import { isStoreAway } from './event-log.ts';
import { layFoundation, startFollowing } from './foundation.ts';
import { closeApp, listen, readTls } from './listen.ts';
import { derivedSecret } from './master-key.ts';
import { countExchanges, countNodes } from './metrics.ts';
import { startOffice } from './office.ts';
import { withSecretFiles } from './secret-files.ts';
import { Accounts } from './services/accounts.ts';
import { demoPeople, ensureDemoPeople } from './services/demo.ts';
import { Devices } from './services/devices.ts';
import { Directory } from './services/directory.ts';
import { createFolders } from './services/folders.ts';
import { createKin } from './services/kin.ts';
import { createSignIn } from './services/sign-in.ts';
import { startDemoOffice } from './simulator.ts';
import { buildSupport } from './support.ts';
import { Teardown } from './teardown.ts';

const stopWithinMs = 4_500;
const settleWithinMs = 30_000;
/** Enough for a proxy that asks every second, and four times as often once it was told no. */
const leaveMs = 1_300;
const closeWithinMs = 2_800;
/** Whose log is asked for to see whether one answers. */
const nobody = 'nobody.invalid' as TenantId;

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
  const tls = await readTls(config);
  const foundation = await layFoundation(config, logger, teardown);
  const { pool, db, log, turns, census, stored, store, blobs, bodies, keys, runner, anchoring } = foundation;
  const derived = (purpose: string) => derivedSecret(foundation.masterKeyText, purpose);
  const token = config.adminToken
    ? { value: config.adminToken, isNew: false }
    : await keptSecret(config.dataDir, 'admin.token', makeToken);
  if (token.isNew) print(`admin token ${token.value}`);

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
    onTrouble: (error) => logger.error({ err: error }, 'nobody could be looked up for a sign-in'),
  });
  await startFollowing(foundation, logger);

  const folders = createFolders(store, directory);
  const syncKeySecret = derived('sync keys');
  const engine = buildEngine({
    kin: createKin({ devices, directory, reader: devicesReader }),
    db,
    store,
    bodies,
    keys,
    runner,
    ...(turns ? { turns } : {}),
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
    // What a command reads of streams is ahead of the rows: that its device was paired a moment ago.
    position: (tenant) => runner.heardOf(tenant),
    keptDays: config.exchangeDays,
    bodiesKeptDays: config.exchangeBodyDays,
    onTrouble: (error, lost) => logger.error({ err: error, lost }, 'exchanges were not recorded'),
  });
  teardown.add('the record of exchanges', () => recorder.stop());
  countExchanges(metrics, recorder);
  if (foundation.nodes) countNodes(metrics, foundation.nodes);
  await recorder.start();

  const simulator = config.demo && config.officeUrl === undefined ? await startDemoOffice(config) : undefined;
  if (simulator) {
    teardown.add('the office simulator', () => simulator.close());
    print(`office ${simulator.url}`);
  }
  const simulatorUrl = simulator?.url ?? config.officeUrl;
  const office = startOffice({
    ...{ store, db, runner, directory, folders, logger, simulatorUrl },
    ...{ ownership: foundation.ownership, bulletin: foundation.bulletin },
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
    ...{ pool, db, log, census, store, keys, bodies, runner, engine, accounts, devices, directory, settled, logger },
    ...{ syncKeySecret, massDeletes: config.massDeletes },
    ...{ stored, blobs, backupDir: config.backupDir, exchanges, recorder, guard, now: systemClock.instant },
    ...(anchoring ? { anchoring } : {}),
    ...(foundation.nodes ? { nodes: foundation.nodes } : {}),
  });
  const completeErasures = (tenants?: readonly TenantId[]) =>
    void support.erasures
      ?.complete(tenants)
      .catch((error: unknown) => logger.error({ err: error }, 'an erasure could not be finished'));
  completeErasures();
  // Also what a node left that died in the middle of one.
  foundation.ownership.changes.subscribe(({ tenants, isMine }) => isMine && completeErasures(tenants));
  let isLeaving = false;
  const deps: AppDeps = {
    logger,
    tls,
    trustedProxies: config.trustedProxies,
    adminToken: token.value,
    metrics,
    accounts,
    devices,
    signIn,
    store,
    ready: {
      checks: {
        database: async () => void (await sql`select 1`.execute(db)),
        ...(config.eventLog === 'eventstoredb' ? { eventStore: async () => void (await log.head(nobody)) } : {}),
      },
      office: simulatorUrl,
      isLeaving: () => isLeaving,
    },
    isAway: isStoreAway,
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
      isAway: isStoreAway,
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
  teardown.add('HTTP', async () => {
    isLeaving = true;
    // Whoever asks for its health sends phones to the others before their waiting requests are ended here.
    if (!foundation.bulletin.isAlone()) await pause(leaveMs);
    await closeApp(app, closeWithinMs - leaveMs);
  });

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

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(helpText());
    return;
  }
  const config = readConfig(withSecretFiles(process.env));
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
