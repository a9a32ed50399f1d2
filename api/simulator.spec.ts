import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshDatabase } from '../test/postgres.ts';
import { adminToken, ServerProcess } from '../test/server-process.ts';

let directory: string;
let simulator: ChildProcess | undefined;
const nodes: ServerProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-simulator-'));
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  simulator?.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function startSimulator(): Promise<string> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'simulator.ts')], {
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  simulator = child;
  return await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      const url = /^ready (\S+)$/m.exec(String(chunk))?.[1];
      if (url) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}`)));
  });
}

it('is one office to several nodes that start at once, and none of them starts its own', async () => {
  const url = await startSimulator();
  const { url: databaseUrl } = await freshDatabase();
  const masterKey = Buffer.alloc(32, 7).toString('base64');
  const env = { DATABASE_URL: databaseUrl, MASTER_KEY: masterKey, DEMO: 'true', OFFICE_URL: url };
  const start = (name: string) => ServerProcess.start({ dataDir: path.join(directory, name), env });
  nodes.push(...(await Promise.all([start('a'), start('b')])));
  for (const node of nodes) {
    const ready = await fetch(`${node.url}/health/ready`);
    expect(await ready.json()).toMatchObject({ status: 'ok', office: url });
  }
  const created = await fetch(`${url}/_screen/kari@demo.example/contacts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ firstName: 'Solveig', lastName: 'Dahl' }),
  });
  expect(created.ok).toBe(true);
  const crawled = await fetch(`${nodes[0]!.url}/admin/accounts/kari@demo.example/poll`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}` },
  });
  expect(await crawled.json()).toMatchObject({ done: true });
}, 120_000);

it('ends with code 0 when it is told to stop', async () => {
  const ended = new Promise((resolve) => simulator!.once('exit', resolve));
  simulator!.kill('SIGTERM');
  expect(await ended).toBe(0);
});
