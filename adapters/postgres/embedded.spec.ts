import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirInUse, type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';

let dataDir: string;
let servers: EmbeddedPostgres[];
let children: ChildProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'mobilesync-embedded-'));
  await chmod(dataDir, 0o711);
  servers = [];
  children = [];
});
afterEach(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await kill(child);
  for (const server of servers) await server.stop();
  // What a killed process left running and no test took over.
  const orphan = await postmaster().catch(() => undefined);
  if (orphan !== undefined && alive(orphan)) await (await startEmbeddedPostgres({ dataDir })).stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(dir = dataDir): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: dir, sharedBuffers: '32MB' });
  servers.push(server);
  return server;
}

async function query(server: EmbeddedPostgres, statement: string): Promise<unknown[]> {
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const postmaster = async (): Promise<number> =>
  Number((await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);

/** Another process that starts the server, writes a line and then waits to be killed. */
async function startInChild(): Promise<ChildProcess> {
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('embedded.ts', import.meta.url).href)};
    await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, sharedBuffers: '32MB' });
    console.log('serves');
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the other process ended with ${code}`)));
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('the embedded PostgreSQL', () => {
  it('keeps its data over a stop and a start, with a password of its own that only its owner can read', async () => {
    const first = await start();
    expect(first.reused).toBe(false);
    await query(first, 'create table kept as select 42 as answer');
    const begun = performance.now();
    await first.stop();
    expect(performance.now() - begun).toBeLessThan(5_000);
    const second = await start();
    expect(second.connection.password).toBe(first.connection.password);
    expect(await query(second, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect((await stat(path.join(dataDir, 'postgres.password'))).mode & 0o777).toBe(0o600);
    const wrong = new pg.Client({ ...second.connection, password: 'wrong' });
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('syncs to disk and listens to no network', async () => {
    const settings = `select name, setting from pg_settings
      where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'jit') order by name`;
    expect(await query(await start(), settings)).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'full_page_writes', setting: 'on' },
      { name: 'jit', setting: 'off' },
      { name: 'listen_addresses', setting: '' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);
  });

  it('takes over the server that a killed process left running', async () => {
    const child = await startInChild();
    const before = await postmaster();
    await kill(child);
    const server = await start();
    expect(server.reused).toBe(true);
    expect(await postmaster()).toBe(before);
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('starts again where both the process and the server were killed', async () => {
    const child = await startInChild();
    const orphan = await postmaster();
    process.kill(orphan, 'SIGKILL');
    await kill(child);
    // At once: what was killed may look alive for a while yet.
    const server = await start();
    expect(server.reused).toBe(false);
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a data directory that another living process serves from', async () => {
    await startInChild();
    await expect(start()).rejects.toThrow(DataDirInUse);
  });

  it('starts the server again when it dies under us', async () => {
    const server = await start();
    process.kill(await postmaster(), 'SIGKILL');
    const serves = () => query(server, 'select 1 as one').catch((error) => error.code ?? error.message);
    await expect.poll(serves, { timeout: 20_000, interval: 100 }).toEqual([{ one: 1 }]);
  });

  it('starts below a directory whose name is too long for a socket, with blanks and quotes in it', async () => {
    const deep = path.join(dataDir, "it's a long way ".repeat(8).trim());
    await mkdir(deep);
    expect(await query(await start(deep), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it.runIf(process.getuid?.() === 0)('starts below a directory that only root may enter', async () => {
    await chmod(dataDir, 0o700);
    expect(await query(await start(path.join(dataDir, 'data')), 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
