/** Several server processes on one database, with one office: what a test does to them, and asks of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { type OfficeSimulator, startOfficeSimulator } from '../adapters/office-24sevenoffice/simulator/start.ts';
import { logEnv } from './e2e-log.ts';
import { Transport } from './eas-client/transport.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';
import type { Site } from './round-robin.ts';
import { adminToken, ServerProcess } from './server-process.ts';

export class Nodes implements Site {
  readonly env: Readonly<Record<string, string>>;
  readonly servers: ServerProcess[] = [];
  readonly transports: Transport[] = [];
  readonly #directory: string;
  readonly #database: FreshDatabase;
  readonly #office: OfficeSimulator;

  private constructor(directory: string, database: FreshDatabase, office: OfficeSimulator) {
    this.#directory = directory;
    this.#database = database;
    this.#office = office;
    this.env = {
      ...{ DATABASE_URL: database.url, MASTER_KEY: Buffer.alloc(32, 7).toString('base64') },
      ...{ DEMO: 'true', OFFICE_URL: office.url },
      // One log for all, wherever it is.
      ...logEnv(directory),
    };
  }

  /** Call it in `beforeAll`. */
  static async start(count: number): Promise<Nodes> {
    const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-nodes-'));
    const office = await startOfficeSimulator({ nowMs: Date.now, quotaPerHour: null });
    const nodes = new Nodes(directory, await freshDatabase(), office);
    for (let at = 0; at < count; at++) await nodes.start(at);
    return nodes;
  }

  dataDir(at: number): string {
    return path.join(this.#directory, `node${at}`);
  }

  /** The first time or again; phones reach it by its transport. */
  async start(at: number): Promise<void> {
    const server = await ServerProcess.start({ dataDir: this.dataDir(at), env: this.env });
    await this.transports[at]?.close();
    this.servers[at] = server;
    this.transports[at] = new Transport({ url: server.url, connections: 16 });
  }

  async close(): Promise<void> {
    for (const transport of this.transports) await transport.close();
    for (const server of this.servers) await server.stop();
    await this.#office.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** As an administrator. */
  async ask<Body>(at: number, method: 'GET' | 'POST', where: string, body?: object): Promise<Body> {
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await (this.transports[at] as Transport).send({ method, path: where, headers, ...sent });
    expect([where, answer.status]).toEqual([where, 200]);
    const text = answer.body.toString().trimEnd();
    return where.endsWith('rebuild') ? (text.split('\n').map((line) => JSON.parse(line)) as Body) : JSON.parse(text);
  }

  async isProjected(at: number): Promise<boolean> {
    type Standing = { readModels: { position: number; head: number }[] };
    const { readModels } = await this.ask<Standing>(at, 'GET', '/admin/read-models');
    return readModels.every(({ position, head }) => position >= head);
  }

  /** Contacts of a person as the office shows them, by their last name. */
  async officeNames(user: string): Promise<Set<string>> {
    const response = await fetch(`${this.#office.url}/_screen/${user}/contacts`);
    const records = (await response.json()) as { lastName?: string }[];
    return new Set(records.map(({ lastName }) => lastName ?? ''));
  }

  /** Of the process that projects, crawls and writes back for the people of the demo. */
  async owner(): Promise<number | undefined> {
    const { rows } = await this.#database.pool.query<{ pid: number }>(
      'select pid from tenant_owner o join node n on n.id = o.node where tenant = $1 and expires_at > now()',
      ['demo.example'],
    );
    return rows[0]?.pid;
  }

  /** Ends the connections on which the nodes hear each other; answers with how many there were. */
  async cutBulletins(): Promise<number> {
    const { rowCount } = await this.#database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like '%(bulletin)'`,
    );
    return rowCount ?? 0;
  }
}
