/**
 * The server, and the commands beside it, ended at chosen points of what they do: append, project, answer, write-back,
 * rebuild, erase. Real processes, really killed; afterwards nothing is lost and nothing is there twice.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runVerify } from '../../api/cli/verify.ts';
import { logEnv } from '../e2e-log.ts';
import { EasClient } from '../eas-client/client.ts';
import { folderSync } from '../eas-client/commands/folders.ts';
import { encodeSync, readSync } from '../eas-client/commands/sync.ts';
import { NoAnswer, Transport } from '../eas-client/transport.ts';
import { adminToken, ServerProcess } from '../server-process.ts';
import { Random } from '../simulator/random.ts';
import { everything, KillPhone, person } from './kill-phone.ts';

const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.CRASH_ROUNDS ?? 21);

const points = ['append', 'project', 'answer', 'writeback', 'office', 'rebuild', 'erase'] as const;
type Point = (typeof points)[number];
const moments = ['before', 'sent', 'after'] as const;
/** How many passings of a point there are at least in what the phones do in a round. */
const passingsMax: Readonly<Record<Point, number>> = {
  append: 12,
  project: 12,
  answer: 12,
  writeback: 8,
  office: 8,
  rebuild: 60,
  erase: 40,
};
/** A point that is not passed often enough in so many answers is as good as another. */
const answersMax = 60;

const preload = path.join(import.meta.dirname, 'crash-at.ts');
const rebuildProgram = path.join(import.meta.dirname, '../../api/cli/rebuild.ts');
const readModels = ['item-view', 'sync', 'folders', 'accounts', 'devices', 'office-baseline'];
const users = ['kari@demo.example', 'ola@demo.example'];

let directory: string;
let server: ServerProcess | undefined;
let transport: Transport | undefined;

const dataDir = () => path.join(directory, 'data');

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-crash-'));
});

afterAll(async () => {
  await transport?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** Starts it anew, to be ended at the point when one is given. */
async function start(phones: readonly KillPhone[], crash?: Record<string, string>): Promise<ServerProcess> {
  await transport?.close();
  const more = crash ? { nodeArgs: ['--import', preload], env: { DEMO: 'true', ...crash } } : undefined;
  server = await ServerProcess.start({ dataDir: dataDir(), env: { DEMO: 'true' }, ...more });
  transport = new Transport({ url: server.url, connections: 16 });
  for (const phone of phones) phone.connect(transport);
  return server;
}

/** The phones send until the server is gone, or have had enough; then it is killed from outside. */
async function untilGone(phones: readonly KillPhone[], running: ServerProcess): Promise<'there' | 'outside'> {
  let answers = 0;
  let isKilled = false;
  let how: 'there' | 'outside' = 'there';
  await Promise.all(
    phones.map(async (phone) => {
      for (;;) {
        try {
          await phone.step();
        } catch (error) {
          if (error instanceof NoAnswer && (isKilled || running.hasEnded || (await running.endsWithin(2_000)))) return;
          throw error;
        }
        if (++answers !== answersMax) continue;
        how = 'outside';
        isKilled = true;
        void running.kill();
      }
    }),
  );
  await running.ended;
  return how;
}

/** A rebuild beside the server, ended at one of its statements; the next one goes on and finishes. */
async function crashRebuild(random: Random): Promise<void> {
  const name = random.pick(readModels);
  await program([name], `any:${random.pick(moments)}:${1 + random.below(passingsMax.rebuild)}:${random.below(5)}`);
  const again = await program([name]);
  expect(again.code, again.said).toBe(0);
}

/** A contact of a phone of its own is erased, and the server dies of it; asked again the erasure is finished. */
async function crashErase(random: Random, nth: number): Promise<void> {
  const user = random.pick(users);
  const client = new EasClient({ transport: transport!, user, password: 'demo', deviceId: `crasherase${nth}` });
  const { item, collection } = await addContact(client, `Slettes${nth}`);
  await server!.stop();
  const at = `any:${random.pick(moments)}:${1 + random.below(passingsMax.erase)}:${random.below(5)}`;
  await start([], { CRASH_AT: at, CRASH_URL: '/admin/erasures' });
  const erase = () => adminAnswer('POST', '/erasures', { item, yes: true, force: true });
  const first = await erase().catch(() => undefined);
  await server!.kill();
  await start([]);
  const again = await erase();
  // Done now, or done before the server died; never neither.
  expect([first?.status, again.status].filter((status) => status === 200)).not.toHaveLength(2);
  expect([200, 409]).toContain(again.status);
  if (again.status === 409) expect(again.body).toMatchObject({ error: 'already_erased' });
  const history = await adminAnswer('GET', `/items/${item}/history`);
  expect(JSON.stringify(history.body)).not.toContain('Slettes');
  const { items } = await everything(
    new EasClient({ transport: transport!, user, password: 'demo', deviceId: 'fresh' }),
  );
  expect(items.filter(({ serverId }) => serverId === item)).toEqual([]);
  expect(collection).not.toBe('');
}

async function addContact(client: EasClient, name: string): Promise<{ item: string; collection: string }> {
  const { added } = await folderSync(client, '0');
  const collection = added.find(({ type }) => type === 9)?.id as string;
  const begun = await client.send('Sync', encodeSync({ collections: [{ id: collection, key: '0' }] }));
  const { key } = readSync(begun.root, 0).collections[0]!;
  const commands = [{ do: 'add' as const, clientId: name, data: person(name, 'slettes') }];
  const sent = await client.send(
    'Sync',
    encodeSync({ collections: [{ id: collection, key, getChanges: false, commands }] }),
  );
  const response = readSync(sent.root, 0).collections[0]?.responses[0];
  expect(response?.status).toBe(1);
  return { item: response?.serverId as string, collection };
}

async function adminAnswer(method: 'GET' | 'POST', url: string, body?: object) {
  const headers = {
    authorization: `Bearer ${adminToken}`,
    ...(body ? { 'content-type': 'application/json' } : {}),
  };
  const sent = body ? { body: JSON.stringify(body) } : {};
  const response = await fetch(`${server!.url}/admin${url}`, { method, headers, ...sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function program(args: readonly string[], crashAt?: string): Promise<{ code: number | null; said: string }> {
  const nodeArgs = crashAt ? ['--import', preload] : [];
  const env = {
    PATH: process.env.PATH,
    DATA_DIR: dataDir(),
    ...logEnv(dataDir()),
    ...(crashAt ? { CRASH_AT: crashAt } : {}),
  };
  const child = spawn(process.execPath, [...nodeArgs, rebuildProgram, ...args], { env });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, said })));
}

async function admin(method: 'GET' | 'POST', url: string): Promise<Record<string, unknown>> {
  const { status, body } = await adminAnswer(method, url);
  expect(status, url).toBe(200);
  return body;
}

/** Names of the contacts in the office's own screens. */
async function inTheOffice(user: string): Promise<string[]> {
  const ready = (await (await fetch(`${server!.url}/health/ready`)).json()) as { office: string };
  const records = (await (await fetch(`${ready.office}/_screen/${user}/contacts`)).json()) as unknown;
  return JSON.stringify(records).match(/crash\d+n\d+/g) ?? [];
}

it(`keeps every promise through ${rounds} crashes at chosen points (CRASH_SEED=${seed})`, {
  timeout: 1_200_000,
}, async () => {
  const random = new Random(seed);
  const phones = users.flatMap((user, person) =>
    [1, 2].map((nth) => new KillPhone(user, `crash${person}${nth}`, new Random(seed * 10 + person * 2 + nth))),
  );
  let running = await start(phones);
  for (const phone of phones) await phone.setUp();

  const tally = new Map<string, number>();
  let isPlain = true;
  for (let round = 0; round < rounds; round++) {
    // Each point in turn, so that each has its share; where and when in it is the seed's.
    const point = points[round % points.length] as Point;
    if (point === 'rebuild') {
      if (!isPlain) running = await start(phones);
      isPlain = true;
      await crashRebuild(random);
      tally.set('rebuild', (tally.get('rebuild') ?? 0) + 1);
      continue;
    }
    if (point === 'erase') {
      if (!isPlain) await start(phones);
      isPlain = true;
      await crashErase(random, round);
      running = server as ServerProcess;
      for (const phone of phones) phone.connect(transport as Transport);
      tally.set('erase', (tally.get('erase') ?? 0) + 1);
      continue;
    }
    const moment = random.pick(moments);
    const at = `${point}:${moment}:${1 + random.below(passingsMax[point])}:${random.below(5)}`;
    if (isPlain) await running.stop();
    isPlain = false;
    // Now and then what is passed on the way to serving counts too: a start that dies is started again.
    const armed: Record<string, string> = random.chance(0.15) ? {} : { CRASH_URL: 'Microsoft-Server-ActiveSync' };
    const started = await start(phones, { CRASH_AT: at, ...armed }).catch(() => undefined);
    if (!started) {
      tally.set(`${point} at the start`, (tally.get(`${point} at the start`) ?? 0) + 1);
      continue;
    }
    const how = await untilGone(phones, started);
    const name = how === 'there' ? `${point} ${moment}` : `${point} not passed`;
    tally.set(name, (tally.get(name) ?? 0) + 1);
  }
  console.log(`crashes of seed ${seed}: ${JSON.stringify(Object.fromEntries([...tally].sort()))}`);

  if (!isPlain) await start(phones);
  for (const phone of phones) while (phone.hasUnanswered) await phone.settle();
  expect(phones.flatMap(({ wrong }) => wrong)).toEqual([]);

  for (const user of users) {
    const client = new EasClient({ transport: transport!, user, password: 'demo', deviceId: 'crashfresh' });
    const { folders, items } = await everything(client);
    const ours = items.filter(({ name }) => /^crash\d+n\d+$/.test(name)).sort(byName);
    const kept = phones.filter((phone) => phone.user === user).flatMap((phone) => phone.items);
    const promised = kept.filter(({ deleted }) => !deleted);
    expect(ours).toEqual(
      promised
        .map(({ name, jobTitle, serverId, collection }) => ({ name, jobTitle, serverId, collection }))
        .sort(byName),
    );
    // The office ends with each of them once, and with none that was deleted.
    expect(await admin('POST', `/accounts/${user}/writeback`)).toMatchObject({ done: true });
    const home = folders.find(({ type }) => type === 9)?.id;
    const there = promised.filter(({ collection }) => collection === home).map(({ name }) => name);
    expect([...new Set(await inTheOffice(user))].sort()).toEqual(there.sort());
  }
  expect((await program(['--all', '--dry-run'])).said).not.toMatch(/differ/);
  await server?.stop();
  server = undefined;
  const lines: string[] = [];
  expect(await runVerify({ DATA_DIR: dataDir(), ...logEnv(dataDir()) }, [], (line) => lines.push(line))).toBe(0);
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
