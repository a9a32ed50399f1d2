/**
 * Two PostgreSQL servers on loopback, each for a data centre: a primary and a standby that streams from it. The npm
 * package brings no pg_basebackup, so the standby is made by the functions it is made of (PostgreSQL's manual, "Making a
 * Base Backup Using the Low Level API").
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { binaries, type ServerUser, serverUser } from '../adapters/postgres/server-user.ts';
import { Forwarder } from './forwarder.ts';
import { freePorts } from './free-ports.ts';

const user = 'mobilesync';
const database = 'mobilesync';
/** What a standby has of its own, or makes anew. */
const notCopied =
  /^(postmaster\.(pid|opts)|standby\.signal|backup_label|postgresql\.auto\.conf|log|(pg_wal|pg_replslot|pg_stat_tmp)\/.*)$/;

export class CentreServer {
  readonly name: string;
  readonly port: number;
  readonly directory: string;
  readonly #password: string;
  readonly #as: ServerUser;

  constructor(name: string, port: number, directory: string, password: string, as: ServerUser) {
    this.name = name;
    this.port = port;
    this.directory = directory;
    this.#password = password;
    this.#as = as;
  }

  get connection() {
    return { host: '127.0.0.1', port: this.port, user, password: this.#password, database };
  }

  async ask<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client(this.connection);
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  async initialise(): Promise<void> {
    await this.#own(this.directory);
    const passwordFile = `${this.directory}.password`;
    await writeFile(passwordFile, this.#password, { mode: 0o600 });
    if (this.#as.uid !== undefined) await chown(passwordFile, this.#as.uid, this.#as.gid!);
    const { initdb } = await binaries();
    const given = [`--pgdata=${this.directory}`, `--username=${user}`, `--pwfile=${passwordFile}`];
    await this.#as.run(
      initdb,
      [...given, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--data-checksums'],
      this.directory,
    );
    await this.#configure();
    await this.start();
    const client = new pg.Client({ ...this.connection, database: 'postgres' });
    await client.connect();
    await client.query(`create database ${database}`);
    await client.end();
  }

  /** The data directory becomes a copy of the primary's, and follows it through the port. */
  async copy(primary: CentreServer, throughPort: number): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    const slot = this.name;
    const client = new pg.Client(primary.connection);
    await client.connect();
    try {
      await client.query(
        `select pg_create_physical_replication_slot($1, true)
          where not exists (select from pg_replication_slots where slot_name = $1)`,
        [slot],
      );
      await client.query(`select pg_backup_start($1, fast => true)`, [slot]);
      await this.#copyFiles(primary);
      const { rows } = await client.query('select labelfile from pg_backup_stop(wait_for_archive => false)');
      await writeFile(path.join(this.directory, 'backup_label'), rows[0].labelfile);
    } finally {
      await client.end();
    }
    const conninfo = `host=127.0.0.1 port=${throughPort} user=${user} password=${this.#password} application_name=${this.name}`;
    await writeFile(path.join(this.directory, 'postgresql.auto.conf'), '');
    await writeFile(path.join(this.directory, 'standby.signal'), '');
    await this.#configure({ primary_conninfo: conninfo, primary_slot_name: slot });
    await this.start();
  }

  /** A file that goes while it is copied is one that the WAL does not need either; cp gives up on it. */
  async #copyFiles(primary: CentreServer): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await cp(primary.directory, this.directory, {
          recursive: true,
          filter: (source) => !notCopied.test(path.relative(primary.directory, source)),
        });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 10) throw error;
      }
    }
  }

  async start(): Promise<void> {
    const { pg_ctl } = await binaries();
    const log = path.join(this.directory, 'log');
    await this.#as.run(pg_ctl, ['start', '-D', this.directory, '-l', log, '-w', '-t', '60', '-s'], this.directory);
  }

  async stop(): Promise<void> {
    const { pg_ctl } = await binaries();
    await this.#as
      .run(pg_ctl, ['stop', '-D', this.directory, '-m', 'immediate', '-w'], this.directory)
      .catch(() => undefined);
  }

  /** kill -9 of the server and all that it started, as a power cut ends them. */
  async kill(): Promise<void> {
    const postmaster = Number((await readFile(path.join(this.directory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    const children = (await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')).trim().split(' ');
    const all = [postmaster, ...children.map(Number)].filter((pid) => pid > 0);
    for (const pid of all) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    for (const pid of all) while (await isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    // A parent that is slow to notice leaves the number in use, which the next start would take for a server.
    await rm(path.join(this.directory, 'postmaster.pid'), { force: true });
  }

  async #configure(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: '',
      cluster_name: this.name,
      shared_buffers: '64MB',
      max_connections: '60',
      wal_keep_size: '64MB',
      wal_receiver_status_interval: '1s',
      wal_retrieve_retry_interval: '200ms',
      synchronous_commit: 'on',
      jit: 'off',
      io_method: 'sync',
      max_parallel_workers_per_gather: '0',
      log_min_messages: 'warning',
      ...more,
    };
    const file = path.join(this.directory, 'postgresql.conf');
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    await writeFile(file, lines.join(''));
    await this.#own(this.directory);
  }

  async #own(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (this.#as.uid === undefined) return;
    await promisify(execFile)('chown', ['-R', `${this.#as.uid}:${this.#as.gid}`, directory]);
  }
}

export class PostgresPair {
  primary: CentreServer;
  standby: CentreServer;
  /** Between the centres: what the standby receives passes here. */
  readonly line: Forwarder;

  private constructor(primary: CentreServer, standby: CentreServer, line: Forwarder) {
    this.primary = primary;
    this.standby = standby;
    this.line = line;
  }

  /** @param directory exists, and others may pass through it. */
  static async start(directory: string): Promise<PostgresPair> {
    const as = await serverUser(directory);
    const password = randomBytes(18).toString('base64url');
    const [portA, portB] = (await freePorts(2)) as [number, number];
    const server = (name: string, port: number) =>
      new CentreServer(name, port, path.join(directory, name), password, as);
    const primary = server('centre_a', portA);
    await primary.initialise();
    const pair = new PostgresPair(primary, server('centre_b', portB), await Forwarder.to(primary.port));
    await pair.rebuildStandby();
    return pair;
  }

  /** Whether a commit waits until the standby has it on its disk. */
  async setSynchronous(isSynchronous: boolean): Promise<void> {
    const names = isSynchronous ? `FIRST 1 (${this.standby.name})` : '';
    await this.primary.ask(`alter system set synchronous_standby_names = '${names}'`);
    await this.primary.ask('select pg_reload_conf()');
    if (isSynchronous) await until(async () => (await this.#replication()) === 'sync');
  }

  /** The standby becomes the primary, as an operator makes it that; the other has to be dead by then. */
  async promote(): Promise<void> {
    const [answer] = await this.standby.ask<{ promoted: boolean }>('select pg_promote(true, 30) as promoted');
    if (!answer?.promoted) throw new Error('the standby was not promoted in time');
    [this.primary, this.standby] = [this.standby, this.primary];
  }

  /** The one that is not the primary is made anew from it, whatever it held. */
  async rebuildStandby(): Promise<void> {
    this.line.pointAt(this.primary.port);
    await this.standby.copy(this.primary, this.line.port);
    await until(async () => (await this.#replication()) !== undefined);
  }

  async stop(): Promise<void> {
    await this.line.close();
    await this.standby.stop();
    await this.primary.stop();
  }

  async #replication(): Promise<string | undefined> {
    const rows = await this.primary.ask<{ state: string; sync_state: string }>(
      'select state, sync_state from pg_stat_replication where application_name = $1',
      [this.standby.name],
    );
    return rows[0]?.state === 'streaming' ? rows[0].sync_state : undefined;
  }
}

/** One that has ended and was not noticed yet holds nothing any more. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await isSo()); ) {
    if (Date.now() > deadline) throw new Error('the standby does not follow the primary');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
