/** The database of a server, opened by a command that reads what its events say. */
import { systemClock } from '../../adapters/clock.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { isMasterOf, postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import type { KeyRing } from '../../adapters/crypto.port.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { allEvents } from '../catalogue.ts';
import { mustReachRows } from '../log-home.ts';
import { mustBeMaster } from '../master-key.ts';
import { type CliEnvironment, dataDirOf, mustExist, neededMasterKey, type Print } from './command-line.ts';
import { openHomeLog } from './open-log.ts';

export interface OpenStoreOptions {
  /** Of the connections, as PostgreSQL shows them. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max: number;
  readonly isReadOnly?: boolean;
  /** Keys at hand; as many as a server keeps unless told. */
  readonly keysCachedMax?: number;
  readonly log: Print;
}

export interface OpenedStore {
  readonly pool: Pool;
  readonly keys: KeyRing;
  /** Events as they are stored: long bodies are named. */
  readonly stored: EventStore;
  /** In base64. */
  readonly masterKey: string;
  close(): Promise<void>;
}

/** Also beside a running server. @throws ConfigError without a database, or without its master key. */
export async function openStore(env: CliEnvironment, options: OpenStoreOptions): Promise<OpenedStore> {
  const { applicationName, max, isReadOnly, keysCachedMax } = options;
  await mustExist(env);
  const masterKey = await neededMasterKey(env);
  const master = masterKeyFromBase64(masterKey);
  const database = await connectDatabase({
    ...{ databaseUrl: env.DATABASE_URL, dataDir: dataDirOf(env), applicationName, max, isReadOnly },
    isShared: true,
    log: options.log,
  });
  const { pool } = database;
  const opened = await openHomeLog(env, pool).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const { log } = opened;
  const close = async () => {
    await opened.close();
    await database.close();
  };
  try {
    if (opened.name !== 'postgres') await mustReachRows(pool, log);
    mustBeMaster(await isMasterOf(pool, master), env.MASTER_KEY?.trim() || undefined, dataDirOf(env));
    const keys = keyRing({ table: postgresKeyTable({ pool }), master, maxCached: keysCachedMax });
    const stored = createEventStore({ log, keys, clock: systemClock.instant, events: allEvents() });
    return { pool, keys, stored, masterKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}
