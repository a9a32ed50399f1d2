import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../test/postgres.ts';

const main = path.join(import.meta.dirname, 'main.ts');
let database: FreshDatabase;
let dataDir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  dataDir = await mkdtemp(path.join(tmpdir(), 'mobilesync-main-'));
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await rm(dataDir, { recursive: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly output: { out: string; err: string };
  /** The base URL once it serves. @throws when it ends before. */
  ready(): Promise<string>;
}

function start(
  env: Record<string, string> = {},
  args: readonly string[] = [],
  program = { command: process.execPath, args: [main] },
): Started {
  const child = spawn(program.command, [...program.args, ...args], {
    cwd: path.dirname(path.dirname(main)),
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      ADMIN_TOKEN: 'token',
      DEMO: 'false',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout!.on('data', (chunk) => {
    output.out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    output.err += chunk;
  });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const served = new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', () => {
      const url = /^ready (\S+)$/m.exec(output.out)?.[1];
      if (url) resolve(url);
    });
    exited.then((code) => reject(new Error(`ended with ${code}: ${output.err}`)), reject);
  });
  served.catch(() => {});
  return { child, exited, output, ready: () => served };
}

const admin = (url: string, where: string, init: RequestInit = {}) =>
  fetch(`${url}/admin${where}`, {
    ...init,
    headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
  });

describe('the program', () => {
  it('keeps what it answered through kill -9, and stops within five seconds', async () => {
    const first = start();
    const url = await first.ready();
    const body = JSON.stringify({ email: 'kari@demo.example', password: 'demo' });
    expect((await admin(url, '/accounts', { method: 'POST', body })).status).toBe(201);
    first.child.kill('SIGKILL');
    await first.exited;

    const second = start();
    const again = await second.ready();
    expect((await admin(again, '/accounts/kari@demo.example')).status).toBe(200);
    expect((await fetch(`${again}/health/ready`)).status).toBe(200);
    const asked = performance.now();
    second.child.kill('SIGTERM');
    expect(await second.exited).toBe(0);
    expect(performance.now() - asked).toBeLessThan(5_000);
  });

  it('tells the admin token once', async () => {
    const first = start({ ADMIN_TOKEN: '' });
    await first.ready();
    first.child.kill('SIGTERM');
    await first.exited;
    expect(first.output.out).toMatch(/^admin token \S{20,}$/m);
    const second = start({ ADMIN_TOKEN: '' });
    await second.ready();
    second.child.kill('SIGTERM');
    await second.exited;
    expect(second.output.out).not.toContain('admin token');
  });

  it('ends with code 2 and one sentence when a value is wrong', { timeout: 60_000 }, async () => {
    const wrong: Record<string, string>[] = [
      { PORT: 'http' },
      { DATABASE_URL: 'postgres://u:hidden@127.0.0.1:1/x' },
      { TLS_CERT: main, TLS_KEY: main },
      { EVENT_LOG: 'memory' },
      // The events are in PostgreSQL: that is looked at before the store is.
      { EVENT_LOG: 'eventstoredb', EVENTSTORE_URL: 'esdb://admin:hidden@127.0.0.1:1' },
      { MASTER_KEY: 'short' },
      { MASTER_KEY: randomBytes(32).toString('base64') },
      { DATA_DIR: path.join(main, 'below a file') },
    ];
    const all = wrong.map((env) => ({ env, started: start(env) }));
    for (const { env, started } of all) {
      const code = await started.exited;
      expect([env, code, started.output.err.trim().split('\n')]).toEqual([env, 2, [expect.stringMatching(/\.$/)]]);
      expect(started.output.err).not.toContain('hidden');
    }
  });

  it('ends with code 2 within seconds when its event store cannot be reached', async () => {
    const { url: DATABASE_URL } = await freshDatabase();
    const EVENTSTORE_URL = 'esdb://admin:hidden@127.0.0.1:1';
    const { output, exited } = start({ DATABASE_URL, EVENT_LOG: 'eventstoredb', EVENTSTORE_URL });
    expect(await exited).toBe(2);
    // How long it waited, by its own count: how long a process takes to begin is the machine's affair.
    expect(output.err).toMatch(
      /^EVENTSTORE_URL names a store that cannot be used: EventStoreDB at 127\.0\.0\.1:1 did not answer for 5 s .*\.\n$/,
    );
    expect(output.err).not.toContain('hidden');
  });

  it('is reached by a SIGTERM that npm passes on to the shell of its script', async () => {
    const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    const started = start({ PATH: path.dirname(process.execPath) + path.delimiter + process.env.PATH }, [], {
      command: 'sh',
      args: ['-c', scripts.start],
    });
    await started.ready();
    started.child.kill('SIGTERM');
    expect(await started.exited).toBe(0);
  });

  it('explains its variables', async () => {
    const help = start({}, ['--help']);
    expect(await help.exited).toBe(0);
    expect(help.output.out).toContain('POLL_INTERVAL_SECONDS');
  });
});
