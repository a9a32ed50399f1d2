/** One of our servers, phones that keep asking, and two data centres with an address that leads to the primary. */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NoAnswer, Transport } from '../eas-client/transport.ts';
import { Forwarder } from '../forwarder.ts';
import { PostgresPair } from '../postgres-pair.ts';
import { ServerProcess } from '../server-process.ts';
import { Random } from '../simulator/random.ts';
import { KillPhone } from './kill-phone.ts';

export const users = ['kari@demo.example', 'ola@demo.example'];

export class Centres {
  readonly pair: PostgresPair;
  /** Leads to the primary, as a virtual address does. */
  readonly address: Forwarder;
  readonly dataDir: string;
  readonly directory: string;
  server!: ServerProcess;
  transport!: Transport;
  phones: KillPhone[] = [];
  answers = 0;
  #load: Promise<unknown> = Promise.resolve();
  #isOver = false;

  private constructor(pair: PostgresPair, address: Forwarder, directory: string) {
    this.pair = pair;
    this.address = address;
    this.directory = directory;
    this.dataDir = path.join(directory, 'node');
  }

  static async open(): Promise<Centres> {
    const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-replica-'));
    await chmod(directory, 0o711);
    const pair = await PostgresPair.start(directory);
    return new Centres(pair, await Forwarder.to(pair.primary.port), directory);
  }

  get env() {
    const { user, password, database } = this.pair.primary.connection;
    const url = `postgres://${user}:${password}@127.0.0.1:${this.address.port}/${database}`;
    return { DATABASE_URL: url, DATA_DIR: this.dataDir };
  }

  async startServer(): Promise<void> {
    await mkdir(this.dataDir, { recursive: true });
    this.server = await ServerProcess.start({
      dataDir: this.dataDir,
      env: { ...this.env, DEMO: 'true', DEMO_USERS: '1' },
    });
    this.transport = new Transport({ url: this.server.url, connections: 24 });
  }

  /** Two for each of {@link users}. */
  async setUpPhones(name: string, seed: number): Promise<void> {
    this.phones = users.flatMap((user, person) =>
      [1, 2].map((nth) => new KillPhone(user, `${name}${person}${nth}`, new Random(seed + person * 2 + nth))),
    );
    for (const phone of this.phones) {
      phone.patienceMs = 25;
      phone.connect(this.transport);
      await phone.setUp();
    }
  }

  /** Until {@link rest}; a phone whose server is gone stops as well. */
  load(): void {
    this.#isOver = false;
    this.#load = Promise.all(
      this.phones.map(async (phone) => {
        for (; !this.#isOver; this.answers++) {
          try {
            await phone.step();
          } catch (error) {
            if (error instanceof NoAnswer && (await this.server.endsWithin(2_000))) return;
            throw error;
          }
        }
      }),
    );
    this.#load.catch(() => {});
  }

  async rest(): Promise<void> {
    this.#isOver = true;
    await this.#load;
  }

  /** Resolves after so many more answers, at the moment of the last; rejects when the load breaks down. */
  async more(answers: number): Promise<void> {
    const wanted = this.answers + answers;
    const enough = (async () => {
      while (this.answers < wanted) await new Promise((resolve) => setTimeout(resolve, 1));
    })();
    await Promise.race([enough, this.#load]);
  }

  /** Items that phones were told are stored. */
  acknowledged(): string[] {
    return this.phones.flatMap(({ items }) => items.map(({ serverId }) => serverId));
  }

  /** Those of which the primary knows nothing. */
  async missing(items: readonly string[]): Promise<string[]> {
    const rows = await this.pair.primary.ask<{ item: string }>(
      `select item from unnest($1::text[]) item where not exists (select from streams where stream = 'contact-' || item)`,
      [items],
    );
    return rows.map(({ item }) => item);
  }

  async close(): Promise<void> {
    await this.rest().catch(() => {});
    await this.transport?.close();
    await this.server?.stop();
    await this.address.close();
    await this.pair.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
