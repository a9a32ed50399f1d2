/** `npm run restore -- <folder>`: the state of a backup again, while the server is stopped. */
import path from 'node:path';
import { readLedger } from '../../adapters/backup/ledger.ts';
import { checkBackup } from '../../adapters/backup/load.ts';
import { type Manifest, NoBackup, readManifest } from '../../adapters/backup/manifest.ts';
import { reaches } from '../../adapters/backup/staged-log.ts';
import { restoreUnderWay } from '../../adapters/backup/under-way.ts';
import { anchorFiles } from '../../adapters/event-log/anchors/files.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { DataDirInUse } from '../../adapters/postgres/embedded.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { allMigrations } from '../catalogue.ts';
import { ConfigError } from '../config.ts';
import { bringBack, type Source } from './bring-back.ts';
import {
  anchorDirOf,
  backupDirOf,
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  NotNow,
  neededMasterKey,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';
import { type OpenedLog, openHomeLog, openLog } from './open-log.ts';
import { type Gone, goOn } from './restored-log.ts';

const help = [
  'Usage: npm run restore -- <folder> [--replace] [--force]',
  '       npm run restore -- --in-place [--force]',
  '',
  'Puts the state of a backup back, while the server is stopped: proves the files and the log, makes the read models',
  'anew, and lets every device go on from what it holds, also where it is ahead of the backup. What was erased since the',
  'backup stays erased. When anything fails before the end, the database is as it was.',
  '',
  'A backup is put back into the log that EVENT_LOG names, whichever it was made of. EventStoreDB never gives up what it',
  'holds: it must be empty of what EVENTSTORE_PREFIX names, or hold a part of the backup, from a restore that was cut.',
  '',
  '  --replace   the database holds events: they are given up',
  '  --in-place  the database was brought back by PostgreSQL itself (pg_restore, recovery to a point in time): does the',
  '              rest, without which phones that are ahead would lose what they hold; beside an event store that is',
  '              ahead of it, names what cannot be read any more',
  '  --force     also when the log does not hold, or keys of it are lost',
  '',
  ...environmentHelp,
  '  MASTER_KEY    the one the backup was sealed under, unless it is kept in DATA_DIR',
  '  ANCHOR_DIR    anchors beside the database; DATA_DIR/anchors',
  '  BACKUP_DIR    where erasures are noted; DATA_DIR/backups',
];

/** Answers with the exit code. @throws ConfigError, NotNow */
export async function runRestore(
  env: CliEnvironment,
  args: readonly string[],
  print: Print,
  remark: Print = print,
): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    help: { type: 'boolean', short: 'h' },
    replace: { type: 'boolean' },
    'in-place': { type: 'boolean' },
    force: { type: 'boolean' },
  });
  if (values.help) {
    for (const line of help) print(line);
    return 0;
  }
  const [given, ...more] = positionals;
  const isInPlace = values['in-place'] === true;
  if (isInPlace ? given !== undefined : given === undefined || more.length > 0)
    throw new ConfigError(isInPlace ? '--in-place takes no folder.' : 'Name the folder of one backup.');
  const master = await neededMasterKey(env, ': give the one the backup was sealed under');
  try {
    const source = given === undefined ? undefined : await proven(path.resolve(given), remark);
    return await restoreInto(env, source, master, values, print, remark);
  } catch (error) {
    if (error instanceof NoBackup) throw new ConfigError(error.message);
    if (error instanceof DataDirInUse) throw new NotNow('The server runs: stop it, then restore.');
    throw error;
  }
}

/** @throws NoBackup, ConfigError */
async function proven(folder: string, remark: Print): Promise<Source> {
  const manifest = await readManifest(folder);
  const strange = manifest.migrations.filter((name) => !allMigrations().some((known) => known.name === name));
  if (strange.length > 0) {
    const steps = strange.join(', ');
    throw new ConfigError(`A newer version of MobileSync made this backup (${steps}): restore it with that.`);
  }
  remark(`proving the files of ${folder}`);
  await checkBackup(folder, manifest);
  return { folder, manifest };
}

/** Without a source the database is taken as it is: somebody else brought it back. */
async function restoreInto(
  env: CliEnvironment,
  source: Source | undefined,
  master: string,
  { replace, force }: { readonly replace?: boolean; readonly force?: boolean },
  print: Print,
  remark: Print,
): Promise<number> {
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: dataDirOf(env),
    applicationName: 'mobilesync restore',
    max: 6,
    log: remark,
  });
  const { pool } = database;
  let opened: OpenedLog | undefined;
  try {
    await mustBeAlone(pool);
    await migrate(pool, allMigrations());
    opened = source ? await openLog(env, pool) : await openHomeLog(env, pool);
    const erased = await erasedSince(env, source?.folder, pool);
    const files = anchorFiles(anchorDirOf(env));
    const options = { ...{ opened, erased, files, master, print, remark }, force: force === true };
    let tenants: Manifest['tenants'];
    if (source && (await isCutShort(pool, source, opened))) {
      remark(`going on with the restore of ${source.folder}`);
      tenants = source.manifest.tenants;
    } else {
      if (source && replace !== true) await mustBeEmpty(pool);
      tenants = await bringBack(pool, source, options);
    }
    await goOn(pool, { log: opened.log, master, files, tenants, erased, remark });
    const events = tenants.reduce((all, { position }) => all + position, 0);
    const since = source ? `as they were at ${source.manifest.at}` : 'ready to go on';
    print(`${events} events of ${tenants.length} tenants are ${since}`);
    return 0;
  } finally {
    await opened?.close();
    await database.close();
  }
}

/** Whether the backup is in the log and in the database, and only what follows was cut short. */
async function isCutShort(pool: Pool, { folder, manifest }: Source, { name, log }: OpenedLog): Promise<boolean> {
  if (name === 'postgres' || (await restoreUnderWay(pool)) !== folder) return false;
  return reaches(log, manifest.tenants);
}

/** Keys may be of events in another store, which nobody could read without them. */
async function mustBeEmpty(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ events: boolean; keys: boolean }>(
    'select exists (select from events) as events, exists (select from data_keys) as keys',
  );
  const { events = false, keys = false } = rows[0] ?? {};
  if (!events && !keys) return;
  const held = events ? 'events' : 'the keys of events that lie in an event store';
  throw new ConfigError(`The database holds ${held}: say --replace to give them up for those of the backup.`);
}

async function mustBeAlone(pool: Pool): Promise<void> {
  const { rows } = await pool.query(
    `select from pg_stat_activity where datname = current_database() and application_name = 'mobilesync' limit 1`,
  );
  if (rows.length > 0) throw new NotNow('The server runs: stop it, then restore.');
}

/** By the ledgers beside the backups, and by what the present database knows of destroyed keys. */
async function erasedSince(env: CliEnvironment, folder: string | undefined, pool: Pool): Promise<Gone[]> {
  const directories = new Set([
    path.resolve(backupDirOf(env)),
    ...(folder === undefined ? [] : [path.dirname(folder)]),
  ]);
  const ledgers = (await Promise.all([...directories].map(readLedger))).flat();
  const { rows } = await pool.query<{ tenant: TenantId; subjects: never[]; at: never }>(
    `select tenant, array_agg(subject) as subjects, max(destroyed_at)::text as at from data_keys
      where destroyed_at is not null group by tenant`,
  );
  const entries = new Map(ledgers.map((entry) => [JSON.stringify(entry), entry]));
  return [...entries.values(), ...rows];
}

if (import.meta.main) await runAsProcess((env) => runRestore(env, process.argv.slice(2), console.log, console.error));
