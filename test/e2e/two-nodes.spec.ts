/**
 * Two nodes on one database. Every request of a phone goes to another node than the one before; a node is killed, and
 * both are stopped and started in turn, while phones go on.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runVerify } from '../../api/cli/verify.ts';
import type { RebuildLine } from '../../api/services/read-models.ts';
import { EasClient } from '../eas-client/client.ts';
import { type PingAnswer, ping } from '../eas-client/commands/ping.ts';
import { Phone } from '../eas-client/phone.ts';
import { newState } from '../eas-client/state.ts';
import type { Transport } from '../eas-client/transport.ts';
import { Nodes } from '../nodes.ts';
import { RoundRobin } from '../round-robin.ts';
import { Random } from '../simulator/random.ts';
import { everything, KillPhone, person } from './kill-phone.ts';

const seed = Number(process.env.NODES_SEED ?? Date.now() % 1_000_000);
const users = ['kari@demo.example', 'ola@demo.example'] as const;
/** A node's work is with another by then. */
const takenOverWithinMs = 10_000;
const slowly = { timeout: 30_000, interval: 100 };

describe(`two nodes (NODES_SEED=${seed})`, { timeout: 180_000 }, () => {
  let nodes: Nodes;
  const phones: KillPhone[] = [];
  beforeAll(async () => {
    nodes = await Nodes.start(2);
  }, 120_000);
  afterAll(() => nodes?.close(), 60_000);

  const clientOf = (user: string, deviceId: string, transport: Transport) =>
    new EasClient({ transport, user, password: 'demo', deviceId });
  const phoneOf = (user: string, deviceId: string, transport: Transport) =>
    new Phone({
      client: clientOf(user, deviceId, transport),
      state: newState({ url: transport.url, user, deviceId, version: 141 }),
    });
  const names = (phone: Phone) =>
    phone.folders('contact').flatMap((id) => [...phone.folder(id).items.keys()].map((item) => `${id} ${item}`));

  it('wakes on the one what is parked there for a change that the other accepted', async () => {
    const [user] = users;
    const [writer, reader] = [0, 1].map((at) => clientOf(user, `wake${at}`, nodes.transports[at] as Transport)) as [
      EasClient,
      EasClient,
    ];
    const writing = new Phone({ client: writer, state: newState({ url: '', user, deviceId: 'wake0', version: 141 }) });
    const reading = new Phone({ client: reader, state: newState({ url: '', user, deviceId: 'wake1', version: 141 }) });
    for (const phone of [writing, reading]) {
      await phone.setUp();
      await phone.sync();
    }
    const [folder] = writing.folders('contact') as [string];
    const took: number[] = [];
    for (let round = 0; round < 20; round++) {
      await reading.sync();
      const waiting = ping(reader, { heartbeatSeconds: 300, folders: [{ id: folder, class: 'Contacts' }] });
      const woken = waiting.then((answer: PingAnswer) => ({ answer, atMs: performance.now() }));
      // It waits: two requests of the same phone were answered meanwhile.
      for (let look = 0; look < 2; look++) await reader.options();
      const clientId = writing.nextClientId();
      const sentMs = performance.now();
      await writing.send(folder, [{ do: 'add', clientId, data: person(clientId, 'ny') }]);
      const { answer, atMs } = await woken;
      expect(answer).toMatchObject({ kind: 'changes', folders: [folder] });
      took.push(atMs - sentMs);
    }
    took.sort((one, other) => one - other);
    const [p50, worst] = [took[10], took.at(-1)] as [number, number];
    console.log(
      `from sending a change to the waking elsewhere: p50 ${p50.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`,
    );
    expect(p50).toBeLessThan(1_000);
  });

  it('serve phones that go to the other with each request, and all come to the same', async () => {
    phones.push(
      ...users.flatMap((user, at) =>
        [1, 2].map((nth) => new KillPhone(user, `nodes${at}${nth}`, new Random(seed * 10 + at * 2 + nth))),
      ),
    );
    const watchers = users.map((user, at) => phoneOf(user, `watch${at}`, new RoundRobin(nodes, { first: at })));
    for (const [at, phone] of phones.entries()) {
      phone.connect(new RoundRobin(nodes, { first: at }));
      phone.patienceMs = 50;
      await phone.setUp();
    }
    for (const watcher of watchers) {
      await watcher.setUp();
      await watcher.sync();
    }
    let isOver = false;
    const load = phones.map(async (phone) => {
      for (let step = 0; step < 40; step++) await phone.step();
      while (phone.hasUnanswered) await phone.settle();
    });
    const watching = watchers.map(async (watcher) => {
      while (!isOver) {
        await watcher.syncFolders();
        for (const news of (await watcher.sync()).values()) expect(news.startedOver).toBe(false);
      }
    });
    // What they tell each other is lost again and again, and nothing depends on it.
    let cuts = 0;
    const cutting = (async () => {
      for (; !isOver; await pause(300)) cuts += await nodes.cutBulletins();
    })();
    await Promise.all(load);
    isOver = true;
    await Promise.all([...watching, cutting]);
    expect(cuts).toBeGreaterThan(2);
    await expectAllAsPromised();
    for (const [at, watcher] of watchers.entries()) {
      await watcher.syncFolders();
      await watcher.sync();
      const { items } = await everything(clientOf(users[at] as string, 'fresh', nodes.transports[at] as Transport));
      const there = items.map(({ collection, serverId }) => `${collection} ${serverId}`);
      expect(names(watcher).sort()).toEqual(there.sort());
      expect(new Set(there).size).toBe(there.length);
    }
  });

  /** While phones send, something happens to the nodes; then all of them are answered. */
  async function underLoad(happens: (some: (answers: number) => Promise<void>) => Promise<void>) {
    let isOver = false;
    let failure: unknown;
    const answeredAt: number[] = [];
    const loops = phones.map(async (phone) => {
      while (!isOver && failure === undefined) {
        await phone.step();
        answeredAt.push(performance.now());
      }
    });
    const running = Promise.all(loops).catch((error: unknown) => {
      failure = error;
    });
    const some = async (answers: number) => {
      const target = answeredAt.length + answers;
      const isReached = () => failure !== undefined || answeredAt.length >= target;
      await expect.poll(isReached, { timeout: 30_000, interval: 5 }).toBe(true);
    };
    try {
      await some(20);
      await happens(some);
      await some(20);
    } finally {
      isOver = true;
      await running;
    }
    if (failure !== undefined) throw failure;
    for (const phone of phones) while (phone.hasUnanswered) await phone.settle();
    return { answeredAt };
  }

  /** What a fresh phone gets from each node is what all phones were promised, once. */
  async function expectAllAsPromised(): Promise<void> {
    expect(phones.flatMap(({ wrong }) => wrong)).toEqual([]);
    for (const user of users) {
      const promised = phones
        .filter((phone) => phone.user === user)
        .flatMap(living)
        .sort(byName);
      expect(promised.length).toBeGreaterThan(10);
      for (const [at, transport] of nodes.transports.entries()) {
        const { items, folders } = await everything(clientOf(user, `fresh${at}`, transport));
        expect(items.filter(({ name }) => /^nodes\d+n\d+$/.test(name)).sort(byName)).toEqual(promised);
        for (const phone of phones.filter((one) => one.user === user))
          for (const [name, id] of phone.folders)
            expect(folders.filter((folder) => folder.name === name).map((folder) => folder.id)).toEqual([id]);
      }
    }
  }

  /** What a phone made of a person that the office must hold. Folders that a phone made for itself are none of it. */
  const made = () => {
    const own = new Set(phones.flatMap(({ folders }) => [...folders.values()]));
    return phones.flatMap((phone) =>
      living(phone)
        .filter(({ collection }) => !own.has(collection))
        .map(({ name }) => ({ user: phone.user, name })),
    );
  };

  async function isInOffice(items: readonly { user: string; name: string }[]): Promise<boolean> {
    for (const user of users) {
      const there = await nodes.officeNames(user);
      // What was deleted meanwhile need not be there.
      const living = new Set(made().map(({ name }) => name));
      if (items.some((one) => one.user === user && living.has(one.name) && !there.has(one.name))) return false;
    }
    return true;
  }

  it('go on when one is killed, which did all the work, and the other does it within ten seconds', async () => {
    const working = await nodes.owner();
    const killed = nodes.servers.findIndex(({ pid }) => pid === working);
    expect(killed).not.toBe(-1);
    const other = 1 - killed;
    let killedMs = 0;
    const after = { takenOverMs: 0, inOfficeMs: 0 };
    const { answeredAt } = await underLoad(async (some) => {
      const left = made();
      killedMs = performance.now();
      await nodes.servers[killed]?.kill();
      await Promise.all([
        some(30),
        expect.poll(() => nodes.owner(), { timeout: 20_000, interval: 20 }).toBe(nodes.servers[other]?.pid),
      ]);
      after.takenOverMs = performance.now() - killedMs;
      await expect.poll(() => isInOffice(left), { timeout: 30_000, interval: 50 }).toBe(true);
      after.inOfficeMs = performance.now() - killedMs;
    });
    const times = answeredAt.filter((at) => at > killedMs);
    const gap = Math.max(...times.map((at, index) => at - (times[index - 1] ?? killedMs)));
    console.log(
      `after the kill: nobody was answered for ${gap.toFixed(0)} ms at most; the other took over after ` +
        `${after.takenOverMs.toFixed(0)} ms, and what was stored before was in the office after ${after.inOfficeMs.toFixed(0)} ms`,
    );
    expect(gap).toBeLessThan(takenOverWithinMs);
    expect(after.takenOverMs).toBeLessThan(takenOverWithinMs);
    await expect.poll(async () => (await nodes.isProjected(other)) && (await isInOffice(made())), slowly).toBe(true);
    await nodes.start(killed);
    await expectAllAsPromised();
  });

  it('go on when the one that does none of it is killed', async () => {
    const working = await nodes.owner();
    const killed = nodes.servers.findIndex(({ pid }) => pid !== working);
    const { answeredAt } = await underLoad(async (some) => {
      await nodes.servers[killed]?.kill();
      await some(30);
    });
    expect(answeredAt.length).toBeGreaterThan(60);
    expect(await nodes.owner()).toBe(working);
    await expect
      .poll(async () => (await nodes.isProjected(1 - killed)) && (await isInOffice(made())), slowly)
      .toBe(true);
    await nodes.start(killed);
    await expectAllAsPromised();
  });

  it('are stopped and started in turn without a phone that must not ask again', async () => {
    const before = phones.reduce((sum, { deferred }) => sum + deferred, 0);
    await underLoad(async (some) => {
      for (const at of [0, 1]) {
        const stoppingMs = performance.now();
        const stopped = nodes.servers[at]?.stop();
        // A proxy learns it while requests are answered as ever.
        const readiness = () =>
          (nodes.transports[at] as Transport).send({ method: 'GET', path: '/health/ready', headers: {} });
        await expect.poll(async () => (await readiness()).status, { interval: 20 }).toBe(503);
        await stopped;
        expect(performance.now() - stoppingMs).toBeLessThan(5_000);
        await some(10);
        await nodes.start(at);
        await some(20);
      }
    });
    const deferred = phones.reduce((sum, phone) => sum + phone.deferred, 0) - before;
    console.log(`a rolling restart: ${deferred} requests were told by 503 to come again`);
    await expectAllAsPromised();
    await expect.poll(async () => (await nodes.isProjected(0)) && (await isInOffice(made())), slowly).toBe(true);
  });

  it('leave a log that verifies, and read models that are as made anew', async () => {
    for (const line of await nodes.ask<RebuildLine[]>(1, 'POST', '/admin/read-models/rebuild', { dryRun: true })) {
      if ('tables' in line) expect(line.tables.filter(({ differing }) => differing > 0)).toEqual([]);
    }
    for (const server of nodes.servers) await server.stop();
    const lines: string[] = [];
    // Who stops last has every anchor in its directory; the first may have stopped before there was any.
    const last = nodes.dataDir(nodes.servers.length - 1);
    const status = await runVerify({ ...nodes.env, DATA_DIR: last }, [], (line) => lines.push(line));
    expect(status, lines.join('\n')).toBe(0);
    expect(lines.at(-1)).toBe('everything holds');
  });
});

const living = ({ items }: KillPhone) =>
  items
    .filter(({ deleted }) => !deleted)
    .map(({ name, jobTitle, serverId, collection }) => ({ name, jobTitle, serverId, collection }));

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
