/** `mobilesync log copy`: the events of an installation into another log, and the move to it. */
import { passingSeal } from '../../adapters/event-log/postgres/seal.ts';
import { LogCopy, type Standing } from '../../adapters/log-copy/copy.ts';
import { cutOver } from '../../adapters/log-copy/cut-over.ts';
import { LogsDiffer } from '../../adapters/log-copy/difference.ts';
import { type LogName, readLogHome } from '../../adapters/log-copy/home.ts';
import { type Progress, progressText } from '../../adapters/log-copy/meter.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { NO_POSITION, type TenantId } from '../../domain/shared/ids.ts';
import { ConfigError } from '../config.ts';
import { moveCommand } from '../log-home.ts';
import { type CliEnvironment, dataDirOf, mustExist, NotNow, type Print } from './command-line.ts';
import { endName, type LogEnds, mustFitHome, openEnds, parseEnds } from './log-ends.ts';
import { moveSteps, unseal } from './log-move.ts';
import { type Column, printRows } from './output.ts';

export interface LogCopyRequest {
  readonly from: string;
  readonly to: string;
  /** Only this one. */
  readonly tenant?: string | undefined;
  /** Compares everything that is there already, and not only the last event of every tenant. */
  readonly isVerifying: boolean;
  readonly isDry: boolean;
  /** Keeps the copy up with the log until it is ended. */
  readonly isFollowing: boolean;
  readonly isCutOver: boolean;
}

const progressEveryMs = 2_000;

/** Answers with the exit code. `signal` ends it between two pages. @throws ConfigError, NotNow */
export async function runLogCopy(
  env: CliEnvironment,
  request: LogCopyRequest,
  print: Print,
  remark: Print = print,
  signal?: AbortSignal,
): Promise<number> {
  const ends = parseEnds(request.from, request.to);
  mustBeOneWish(request, ends);
  return withDatabase(env, remark, async (pool) => {
    mustFitHome(ends, await readLogHome(pool));
    const opened = await openEnds(env, pool, ends, remark);
    try {
      const { from, to } = opened;
      const tenant = request.tenant as TenantId | undefined;
      if (tenant !== undefined && (await from.head(tenant)) === NO_POSITION)
        throw new ConfigError(`There are no events of a tenant ${tenant}.`);
      const copy = new LogCopy({ from, to, tenant, signal, onProgress: everyNowAndThen(remark) });
      return await work({ copy, pool, ends, request, print, remark });
    } catch (error) {
      await remarkSeal(pool, remark);
      if (error instanceof LogsDiffer)
        throw new NotNow(`It is not the same log. ${error.message}. Nothing was overwritten.`);
      if (signal?.aborted) throw new NotNow('Ended before the end: the same command goes on where it was.');
      throw error;
    } finally {
      await opened.close();
    }
  });
}

/** `mobilesync log unseal`. Answers with the exit code. @throws ConfigError, NotNow */
export async function runLogUnseal(env: CliEnvironment, print: Print, remark: Print = print): Promise<number> {
  return withDatabase(env, remark, async (pool) => {
    const home = await readLogHome(pool);
    await unseal(pool, home);
    print(`the move is given up: servers start on ${home?.log} as before`);
    return 0;
  });
}

interface Work {
  readonly copy: LogCopy;
  readonly pool: Pool;
  readonly ends: LogEnds;
  readonly request: LogCopyRequest;
  readonly print: Print;
  readonly remark: Print;
}

async function work({ copy, pool, ends, request, print, remark }: Work): Promise<number> {
  const [from, to] = [ends.from, endName(ends.to)];
  if (request.isDry) {
    const standings = await copy.compare(request.isVerifying);
    printRows(print, standings, columns, 'table', `there are no events in ${from}`);
    const held = sum(standings, 'held');
    print(`${to} holds ${held} of ${sum(standings, 'head')} events${held > 0 ? `, ${proven(request)}` : ''}`);
    return 0;
  }
  if (request.isCutOver && 'name' in ends.to) {
    const target = ends.to.name;
    const standings = await cutOver(copy, {
      ...moveSteps(pool, from, target),
      onCopied: (events, isSealed) =>
        remark(
          isSealed ? `${events} events copied after ${from} was sealed` : `${events} events copied; sealing ${from}`,
        ),
    });
    for (const line of moved(from, target, standings)) print(line);
    return 0;
  }
  await copy.compare(request.isVerifying);
  const copied = await copy.catchUp();
  const standings = await copy.standings();
  print(
    `${copied} events copied: ${to} holds ${sum(standings, 'held')} of ${sum(standings, 'head')}, ${proven(request)}`,
  );
  if (request.isFollowing) {
    remark(`following ${from}; end it with Ctrl-C`);
    await copy.follow((events) => remark(`${events} events copied`)).catch(unlessAborted);
  }
  if ('name' in ends.to) remark(`nothing is switched over: ${moveCommand(from, ends.to.name)} does that`);
  return 0;
}

/** After an error, which may be that of the database. */
async function remarkSeal(pool: Pool, remark: Print): Promise<void> {
  const home = await readLogHome(pool).catch(() => undefined);
  if (home?.movingTo === undefined) return;
  remark(`${home.log} is sealed and no server starts: the same command goes on, log unseal gives the move up`);
}

function moved(from: LogName, to: LogName, standings: readonly Standing[]): string[] {
  const store = to === 'eventstoredb' ? ', and EVENTSTORE_URL and EVENTSTORE_PREFIX as here' : '';
  return [
    `all ${sum(standings, 'head')} events of ${standings.length} tenants are in ${to}, and are the same as in ${from}`,
    `Start every server with EVENT_LOG=${to}${store}. Read models, keys and bodies stay as they are.`,
    ...(from === 'postgres' ? ['Servers that still run are refused every change until then.'] : []),
    `The way back: ${moveCommand(to, from)}`,
  ];
}

/** @throws ConfigError for options that contradict each other */
function mustBeOneWish({ tenant, isDry, isFollowing, isCutOver }: LogCopyRequest, { to }: LogEnds): void {
  if ([isDry, isFollowing, isCutOver].filter(Boolean).length > 1)
    throw new ConfigError('Say one of --dry-run, --follow and --cut-over.');
  if (!isCutOver) return;
  if (tenant !== undefined) throw new ConfigError('--cut-over moves all tenants: leave --tenant out.');
  if ('elsewhere' in to)
    throw new ConfigError(
      '--cut-over does not move to another PostgreSQL: keys, bodies and read models lie in this one. Use backup and restore.',
    );
}

async function withDatabase(env: CliEnvironment, remark: Print, run: (pool: Pool) => Promise<number>): Promise<number> {
  await mustExist(env);
  const database = await connectDatabase({
    ...{ databaseUrl: env.DATABASE_URL, dataDir: dataDirOf(env), applicationName: 'mobilesync log copy', max: 8 },
    ...{ settings: passingSeal, isShared: true, log: remark },
  });
  try {
    const lock = await database.pool.connect();
    try {
      const { rows } = await lock.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [copyLock]);
      if (!rows[0]?.free) throw new NotNow('Another log copy is at work on this database.');
      return await run(database.pool);
    } finally {
      lock.release(true);
    }
  } finally {
    await database.close();
  }
}

/** Of whoever copies or moves a log of the database. */
const copyLock = 7_304_115;

function everyNowAndThen(remark: Print): (progress: Progress) => void {
  let toldMs = performance.now();
  return (progress) => {
    if (performance.now() - toldMs < progressEveryMs) return;
    toldMs = performance.now();
    remark(progressText(progress));
  };
}

function unlessAborted(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}

const sum = (standings: readonly Standing[], of: 'head' | 'held'): number =>
  standings.reduce((all, standing) => all + standing[of], 0);

const proven = ({ isVerifying }: LogCopyRequest): string =>
  isVerifying ? 'every one of them the same' : 'the last of every tenant the same';

const columns: readonly Column<Standing>[] = [
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'events', value: ({ head }) => String(head) },
  { name: 'copied', value: ({ held }) => String(held) },
  { name: 'left', value: ({ head, held }) => String(head - held) },
];
