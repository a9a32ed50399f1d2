/** `npm run backup [-- <folder>]`: everything that is stored, in a folder, beside a running server. */
import path from 'node:path';
import { NoBackup } from '../../adapters/backup/manifest.ts';
import { writeBackup } from '../../adapters/backup/write.ts';
import { systemClock } from '../../adapters/clock.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { ConfigError } from '../config.ts';
import { mustReachRows } from '../log-home.ts';
import {
  backupDirOf,
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  mustExist,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';
import { type OpenedLog, openHomeLog } from './open-log.ts';

const help = [
  'Usage: npm run backup [-- <folder>]',
  '',
  'Writes one snapshot of everything that is stored into a folder of its own, compressed and with checksums, also beside',
  'a running server. Without a folder it is one below BACKUP_DIR, named by the time. Events in EventStoreDB are read up to',
  'where each tenant stood when the backup began; the manifest says where that is.',
  '',
  'The master key is not in it: without master.key (or MASTER_KEY) nobody can read a backup. Keep it elsewhere, and the',
  'anchors too. What is erased later is taken out of the backups below BACKUP_DIR.',
  '',
  ...environmentHelp,
  '  BACKUP_DIR    DATA_DIR/backups',
];

/** Answers with the exit code. `remark` is told of the progress. @throws ConfigError */
export async function runBackup(
  env: CliEnvironment,
  args: readonly string[],
  print: Print,
  remark: Print = print,
): Promise<number> {
  const { values, positionals } = parseOptions(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help) {
    for (const line of help) print(line);
    return 0;
  }
  if (positionals.length > 1) throw new ConfigError('Name one folder.');
  await mustExist(env);
  const at = systemClock.instant();
  const ledgerDirectory = path.resolve(backupDirOf(env));
  const folder = path.resolve(positionals[0] ?? path.join(ledgerDirectory, at.replaceAll(/[-:]|\.\d+/g, '')));
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: dataDirOf(env),
    applicationName: 'mobilesync backup',
    isShared: true,
    max: 1,
    log: remark,
  });
  let opened: OpenedLog | undefined;
  try {
    opened = await openHomeLog(env, database.pool);
    const log = opened.name === 'postgres' ? undefined : opened.log;
    if (log) await mustReachRows(database.pool, log);
    const manifest = await writeBackup({
      ...{ pool: database.pool, log, folder, ledgerDirectory, at },
      onProgress: ({ table, rows, bytes }) => remark(`${table}: ${rows} rows, ${bytes} bytes`),
    });
    const events = manifest.tables.find(({ name }) => name === 'events')?.rows ?? 0;
    print(`${events} events of ${manifest.tenants.length} tenants are in ${folder}`);
    if (path.dirname(folder) !== ledgerDirectory)
      remark(`it is not below BACKUP_DIR (${ledgerDirectory}): what is erased later stays in it until it is restored`);
    return 0;
  } catch (error) {
    throw error instanceof NoBackup ? new ConfigError(error.message) : error;
  } finally {
    await opened?.close();
    await database.close();
  }
}

if (import.meta.main) await runAsProcess((env) => runBackup(env, process.argv.slice(2), console.log, console.error));
