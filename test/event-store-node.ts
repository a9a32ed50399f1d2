/**
 * Nodes of EventStoreDB that a test starts, kills and freezes. The program is not ours and is named from outside:
 * `EVENTSTORE_COMMAND` runs `<program> <data directory> <port>` as one node without TLS, in the foreground, until it is
 * killed; `EVENTSTORE_CLUSTER_COMMAND` runs `<program> <directory> <1, 2 or 3> <first port>` as one of three, on the
 * first port and ten and twenty above, and `EVENTSTORE_CLUSTER_URL` says how to reach them, with `{dir}`, `{1}`, `{2}`
 * and `{3}` for the directory and the ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { freePorts } from './free-ports.ts';

export const nodeCommand = process.env.EVENTSTORE_COMMAND;
export const clusterCommand = process.env.EVENTSTORE_CLUSTER_COMMAND;
export const clusterUrl = process.env.EVENTSTORE_CLUSTER_URL;

/** One process; when it ends by itself it is started again, as whatever looks after a server does. */
export class EventStoreNode {
  readonly port: number;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #isTls: boolean;
  #child: ChildProcess | undefined;
  #isWanted = false;
  /** How often it ended by itself. */
  ends = 0;

  constructor(command: string, args: readonly string[], port: number, isTls: boolean) {
    this.#command = command;
    this.#args = args;
    this.port = port;
    this.#isTls = isTls;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    this.#isWanted = true;
    // The server takes every variable of that prefix for an option of its own.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EVENTSTORE_')));
    const child = spawn(this.#command, this.#args, { stdio: 'ignore', env });
    this.#child = child;
    child.once('exit', async () => {
      if (!this.#isWanted || this.#child !== child) return;
      this.ends++;
      await after(500);
      if (this.#isWanted && this.#child === child) this.start();
    });
  }

  /** Resolves when it takes what it is asked. */
  async isLive(): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (await this.#answers()) return;
      await after(100);
    }
    throw new Error(`the node on port ${this.port} does not answer`);
  }

  #answers(): Promise<boolean> {
    const options = { host: '127.0.0.1', port: this.port, path: '/health/live', agent: false, timeout: 1_000 };
    return new Promise((resolve) => {
      const request = this.#isTls ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
      request.on('response', (response) => {
        response.resume();
        resolve((response.statusCode ?? 500) < 300);
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(false));
      request.end();
    });
  }

  /** `SIGSTOP` and `SIGCONT` freeze it and let it go on. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** As a power cut, and not started again. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

export interface SingleNode {
  readonly node: EventStoreNode;
  readonly url: string;
  remove(): Promise<void>;
}

/** @param parent where its data are, if that matters. */
export async function startSingleNode(parent = tmpdir()): Promise<SingleNode> {
  const [port] = (await freePorts(1)) as [number];
  const directory = await mkdtemp(path.join(parent, 'event-store-'));
  const node = new EventStoreNode(nodeCommand!, [directory, String(port)], port, false);
  node.start();
  await node.isLive();
  return {
    node,
    url: `esdb://127.0.0.1:${port}?tls=false`,
    remove: async () => {
      await node.kill();
      await rm(directory, { recursive: true });
    },
  };
}

export interface Cluster {
  readonly nodes: readonly EventStoreNode[];
  readonly url: string;
  remove(): Promise<void>;
}

/** Three nodes that are being started: whoever opens a log waits until they have a leader. */
export async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(path.join(tmpdir(), 'event-stores-'));
  const first = 24_000 + 40 * Math.floor(Math.random() * 200);
  const ports = [first, first + 10, first + 20];
  const nodes = ports.map((port, index) => {
    return new EventStoreNode(clusterCommand!, [directory, String(index + 1), String(first)], port, true);
  });
  for (const node of nodes) node.start();
  const url = ports.reduce(
    (text, port, index) => text.replaceAll(`{${index + 1}}`, String(port)),
    clusterUrl!.replaceAll('{dir}', directory),
  );
  return {
    nodes,
    url,
    remove: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(directory, { recursive: true });
    },
  };
}
