/** `npm run restore -- <folder>`: the state of a backup again, while the server is stopped. */
import path from 'node:path';
import type pg from 'pg';
import { readLedger } from '../../adapters/backup/ledger.ts';
import { checkBackup, loadBackup } from '../../adapters/backup/load.ts';
import { type Manifest, NoBackup, readManifest } from '../../adapters/backup/manifest.ts';
import { beginRestore } from '../../adapters/backup/under-way.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { isMasterOf, postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal, standingAt } from '../../adapters/event-log/anchors/anchor.ts';
import { anchorFiles } from '../../adapters/event-log/anchors/files.ts';
import type { AnchorPlace } from '../../adapters/event-log/anchors/port.ts';
import { anchorTable } from '../../adapters/event-log/anchors/table.ts';
import { postgresCensus } from '../../adapters/event-log/postgres/census.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { DataDirInUse } from '../../adapters/postgres/embedded.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { allMigrations } from '../catalogue.ts';
import { ConfigError } from '../config.ts';
import { derivedSecret } from '../master-key.ts';
import { LogProof } from '../services/log-proof.ts';
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
import { type Gone, goOn } from './restored-log.ts';

const help = [
  'Usage: npm run restore -- <folder> [--replace] [--force]',
  '       npm run restore -- --in-place [--force]',
  '',
  'Puts the state of a backup back, while the server is stopped: proves the files and the log, makes the read models',
  'anew, and lets every device go on from what it holds, also where it is ahead of the backup. What was erased since the',
  'backup stays erased. When anything fails before the end, the database is as it was.',
  '',
  '  --replace   the database holds events: they are given up',
  '  --in-place  the database was brought back by PostgreSQL itself (pg_restore, recovery to a point in time): does the',
  '              rest, without which phones that are ahead would lose what they hold',
  '  --force     also when the log does not hold',
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

interface Source {
  readonly folder: string;
  readonly manifest: Manifest;
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
  try {
    await mustBeAlone(pool);
    await migrate(pool, allMigrations());
    const { rows } = await pool.query('select from events limit 1');
    if (source && rows.length > 0 && replace !== true)
      throw new ConfigError('The database holds events: say --replace to give them up for those of the backup.');
    const erased = await erasedSince(env, source?.folder, pool);
    const files = anchorFiles(anchorDirOf(env));
    const client = await pool.connect();
    let isBroken = false;
    let tenants: Manifest['tenants'];
    try {
      await client.query('begin');
      if (source) {
        const told = (table: string, count: number) => remark(`${table}: ${count} rows`);
        await loadBackup(client, source.folder, source.manifest, erased, told);
      } else await eraseAgain(client, erased);
      tenants = (await client.query<Manifest['tenants'][number]>('select tenant, position from tenants')).rows;
      await mustHold(client, { master, tenants, files, force: force === true, print });
      await beginRestore(client, source?.folder ?? 'the database in place');
      await client.query('commit');
    } catch (error) {
      isBroken = true;
      throw error;
    } finally {
      client.release(isBroken);
    }
    await goOn(pool, { master, files, tenants, erased, remark });
    const events = tenants.reduce((all, { position }) => all + position, 0);
    const since = source ? `as they were at ${source.manifest.at}` : 'ready to go on';
    print(`${events} events of ${tenants.length} tenants are ${since}`);
    return 0;
  } finally {
    await database.close();
  }
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

/** What the ledgers name goes once more. */
async function eraseAgain(client: pg.PoolClient, erased: readonly Gone[]): Promise<void> {
  for (const { tenant, subjects, at } of erased)
    await client.query(
      `update data_keys set wrapped = null, destroyed_at = $3
        where tenant = $1 and subject = any($2::text[]) and wrapped is not null`,
      [tenant, subjects, at],
    );
}

/** @throws ConfigError when the restored log does not hold; the transaction is the caller's to give up. */
async function mustHold(
  client: pg.PoolClient,
  options: {
    readonly master: string;
    readonly tenants: Manifest['tenants'];
    readonly files: AnchorPlace;
    readonly force: boolean;
    readonly print: Print;
  },
): Promise<void> {
  const { master, tenants, files, force, print } = options;
  // Reads what the transaction wrote; there is nobody else to share the connection with.
  const pool = { query: client.query.bind(client) } as unknown as Pool;
  const owner = masterKeyFromBase64(master);
  if ((await isMasterOf(pool, owner)) === false)
    throw new ConfigError('It was sealed under another master key: give the one it had.');
  const seal = new AnchorSeal(derivedSecret(master, 'anchors'));
  const heads = new Map(tenants.map(({ tenant, position }) => [tenant as TenantId, position]));
  const table = anchorTable(pool);
  const place: AnchorPlace = {
    ...table,
    async read(tenant) {
      const kept = [await table.read(tenant), await files.read(tenant)];
      // What was anchored after the backup speaks of events that are given up now.
      return standingAt(
        kept.map((anchors) => anchors.filter((one) => seal.isOurs(one))),
        heads.get(tenant) ?? 0,
      );
    },
  };
  const proof = new LogProof({
    ...{ log: postgresEventLog({ pool }), places: [place], seal, census: postgresCensus(pool) },
    keys: keyRing({ table: postgresKeyTable({ pool }), master: owner }),
  });
  let findings = 0;
  for await (const line of proof.verify([...heads.keys()])) {
    if (line.kind === 'finding') print(`${line.finding.tenant}: ${line.text}`);
    if (line.kind === 'done') findings = line.findings;
  }
  if (findings > 0 && !force)
    throw new ConfigError(`The log of it does not hold (${findings} findings): nothing was restored.`);
}

if (import.meta.main) await runAsProcess((env) => runRestore(env, process.argv.slice(2), console.log, console.error));
