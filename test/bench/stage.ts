/** What every scenario plays on: the server, its database, and the people's phones. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pLimit from 'p-limit';
import pg from 'pg';
import { EasClient } from '../eas-client/client.ts';
import { Phone } from '../eas-client/phone.ts';
import { newState } from '../eas-client/state.ts';
import { Transport } from '../eas-client/transport.ts';
import { adminToken, ServerProcess } from '../server-process.ts';
import type { Measured } from './measure.ts';

export interface StageOptions {
  readonly users: number;
  /** The demo's people with their simulated office, or people of our own without one. */
  readonly office: boolean;
  readonly exactRows: boolean;
  /** Where the server's CPU profile is written when it stops. */
  readonly profileDir: string | undefined;
  readonly keep: boolean;
}

const connections = 64;

export class Stage implements Measured {
  readonly server: ServerProcess;
  readonly postmasterPid: number;
  readonly pool: pg.Pool;
  readonly exactRows: boolean;
  readonly transport: Transport;
  readonly #office: boolean;
  readonly #directory: string;
  readonly #keep: boolean;
  #closed: Promise<void> | undefined;

  private constructor(
    options: StageOptions,
    directory: string,
    server: ServerProcess,
    postmaster: Awaited<ReturnType<ServerProcess['postmaster']>>,
  ) {
    this.server = server;
    this.postmasterPid = postmaster.pid;
    this.pool = new pg.Pool({ ...postmaster.connection, max: 1, application_name: 'bench' });
    this.pool.on('error', () => {});
    this.exactRows = options.exactRows;
    this.transport = new Transport({ url: server.url, connections });
    this.#office = options.office;
    this.#directory = directory;
    this.#keep = options.keep;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-bench-'));
    const server = await ServerProcess.start({
      dataDir: path.join(directory, 'data'),
      env: options.office ? { DEMO: 'true', DEMO_USERS: String(options.users) } : { DEMO: 'false' },
      nodeArgs: options.profileDir ? ['--cpu-prof', `--cpu-prof-dir=${options.profileDir}`] : [],
      startWithinMs: 60_000 + options.users * 50,
    });
    const stage = new Stage(options, directory, server, await server.postmaster());
    if (!options.office) await each(range(options.users), 4, (number) => stage.#create(number));
    return stage;
  }

  async #create(number: number): Promise<void> {
    await this.admin('POST', '/admin/accounts', { email: this.user(number), password: 'demo', office: null });
  }

  /** The address of one of the people, from 1 on. */
  user(number: number): string {
    return `user${number}@${this.#office ? 'demo' : 'bench'}.example`;
  }

  /** A new device of `user<number>`; nothing is asked of the server yet. */
  phone(number: number, deviceId: string, options: { windowSize?: number; transport?: Transport } = {}): Phone {
    const user = this.user(number);
    const { transport = this.transport, windowSize } = options;
    const client = new EasClient({ transport, user, password: 'demo', deviceId, version: 141 });
    const state = newState({ url: this.server.url, user, deviceId, version: 141 });
    return new Phone({ client, state, windowSize });
  }

  async admin(method: 'GET' | 'POST', requestPath: string, body?: object): Promise<unknown> {
    const answer = await this.transport.send({
      method,
      path: requestPath,
      headers: { authorization: `Bearer ${adminToken}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      timeoutMs: 600_000,
    });
    if (answer.status >= 300) throw new Error(`${method} ${requestPath}: HTTP ${answer.status} ${answer.body}`);
    return answer.body.length > 0 ? JSON.parse(answer.body.toString()) : undefined;
  }

  /** Once, however often it is asked for. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.server.stop();
    await this.transport.close();
    await this.pool.end();
    if (!this.#keep) await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Runs it for all, some at a time. */
export async function each<T>(
  all: readonly T[],
  atATime: number,
  run: (one: T, index: number) => Promise<unknown>,
): Promise<void> {
  const limit = pLimit(atATime);
  await Promise.all(all.map((one, index) => limit(() => run(one, index))));
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
