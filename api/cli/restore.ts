/** `npm run restore -- <folder>`: the state of a backup again, while the server is stopped. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type pg from 'pg';
import { raiseEpochs } from '../../adapters/activesync/conversation/raise-epochs.ts';
import { type LedgerEntry, readLedger } from '../../adapters/backup/ledger.ts';
import { checkBackup, loadBackup } from '../../adapters/backup/load.ts';
import { type Manifest, NoBackup, readManifest } from '../../adapters/backup/manifest.ts';
import { beginRestore, endRestore } from '../../adapters/backup/under-way.ts';
import { systemClock } from '../../adapters/clock.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { isMasterOf, postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal, inForce } from '../../adapters/event-log/anchors/anchor.ts';
import { Anchors } from '../../adapters/event-log/anchors/anchors.ts';
import { anchorFiles } from '../../adapters/event-log/anchors/files.ts';
import type { AnchorPlace } from '../../adapters/event-log/anchors/port.ts';
import { anchorTable } from '../../adapters/event-log/anchors/table.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { streamEnds } from '../../adapters/event-log/postgres/stream-ends.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { DataDirInUse } from '../../adapters/postgres/embedded.ts';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { erasureStream, erasureSubject } from '../../domain/erasure/events.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import { rebuild } from '../../projections/runner/rebuild.ts';
import { allEvents, allMigrations, allProjections } from '../catalogue.ts';
import { ConfigError } from '../config.ts';
import { derivedSecret, masterKeyFile } from '../master-key.ts';
import { LogProof } from '../services/log-proof.ts';
import {
  anchorDirOf,
  backupDirOf,
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  knownMasterKey,
  NotNow,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';

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
  const master = await knownMasterKey(env);
  if (master === undefined) {
    throw new ConfigError(
      `MASTER_KEY is missing, and ${masterKeyFile(dataDirOf(env))} is not there: give the one the backup was sealed under.`,
    );
  }
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

type Gone = Pick<LedgerEntry, 'tenant' | 'subjects' | 'at'> & Partial<Pick<LedgerEntry, 'erased'>>;

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
      const all = [...(await table.read(tenant)), ...(await files.read(tenant))].filter((one) => seal.isOurs(one));
      // What was anchored after the backup speaks of events that are given up now.
      return inForce(all).filter(({ position }) => position <= (heads.get(tenant) ?? 0));
    },
  };
  const proof = new LogProof({
    ...{ log: postgresEventLog({ pool }), places: [place], seal, streamEnds: (one) => streamEnds(pool, one) },
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

/** From here on the restored log is the log. Done again it does no harm. */
async function goOn(
  pool: Pool,
  options: {
    readonly master: string;
    readonly files: AnchorPlace;
    readonly tenants: Manifest['tenants'];
    readonly erased: readonly Gone[];
    readonly remark: Print;
  },
): Promise<void> {
  const { master, files, erased, remark } = options;
  const log = postgresEventLog({ pool });
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKeyFromBase64(master), maxCached: 200_000 });
  const store = createEventStore({ log, keys, clock: systemClock.instant, events: allEvents() });
  try {
    const seal = new AnchorSeal(derivedSecret(master, 'anchors'));
    const places = [anchorTable(pool), files];
    const onError = (error: unknown) => remark(`not anchored: ${(error as Error).message}`);
    const anchors = new Anchors({ log, seal, places, clock: systemClock, onError });
    const tenants = new Set([...options.tenants.map(({ tenant }) => tenant as TenantId), ...(await files.tenants())]);
    for (const tenant of tenants) await anchors.restored(tenant);
    for (const entry of erased) if (entry.erased) await tellErased(store, entry);
    const deps = { log, store, now: systemClock.instant, commandId: commandIdFrom, nonce: randomUUID };
    const raised = await raiseEpochs(deps);
    remark(
      `${raised.conversations} conversations and ${raised.hierarchies} hierarchies go on in epoch ${raised.epoch}`,
    );
    const db = createKysely<AnyDatabase>(pool);
    for (const projection of allProjections(keys)) {
      const { events } = await rebuild({ db, store, projection });
      remark(`${projection.name}: ${events} events folded`);
    }
    await anchors.stop(60_000);
    await endRestore(pool);
  } finally {
    await log.close();
  }
}

/** The word of the erasure was given up with the log; it is said again, so that history and devices hear of it. */
async function tellErased(store: EventStore, { tenant, at, erased, subjects }: Gone): Promise<void> {
  const { head, events } = await store.load(tenant, erasureStream);
  if (events.some((one) => one.meta.at === at && JSON.stringify(one.data) === JSON.stringify(erased))) return;
  const event = { type: 'SubjectErased', version: 1, data: erased } as const;
  const meta = {
    at,
    actor: { kind: 'system' },
    cause: { command: 'restore' },
    commandId: commandIdFrom(['restored erasure', at, ...subjects, randomUUID()]),
  } as const;
  const subject = erasureSubject;
  await store.append(tenant, [{ stream: erasureStream, head, subject, owner: subject, events: [{ event, meta }] }]);
}

if (import.meta.main)
  await runAsProcess(() => runRestore(process.env, process.argv.slice(2), console.log, console.error));
