/** The real server as a process of its own, on a free port, with a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logEnv } from './e2e-log.ts';

export interface ServerOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  readonly startWithinMs?: number;
}

export const adminToken = 'token-of-the-tests';

const main = fileURLToPath(new URL('../api/main.ts', import.meta.url));

export class ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #hasEnded = false;

  private constructor(child: ChildProcess, ended: Promise<void>, url: string, dataDir: string) {
    this.#child = child;
    this.#ended = ended;
    void ended.then(() => (this.#hasEnded = true));
    this.pid = child.pid!;
    this.url = url;
    this.dataDir = dataDir;
  }

  /** Resolves when it prints that it serves. @throws Error with what it said when it ends or takes too long. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const { dataDir, env = {}, nodeArgs = [], startWithinMs = 60_000 } = options;
    const child = spawn(process.execPath, [...nodeArgs, main], {
      env: {
        PATH: process.env.PATH,
        PORT: '0',
        DATA_DIR: dataDir,
        ADMIN_TOKEN: adminToken,
        POLL_INTERVAL_SECONDS: '604800',
        LOG_LEVEL: 'warn',
        ...logEnv(dataDir),
        // Whoever tests asks faster than any phone.
        ...{ REQUESTS_PER_MINUTE: '0', REPEATS_PER_MINUTE: '0', NEW_DEVICES_PER_HOUR: '0' },
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const log = createWriteStream(`${dataDir}.log`, { flags: 'a' });
    child.stdout!.pipe(log, { end: false });
    child.stderr!.pipe(log, { end: false });
    void ended.then(() => log.end());
    let said = '';
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(`the server ${why}:\n${said.slice(-4_000)}`));
      };
      const timer = setTimeout(() => fail(`did not serve within ${startWithinMs} ms`), startWithinMs);
      const hear = (chunk: Buffer): void => {
        if (said.length < 100_000) said += chunk.toString();
        const ready = /^ready (\S+)$/m.exec(said);
        if (!ready) return;
        clearTimeout(timer);
        resolve(ready[1]!);
      };
      child.stdout!.on('data', hear);
      child.stderr!.on('data', hear);
      void ended.then(() => fail('ended'));
    }).catch(async (error) => {
      child.kill('SIGKILL');
      await ended;
      throw error;
    });
    return new ServerProcess(child, ended, url, dataDir);
  }

  /** The embedded PostgreSQL, which is nobody's child and outlives a killed server. */
  postmaster(): Promise<Postmaster> {
    return postmasterOf(this.dataDir);
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** A connection is cut a moment before its process is known to be gone. */
  async endsWithin(timeoutMs: number): Promise<boolean> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([this.#ended, late]);
    return this.#hasEnded;
  }

  /** As the operator stops it. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }

  /** As a power cut stops it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

export interface Postmaster {
  readonly pid: number;
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
}

/** The embedded PostgreSQL that runs on a data directory. */
export async function postmasterOf(dataDir: string): Promise<Postmaster> {
  // Lines of postmaster.pid: pid, directory, start, port, socket directory.
  const lines = (await readFile(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
  const password = (await readFile(path.join(dataDir, 'postgres.password'), 'utf8')).trim();
  const connection = { host: lines[4]!, port: Number(lines[3]), user: 'mobilesync', password, database: 'mobilesync' };
  return { pid: Number(lines[0]), connection };
}
