/**
 * What everything stands on: the master key, the database, the keys, the log with its anchors, the event store over it
 * and the read models behind it. Part of the composition root.
 */
import { type Kysely, sql } from 'kysely';
import { restoreUnderWay } from '../adapters/backup/under-way.ts';
import { MemoryBlobStore } from '../adapters/blobs/memory.ts';
import type { BlobStore } from '../adapters/blobs/port.ts';
import { PostgresBlobStore } from '../adapters/blobs/postgres.ts';
import { systemClock } from '../adapters/clock.ts';
import { type Bulletin, noBulletin } from '../adapters/cluster/bulletin.port.ts';
import type { NodeList } from '../adapters/cluster/nodes.port.ts';
import { alwaysMine, type Ownership } from '../adapters/cluster/ownership.port.ts';
import { postgresBulletin } from '../adapters/cluster/postgres/bulletin.ts';
import { NodeLeases } from '../adapters/cluster/postgres/nodes/leases.ts';
import { postgresTurns } from '../adapters/cluster/postgres/turns.ts';
import type { Turns } from '../adapters/cluster/turns.port.ts';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import { isMasterOf, postgresKeyTable } from '../adapters/crypto/postgres/table.ts';
import type { KeyRing } from '../adapters/crypto.port.ts';
import { AnchorSeal } from '../adapters/event-log/anchors/anchor.ts';
import { Anchors } from '../adapters/event-log/anchors/anchors.ts';
import { anchorFiles } from '../adapters/event-log/anchors/files.ts';
import type { AnchorPlace } from '../adapters/event-log/anchors/port.ts';
import { anchorTable } from '../adapters/event-log/anchors/table.ts';
import type { LogCensus } from '../adapters/event-log/census.ts';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../adapters/event-log/event-store.ts';
import { followOthers } from '../adapters/event-log/followed.ts';
import type { EventLog } from '../adapters/event-log/port.ts';
import { postgresHeads } from '../adapters/event-log/postgres/log.ts';
import { ItemBodies } from '../adapters/items/bodies.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { connectDatabase, type Database } from '../adapters/postgres/connect.ts';
import { DataDirInUse } from '../adapters/postgres/embedded.ts';
import { createKysely } from '../adapters/postgres/kysely.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import { keptSecret, makeMasterKey } from '../adapters/secrets/kept-secret.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import program from '../package.json' with { type: 'json' };
import { CheckpointMoved, NewerReadModel } from '../projections/runner/checkpoints.ts';
import { rebuildOutdated } from '../projections/runner/outdated.ts';
import type { AnyDatabase, Projection } from '../projections/runner/projection.ts';
import { ProjectionRunner } from '../projections/runner/runner.ts';
import { allEvents, allMigrations, allProjections } from './catalogue.ts';
import { type Config, ConfigError } from './config.ts';
import { usableDataDir } from './data-dir.ts';
import { censusOf, openEventLog } from './event-log.ts';
import { mustBeHome, mustHaveKeys, mustHaveNoHome, mustReachRows } from './log-home.ts';
import { derivedSecret, mustBeMaster } from './master-key.ts';
import { comparison } from './services/read-models.ts';
import type { Teardown } from './teardown.ts';

export interface Foundation {
  /** The log and all that hangs on it are gone with the process. */
  readonly isInMemory: boolean;
  readonly masterKeyText: string;
  readonly pool: Pool;
  readonly db: Kysely<AnyDatabase>;
  readonly keys: KeyRing;
  readonly projections: readonly Projection[];
  readonly log: EventLog;
  /** What the nodes on one database tell each other. */
  readonly bulletin: Bulletin;
  /** Which tenants this node works for. Not started yet. */
  readonly ownership: Ownership;
  /** Absent where there cannot be other nodes. */
  readonly nodes?: NodeList;
  readonly turns?: Turns;
  readonly census: LogCensus;
  readonly blobs: BlobStore;
  readonly bodies: ItemBodies;
  /** Events as they are stored, long bodies named; `store` puts these in place. */
  readonly stored: EventStore;
  readonly store: EventStore;
  /** Not started yet. */
  readonly runner: ProjectionRunner;
  /** Absent where nothing outlives the process. */
  readonly anchoring?: {
    readonly anchors: Anchors;
    readonly places: readonly AnchorPlace[];
    readonly seal: AnchorSeal;
  };
}

/** @throws ConfigError when something of it cannot be had. */
export async function layFoundation(config: Config, logger: Logger, teardown: Teardown): Promise<Foundation> {
  await usableDataDir(config);
  const masterKeyText = config.masterKey ?? (await keptSecret(config.dataDir, 'master.key', makeMasterKey)).value;
  const database = await connect(config, logger);
  teardown.add('the database', () => database.close());
  const { pool } = database;
  const db = createKysely<unknown>(pool);

  const isInMemory = config.eventLog === 'memory';
  const master = masterKeyFromBase64(masterKeyText);
  let ownership: Ownership = alwaysMine;
  const bulletin = isInMemory ? noBulletin : await openBulletin(pool, logger, () => !ownership.isAlone());
  teardown.add('the bulletin', () => bulletin.close());
  const keys = keyRing({ table: isInMemory ? memoryKeyTable() : postgresKeyTable({ pool }), master, bulletin });
  const projections = allProjections(keys);
  const done = await migrate(pool, allMigrations());
  if (done.length > 0) logger.info({ migrations: done }, 'the schema was brought up to date');
  const halfRestored = await restoreUnderWay(pool);
  if (halfRestored !== undefined) {
    throw new ConfigError(
      `The restore of ${halfRestored} was cut short: run it again, with --replace, before the start.`,
    );
  }
  if (isInMemory) await emptyReadModels(pool, db);
  else mustBeMaster(await isMasterOf(pool, master), config.masterKey, config.dataDir);
  if (config.eventLog !== 'memory') await mustBeHome(pool, config.eventLog);

  const opened = await openEventLog({
    ...{ config, pool, isFollowing: true },
    // It comes again each second while the store is away, always from the same place.
    onError: (error, tenant) =>
      logger.warn({ reason: (error as Error).message, tenant }, 'the event store is not followed just now'),
  });
  const log =
    config.eventLog === 'postgres' ? await followedLog(opened, pool, bulletin, logger) : sparing(opened, bulletin);
  teardown.add('the event log', () => log.close());
  if (config.eventLog === 'eventstoredb') {
    await mustReachRows(pool, log);
    await mustHaveKeys(pool, log);
  }
  const census = censusOf(config.eventLog, log, pool);
  const seal = new AnchorSeal(derivedSecret(masterKeyText, 'anchors'));
  const places = isInMemory ? [] : [anchorTable(pool), anchorFiles(config.anchorDir)];
  const blobs = isInMemory ? new MemoryBlobStore() : new PostgresBlobStore(pool);
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
  const nodes = isInMemory ? undefined : leases(pool, bulletin, logger);
  ownership = nodes ?? alwaysMine;
  teardown.add('the work for tenants', () => ownership.stop());
  const anchors = new Anchors({
    ...{ log, seal, places, clock: systemClock, ownership },
    onError: (error, tenant) => logger.error({ err: error, tenant }, 'the log was not anchored'),
  });
  // While the tenants are still this node's.
  if (!isInMemory) teardown.add('the anchors', () => anchors.stop());
  const runner = new ProjectionRunner({
    ...{ db, store, projections },
    onError: (error, tenant) => notProjected(error, tenant, logger),
    ...(isInMemory ? {} : { nodes: { ownership, bulletin } }),
  });
  teardown.add('the projections', () => runner.stop());
  return {
    ...{
      isInMemory,
      masterKeyText,
      pool,
      db,
      keys,
      projections,
      log,
      bulletin,
      ownership,
      census,
      blobs,
      bodies,
      stored,
      store,
      runner,
    },
    ...(nodes ? { nodes } : {}),
    ...(isInMemory ? {} : { anchoring: { anchors, places, seal } }),
    ...(isInMemory ? {} : { turns: postgresTurns({ pool, isAlone: () => bulletin.isAlone() }) }),
  };
}

/** Read models of an older program are made anew first; then all of them follow the log. */
export async function startFollowing(
  { db, store, projections, ownership, runner, anchoring }: Foundation,
  logger: Logger,
): Promise<void> {
  await rebuildOutdated({
    ...{ db, store, projections, comparison },
    onBegin: (projection, from, to) => logger.info({ projection, from, to }, 'a read model is made anew'),
    onEnd: (projection, { events }) => logger.info({ projection, events }, 'a read model was made anew'),
  });
  await ownership.start((await store.tenants()).map(({ tenant }) => tenant));
  await runner.start();
  anchoring?.anchors.start();
}

function leases(pool: Pool, bulletin: Bulletin, logger: Logger): NodeLeases {
  return new NodeLeases({
    ...{ pool, bulletin, version: program.version },
    onError: (error) => logger.warn({ err: error }, 'this node could not renew its lease, and will try again'),
  });
}

function notProjected(error: unknown, tenant: TenantId | undefined, logger: Logger): void {
  if (error instanceof NewerReadModel) {
    logger.warn(`${error.message} This node leaves the read models to the newer ones from now on.`);
  } else if (error instanceof CheckpointMoved) logger.debug({ tenant }, 'another node projected a page first');
  else logger.error({ err: error, tenant }, 'a page of events was not projected');
}

function openBulletin(pool: Pool, logger: Logger, othersLive: () => boolean): Promise<Bulletin> {
  return postgresBulletin({
    ...{ connection: pool.options, othersLive },
    onError: (error) => logger.warn({ err: error }, 'this node does not hear the others now, and looks for itself'),
  });
}

/** Nobody needs to look for what others stored while there are none. */
function sparing(log: EventLog, bulletin: Bulletin): EventLog {
  return log.heard ? { ...log, heard: (tenant) => (bulletin.isAlone() ? undefined : log.heard?.(tenant)) } : log;
}

function followedLog(log: EventLog, pool: Pool, bulletin: Bulletin, logger: Logger): Promise<EventLog> {
  return followOthers(log, {
    bulletin,
    heads: (tenants) => postgresHeads(pool, tenants),
    onError: (error) => logger.warn({ err: error }, 'what other nodes stored could not be read, and will be again'),
  });
}

async function connect(config: Config, logger: Logger): Promise<Database> {
  try {
    const database = await connectDatabase({
      databaseUrl: config.databaseUrl,
      dataDir: config.dataDir,
      applicationName: 'mobilesync',
      max: 20,
      mustBePrimary: true,
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
async function emptyReadModels(pool: Pool, db: Kysely<unknown>): Promise<void> {
  await mustHaveNoHome(pool);
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
