/** The event log of a server, opened by a command that works on it itself. */
import type { LogCensus } from '../../adapters/event-log/census.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { type LogName, readLogHome } from '../../adapters/log-copy/home.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { ConfigError, readConfig } from '../config.ts';
import { censusOf, openEventLog } from '../event-log.ts';
import type { CliEnvironment } from './command-line.ts';

export interface OpenedLog {
  readonly name: LogName;
  readonly log: EventLog;
  readonly census: LogCensus;
  close(): Promise<void>;
}

/**
 * The log that `EVENT_LOG` names; its database is `pool`.
 * @throws ConfigError when it is none that outlives a process, or cannot be opened.
 */
export async function openLog(env: CliEnvironment, pool: Pool): Promise<OpenedLog> {
  const { EVENT_LOG, EVENTSTORE_URL, EVENTSTORE_PREFIX } = env;
  const config = readConfig({ EVENT_LOG, EVENTSTORE_URL, EVENTSTORE_PREFIX });
  const { eventLog } = config;
  if (eventLog === 'memory') throw new ConfigError('EVENT_LOG=memory keeps nothing that a command could work on.');
  const log = await openEventLog({ config, pool, isFollowing: false, onError: () => {} });
  return { name: eventLog, log, census: censusOf(eventLog, log, pool), close: () => log.close() };
}

/** As `openLog`, for reading: it must be the log that the database says its events are in. @throws ConfigError */
export async function openHomeLog(env: CliEnvironment, pool: Pool): Promise<OpenedLog> {
  const opened = await openLog(env, pool);
  try {
    const home = await readLogHome(pool);
    if (home === undefined || home.log === opened.name) return opened;
    throw new ConfigError(
      `EVENT_LOG=${opened.name}, but the events of this database are in ${home.log}: say EVENT_LOG=${home.log}.`,
    );
  } catch (error) {
    await opened.close();
    throw error;
  }
}
