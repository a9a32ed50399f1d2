/** A server starts on the log that holds the events of its database, or not at all. */
import { lostKeys } from '../adapters/backup/lost-keys.ts';
import type { EventLog } from '../adapters/event-log/port.ts';
import { claimLogHome, type LogName, readLogHome } from '../adapters/log-copy/home.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import type { Position, TenantId } from '../domain/shared/ids.ts';
import { ConfigError } from './config.ts';

/** The command that moves the events, as it is typed. */
export const moveCommand = (from: LogName, to: LogName): string =>
  `npm run mobilesync -- log copy --from ${from} --to ${to} --cut-over`;

/** @throws ConfigError while the events are in another log, or are being moved. */
export async function mustBeHome(pool: Pool, eventLog: LogName): Promise<void> {
  const { log, movingTo } = await claimLogHome(pool, eventLog);
  if (movingTo !== undefined) {
    throw new ConfigError(
      `The events are being moved from ${log} to ${movingTo}: ${moveCommand(log, movingTo)} finishes it, npm run mobilesync -- log unseal gives it up.`,
    );
  }
  if (log !== eventLog) {
    throw new ConfigError(
      `EVENT_LOG=${eventLog}, but the events of this database are in ${log}: start with EVENT_LOG=${log}, or move them first, with ${moveCommand(log, eventLog)}.`,
    );
  }
}

/** A log in memory begins with nothing. @throws ConfigError where the events of the database are elsewhere. */
export async function mustHaveNoHome(pool: Pool): Promise<void> {
  const home = await readLogHome(pool);
  if (home === undefined || home.log === 'postgres') return;
  throw new ConfigError(
    `EVENT_LOG=memory, but the events of this database are in ${home.log}: choose another DATA_DIR or DATABASE_URL.`,
  );
}

/**
 * Of a log that is kept elsewhere than the keys. What the database lost when an earlier state of it was brought back was
 * not projected in it either: only events behind its read models are looked at, and ordinarily there are none.
 * @throws ConfigError when it lacks keys of what is in the log: others would be made in their place.
 */
export async function mustHaveKeys(pool: Pool, log: Pick<EventLog, 'readAll' | 'tenants'>): Promise<void> {
  const [lost] = await lostKeys(pool, log, await positionsOfRows(pool));
  if (!lost) return;
  throw new ConfigError(
    `The database is of an earlier point than the event store: in ${lost.tenant} the keys of ${lost.subjects.length} items or people are lost. ` +
      'Bring back a later state of it, or give up what they sealed with npm run restore -- --in-place --force.',
  );
}

/** Of a log that is kept elsewhere than the rows. @throws ConfigError when it ends before what they were made of. */
export async function mustReachRows(pool: Pool, log: Pick<EventLog, 'head'>): Promise<void> {
  for (const [tenant, position] of await positionsOfRows(pool)) {
    const head = await log.head(tenant);
    if (head >= position) continue;
    throw new ConfigError(
      `The event log is behind this database: it holds ${head} events of ${tenant}, and the read models were made of ${position}. ` +
        'Either EVENTSTORE_URL or EVENTSTORE_PREFIX names another log than before, or the store has lost events: npm run restore brings a backup back.',
    );
  }
}

/** Up to which position of each tenant any read model was made. */
async function positionsOfRows(pool: Pool): Promise<Map<TenantId, Position>> {
  const { rows } = await pool.query<{ tenant: TenantId; position: Position }>(
    'select tenant, max(position) as position from projection_checkpoint group by tenant order by tenant',
  );
  return new Map(rows.map(({ tenant, position }) => [tenant, position]));
}
