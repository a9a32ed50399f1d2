/** What a copy of the log reads from and writes to: the logs of an installation, or the one of another PostgreSQL. */
import type { EventLog } from '../../adapters/event-log/port.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { passingSeal } from '../../adapters/event-log/postgres/seal.ts';
import { type LogHome, type LogName, logNames } from '../../adapters/log-copy/home.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool, type Pool } from '../../adapters/postgres/pool.ts';
import { allMigrations } from '../catalogue.ts';
import { ConfigError } from '../config.ts';
import type { CliEnvironment, Print } from './command-line.ts';
import { openLog } from './open-log.ts';

/** `elsewhere` holds a password and is never shown. */
export type LogEnd = { readonly name: LogName } | { readonly elsewhere: string };

export interface LogEnds {
  readonly from: LogName;
  readonly to: LogEnd;
}

/** `postgres`, `eventstoredb`; as a target also `postgres=<url>`. @throws ConfigError */
export function parseEnds(from: string, to: string): LogEnds {
  const [source, target] = [endOf('from', from), endOf('to', to)];
  if ('elsewhere' in source) throw new ConfigError(`--from must be ${logNames.join(' or ')}.`);
  if ('name' in target && target.name === source.name)
    throw new ConfigError('--from and --to name one and the same log.');
  return { from: source.name, to: target };
}

function endOf(option: string, text: string): LogEnd {
  const name = logNames.find((one) => one === text);
  if (name) return { name };
  const url = text.startsWith('postgres=') ? text.slice('postgres='.length) : '';
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return { elsewhere: url };
  throw new ConfigError(`--${option} must be ${logNames.join(' or ')}${option === 'to' ? ', or postgres=<url>' : ''}.`);
}

/** How an end is called in what is printed. */
export const endName = (end: LogEnd): string => ('name' in end ? end.name : 'the other PostgreSQL');

/**
 * Events are copied from where they are to where no server appends.
 * @throws ConfigError where they are elsewhere, or on their way elsewhere
 */
export function mustFitHome({ from, to }: LogEnds, home: LogHome | undefined): asserts home {
  if (home === undefined)
    throw new ConfigError('No server was ever started on this database: there is nothing to copy.');
  const { log, movingTo } = home;
  if (log !== from)
    throw new ConfigError(`The events of this database are in ${log}: that is where to copy them from.`);
  if (movingTo === undefined || ('name' in to && movingTo === to.name)) return;
  throw new ConfigError(
    `The events are being moved from ${log} to ${movingTo}: finish that, or give it up with log unseal.`,
  );
}

export interface OpenedEnds {
  readonly from: EventLog;
  readonly to: EventLog;
  close(): Promise<void>;
}

/** @param pool the database of the installation, made with `passingSeal`. @throws ConfigError */
export async function openEnds(
  env: CliEnvironment,
  pool: Pool,
  { from, to }: LogEnds,
  remark: Print,
): Promise<OpenedEnds> {
  const source = await openLog({ ...env, EVENT_LOG: from }, pool);
  try {
    const target =
      'name' in to ? await openLog({ ...env, EVENT_LOG: to.name }, pool) : await openElsewhere(to.elsewhere, remark);
    const close = async () => {
      await Promise.allSettled([source.close(), target.close()]);
    };
    return { from: source.log, to: target.log, close };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openElsewhere(url: string, remark: Print): Promise<{ log: EventLog; close: () => Promise<void> }> {
  const pool = createPool({
    ...{ connection: url, applicationName: 'mobilesync log copy', max: 6, settings: passingSeal },
    onError: (error) => remark(`an idle connection to the other PostgreSQL failed: ${error.message}`),
  });
  try {
    await migrate(pool, allMigrations());
  } catch (error) {
    await pool.end();
    throw new ConfigError(`--to names a database that cannot be used: ${(error as Error).message}.`);
  }
  const log = postgresEventLog({ pool });
  const close = async () => {
    await log.close();
    await pool.end();
  };
  return { log, close };
}
