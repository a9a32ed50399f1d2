import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { at, el, numberAt } from '../../../../test/eas-client/elements.ts';
import { freshDatabase } from '../../../../test/postgres.ts';
import { addContact, TestDevice } from '../../test-server/device.ts';
import { startTestServer, type TestServer } from '../../test-server/server.ts';
import { FolderHierarchy, Ping } from '../../wbxml/code-pages/index.ts';
import { encodeTree } from '../../wbxml/writer.ts';
import { TimerWheel, type Waiting } from './timer-wheel.ts';

let server: TestServer;
let people = 0;
/** Moves the clock that says how long a Ping has waited. */
let laterMs = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  server = await startTestServer(pool, (deps) => ({ ...deps, nowMs: () => Date.now() + laterMs }));
});
afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.stop();
});

async function somebody() {
  const email = `kari${++people}@ping.example`;
  const person = await server.create({ email });
  const [a, b] = [new TestDevice(server, { email }), new TestDevice(server, { email })];
  const contacts = (await a.folders()).get('Contacts') as string;
  await b.folderSync();
  const keys = { a: (await a.pull(contacts)).key, b: (await b.pull(contacts)).key };
  return { person, email, a, b, contacts, keys };
}

/** Resolves when as many requests wait as that. */
const parked = (count: number) => vi.waitFor(() => expect(server.closings.waiting).toBe(count), { interval: 2 });
const changed = (root: ReturnType<typeof el>) => at(root, Ping.Folders)?.children.map(({ text }) => text);

describe('a Ping', () => {
  it('names the folder that another device changed, at once', async () => {
    const { a, b, contacts, keys } = await somebody();
    const waiting = b.ping(480, [contacts]);
    await parked(1);
    await a.sync(contacts, keys.a, [addContact('1', 'Nordmann')]);
    const { status, root } = await waiting;
    expect([status, changed(root)]).toEqual([2, [contacts]]);
    await parked(0);
  });

  it('answers without waiting when the change came before it, and until it is fetched', async () => {
    const { a, b, contacts, keys, person } = await somebody();
    await a.sync(contacts, keys.a, [addContact('1', 'Nordmann')]);
    await server.settle(person.tenant);
    for (let i = 0; i < 2; i++) expect((await b.ping(480, [contacts])).status).toBe(2);
    await b.sync(contacts, keys.b);
    const waiting = b.ping(480, [contacts]);
    await parked(1);
    server.closings.endAll();
    expect((await waiting).status).toBe(1);
  });

  it('is not woken by what the device did itself', async () => {
    const { a, b, contacts, keys, person } = await somebody();
    const { key } = await a.sync(contacts, keys.a, [addContact('1', 'Mine')]);
    const waiting = a.ping(480, [contacts]);
    await parked(1);
    let mine = await a.sync(contacts, key, [addContact('2', 'Mine too')]);
    await server.settle(person.tenant);
    for (let i = 0; i < 20; i++) mine = await a.sync(contacts, mine.key, [addContact(`more ${i}`, 'Mine as well')]);
    await server.settle(person.tenant);
    expect(server.closings.waiting).toBe(1);
    await b.sync(contacts, keys.b, [addContact('3', 'Theirs')]);
    expect((await waiting).status).toBe(2);
  });

  it('is told of a new folder by 7, and of a folder that is not there', async () => {
    const { a, b, contacts } = await somebody();
    const waiting = b.ping(480, [contacts]);
    await parked(1);
    const { FolderCreate, SyncKey, ParentId, DisplayName, Type } = FolderHierarchy;
    const parts = [el(SyncKey, a.folderKey), el(ParentId, '0'), el(DisplayName, 'Customers'), el(Type, '14')];
    await a.send('FolderCreate', el(FolderCreate, parts));
    expect((await waiting).status).toBe(7);
    expect((await b.ping(480, [contacts])).status).toBe(7);
    await b.folderSync();
    expect((await b.ping(480, ['nowhere'])).status).toBe(7);
  });

  it('may leave out what it said before, and says all of it first', async () => {
    const { b, contacts } = await somebody();
    expect((await b.ping(undefined)).status).toBe(3);
    expect((await b.ping(480)).status).toBe(3);
    expect((await b.ping(undefined, [contacts])).status).toBe(3);
    const first = b.ping(480, [contacts]);
    await parked(1);
    server.closings.endAll();
    expect((await first).status).toBe(1);
    for (const seconds of [undefined, 600]) {
      const again = b.ping(seconds);
      await parked(1);
      server.closings.endAll();
      expect((await again).status).toBe(1);
    }
  });

  it('stays within bounds that it is told', async () => {
    const { b, contacts } = await somebody();
    const bound = async (seconds: number) => {
      const { status, root } = await b.ping(seconds, [contacts]);
      return [status, numberAt(root, Ping.HeartbeatInterval)];
    };
    expect(await bound(59)).toEqual([5, 60]);
    expect(await bound(3_541)).toEqual([5, 3_540]);
    const many = await b.ping(
      480,
      Array.from({ length: 301 }, (_, index) => `f${index}`),
    );
    expect([many.status, numberAt(many.root, Ping.MaxFolders)]).toEqual([6, 300]);
    const { root } = await b.send('Ping', el(Ping.Ping, [el(Ping.HeartbeatInterval, 'soon')]));
    expect(numberAt(root, Ping.Status)).toBe(4);
  });

  it('ends the device’s Ping before it, and slows down two that push each other out', async () => {
    const { b, contacts } = await somebody();
    const first = b.ping(480, [contacts]);
    await parked(1);
    const second = b.ping(480, [contacts]);
    expect((await first).status).toBe(8);
    await parked(1);
    laterMs += 60_000;
    const third = b.ping(480, [contacts]);
    expect((await second).status).toBe(1);
    await parked(1);
    server.closings.endAll();
    await third;
  });

  it('ends when the device is to be wiped or kept out', async () => {
    const { b, contacts, person } = await somebody();
    const waiting = b.ping(480, [contacts]);
    await parked(1);
    await server.devices.administer(person, b.deviceId, { type: 'block' });
    expect((await waiting).status).toBe(1);
    expect((await b.ping(480, [contacts])).status).toBe(129);
  });

  it('does not wake for a folder that was never synced', async () => {
    const { a, contacts, keys, email, person } = await somebody();
    const c = new TestDevice(server, { email });
    await c.folderSync();
    const waiting = c.ping(480, [contacts]);
    await parked(1);
    await a.sync(contacts, keys.a, [addContact('1', 'Nordmann')]);
    await server.settle(person.tenant);
    expect(server.closings.waiting).toBe(1);
    server.closings.endAll();
    await waiting;
  });
});

describe('a Ping over a socket', () => {
  it('is forgotten when the client hangs up, and answered when the server stops', async () => {
    const { pool } = await freshDatabase();
    const served = await startTestServer(pool);
    await served.create({ email: 'kari@socket.example' });
    const device = new TestDevice(served, { email: 'kari@socket.example' });
    const contacts = (await device.folders()).get('Contacts') as string;
    await served.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = served.app.server.address() as AddressInfo;
    const folder = el(Ping.Folder, [el(Ping.Id, contacts), el(Ping.Class, 'Contacts')]);
    const body = encodeTree(el(Ping.Ping, [el(Ping.HeartbeatInterval, '480'), el(Ping.Folders, [folder])]));
    const send = (deviceId: string): ClientRequest => {
      const sent = request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: `/Microsoft-Server-ActiveSync?Cmd=Ping&DeviceId=${deviceId}&DeviceType=Test`,
        headers: { authorization: device.authorization, 'ms-asprotocolversion': '14.1' },
        agent: false,
      });
      sent.end(body);
      return sent;
    };
    const waits = (count: number) => vi.waitFor(() => expect(served.closings.waiting).toBe(count), { interval: 2 });

    const cut = send('one');
    cut.on('error', () => {});
    await waits(1);
    expect(served.engine.heads.parked).toBe(1);
    cut.destroy();
    await waits(0);
    expect(served.engine.heads.parked).toBe(0);

    const kept = send('two');
    await waits(1);
    const answered = once(kept, 'response') as Promise<[IncomingMessage]>;
    const stopped = served.stop();
    const [answer] = await answered;
    expect(answer.statusCode).toBe(200);
    answer.resume();
    await stopped;
    expect(served.errors).toEqual([]);
  });
});

describe('the wheel', () => {
  it('ends each wait in its second, and stands still when nobody waits', () => {
    vi.useFakeTimers();
    try {
      const wheel = new TimerWheel();
      const ended: string[] = [];
      const wait = (name: string, seconds: number): Waiting => {
        const waiting: Waiting = { slot: -1, before: null, after: null, onTime: () => ended.push(name) };
        wheel.add(waiting, seconds);
        return waiting;
      };
      wait('b', 60);
      wait('a', 2);
      const removed = wait('never', 2);
      wait('c', 3_540);
      wheel.remove(removed);
      wheel.remove(removed);
      vi.advanceTimersByTime(2_000);
      expect(ended).toEqual(['a']);
      vi.advanceTimersByTime(58_000);
      expect(ended).toEqual(['a', 'b']);
      vi.advanceTimersByTime(3_480_000);
      expect(ended).toEqual(['a', 'b', 'c']);
      expect([wheel.count, vi.getTimerCount()]).toEqual([0, 0]);
    } finally {
      vi.useRealTimers();
    }
  });
});
