/** The event log that the configuration names, opened: for the server and for the tools beside it. */
import { type LogCensus, walkedCensus } from '../adapters/event-log/census.ts';
import { BadAddress, parseAddress } from '../adapters/event-log/eventstoredb/address.ts';
import { EventStoreUnavailable } from '../adapters/event-log/eventstoredb/failure.ts';
import { eventStoreLog } from '../adapters/event-log/eventstoredb/log.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import { type EventLog, LogSealed } from '../adapters/event-log/port.ts';
import { postgresCensus } from '../adapters/event-log/postgres/census.ts';
import { postgresEventLog } from '../adapters/event-log/postgres/log.ts';
import { isAway } from '../adapters/postgres/away.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import { type Config, ConfigError } from './config.ts';

export interface EventLogOptions {
  readonly config: Pick<Config, 'eventLog' | 'eventStoreUrl' | 'eventStorePrefix'>;
  /** The database of the server, whose events are there with `postgres`. */
  readonly pool: Pool;
  /** Whether an event store tells what other processes store. PostgreSQL's log is followed by other means. */
  readonly isFollowing: boolean;
  /** Something behind the calls went wrong and is tried again. */
  readonly onError: (error: unknown, tenant?: TenantId) => void;
}

/** @throws ConfigError when the store cannot be used; with EventStoreDB within seconds. */
export async function openEventLog({ config, pool, isFollowing, onError }: EventLogOptions): Promise<EventLog> {
  const { eventLog, eventStoreUrl, eventStorePrefix: prefix } = config;
  if (eventLog === 'memory') return memoryEventLog();
  if (eventLog === 'postgres') return postgresEventLog({ pool });
  try {
    return await eventStoreLog({ address: parseAddress(eventStoreUrl ?? ''), prefix, isFollowing, onError });
  } catch (error) {
    if (error instanceof BadAddress) throw new ConfigError(`${error.message}.`);
    if (!(error instanceof Error)) throw error;
    throw new ConfigError(`EVENTSTORE_URL names a store that cannot be used: ${error.message}.`);
  }
}

/** In the log's own way, or through the port alone. */
export const censusOf = (eventLog: Config['eventLog'], log: EventLog, pool: Pool): LogCensus =>
  eventLog === 'postgres' ? postgresCensus(pool) : walkedCensus(log);

/** Nothing can be stored just now, since a store is not reached or the log is moved; the same later will do. */
export const isStoreAway = (error: unknown): boolean =>
  error instanceof EventStoreUnavailable || error instanceof LogSealed || isAway(error);
