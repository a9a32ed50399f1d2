/** kill -9 with real processes: phones in the middle of their requests, the server gone, and nothing lost or doubled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runVerify } from '../../api/cli/verify.ts';
import { logEnv } from '../e2e-log.ts';
import { EasClient } from '../eas-client/client.ts';
import { type PingAnswer, ping } from '../eas-client/commands/ping.ts';
import { NoAnswer, Transport } from '../eas-client/transport.ts';
import { ServerProcess } from '../server-process.ts';
import { Random } from '../simulator/random.ts';
import { everything, KillPhone } from './kill-phone.ts';

const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.KILL_ROUNDS ?? 12);
/** Every so many rounds the database is killed with the server. */
const databaseEvery = 4;

let directory: string;
let server: ServerProcess | undefined;
let transport: Transport | undefined;

const dataDir = () => path.join(directory, 'data');

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-kill-'));
});

afterAll(async () => {
  await transport?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function start(): Promise<{ server: ServerProcess; transport: Transport }> {
  await transport?.close();
  server = await ServerProcess.start({ dataDir: dataDir(), env: { DEMO: 'true' } });
  transport = new Transport({ url: server.url, connections: 16 });
  return { server, transport };
}

/** The phones send until the server is gone, which is after some answers and a moment more. */
async function kill(phones: readonly KillPhone[], running: ServerProcess, random: Random, withDatabase: boolean) {
  const killAfter = 4 + random.below(20);
  const momentMs = random.below(25);
  const database = withDatabase ? (await running.postmaster()).pid : undefined;
  let answers = 0;
  let isKilled = false;
  let killing: Promise<void> | undefined;
  const strike = (): void => {
    isKilled = true;
    killing = running.kill();
    // After the server: one that outlives its database by a moment answers Status 5, as it must.
    if (database !== undefined) process.kill(database, 'SIGKILL');
  };
  const loops = phones.map(async (phone) => {
    for (;;) {
      try {
        await phone.step();
      } catch (error) {
        if (error instanceof NoAnswer && isKilled) return;
        throw error;
      }
      if (++answers === killAfter) setTimeout(strike, momentMs);
    }
  });
  await Promise.all(loops);
  await killing;
  return { killAfter, momentMs, withDatabase, underWay: phones.filter((phone) => phone.hasUnanswered).length };
}

it(`loses nothing and doubles nothing in ${rounds} kills (KILL_SEED=${seed})`, { timeout: 300_000 }, async () => {
  // Each its own: how requests interleave changes from run to run, the moments of the kills do not.
  const moments = new Random(seed);
  const users = ['kari@demo.example', 'ola@demo.example'];
  const phones = users.flatMap((user, person) =>
    [1, 2].map((nth) => new KillPhone(user, `kill${person}${nth}`, new Random(seed * 10 + person * 2 + nth))),
  );
  let running = await start();
  for (const phone of phones) {
    phone.connect(running.transport);
    await phone.setUp();
  }
  let underWay = 0;
  for (let round = 1; round <= rounds; round++) {
    const how = await kill(phones, running.server, moments, round % databaseEvery === 0);
    underWay += how.underWay;
    console.log(`kill ${round} of seed ${seed}: ${JSON.stringify(how)}`);
    running = await start();
    for (const phone of phones) phone.connect(running.transport);
  }
  // An answer is lost now and then here too; a request is answered for good after a few.
  for (const phone of phones) while (phone.hasUnanswered) await phone.settle();
  expect(phones.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(underWay).toBeGreaterThan(rounds / 2);
  expect(phones.reduce((sum, { repeated }) => sum + repeated, 0)).toBeGreaterThan(rounds / 2);

  for (const user of users) {
    const client = new EasClient({ transport: running.transport, user, password: 'demo', deviceId: 'killfresh' });
    const { folders, items } = await everything(client);
    const ours = items.filter(({ name }) => /^kill\d+n\d+$/.test(name)).sort(byName);
    const promised = phones
      .filter((phone) => phone.user === user)
      .flatMap((phone) => phone.items)
      .filter(({ deleted }) => !deleted)
      .map(({ name, jobTitle, serverId, collection }) => ({ name, jobTitle, serverId, collection }))
      .sort(byName);
    expect(promised.length).toBeGreaterThan(rounds);
    expect(ours).toEqual(promised);
    for (const phone of phones.filter((one) => one.user === user))
      for (const [name, id] of phone.folders)
        expect(folders.filter((folder) => folder.name === name).map((folder) => folder.id)).toEqual([id]);
  }

  // The stop: parked requests are answered, and it takes less than five seconds.
  const watching = await Promise.all(phones.map((phone) => parked(phone, running.transport)));
  const asked = performance.now();
  await running.server.stop();
  expect(performance.now() - asked).toBeLessThan(5_000);
  for (const answer of await Promise.all(watching.map(({ answer }) => answer))) {
    expect(['nothing', 'changes', 'status']).toContain(answer.kind);
  }
  server = undefined;

  const lines: string[] = [];
  expect(await runVerify({ DATA_DIR: dataDir(), ...logEnv(dataDir()) }, [], (line) => lines.push(line))).toBe(0);
  expect(lines.at(-1)).toBe('everything holds');
  expect(lines.some((line) => /^demo\.example: \d{2,} events/.test(line))).toBe(true);
});

/** A Ping that waits: it was not answered while two other requests of the same phone were. */
async function parked(phone: KillPhone, transport: Transport): Promise<{ answer: Promise<PingAnswer> }> {
  const { client } = phone;
  const { folders } = await everything(
    new EasClient({ transport, user: phone.user, password: 'demo', deviceId: 'killping' }),
  );
  const watched = folders.filter(({ type }) => type === 9).map(({ id }) => ({ id, class: 'Contacts' }));
  const answer = ping(client, { heartbeatSeconds: 300, folders: watched });
  answer.catch(() => {});
  for (let look = 0; look < 2; look++) await client.options();
  return { answer };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
