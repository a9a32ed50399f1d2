/**
 * Phones whose requests go to another node each time, as a proxy may send them. Each promise is kept whether or not the
 * nodes hear each other at the moment.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ItemId } from '../../domain/shared/ids.ts';
import { at, el, numberAt } from '../../test/eas-client/elements.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { type MemoryBulletin, memoryBulletins } from '../cluster/memory.ts';
import { addContact, serverIds, TestDevice } from './test-server/device.ts';
import { startTestServer, type TestServer, testSite } from './test-server/server.ts';
import { AirSync, Contacts, FolderHierarchy, ItemOperations, Ping, Provision } from './wbxml/code-pages/index.ts';
import { type Element, textOf } from './wbxml/element.ts';

describe.each([
  ['hear each other', true],
  ['do not hear each other', false],
])('nodes that %s', (_, hears) => {
  let nodes: [TestServer, TestServer];
  let people = 0;
  beforeAll(async () => {
    const { openPool } = await freshDatabase();
    const site = testSite();
    const hub = memoryBulletins();
    const bulletins = [hub.join(), hub.join()];
    const pools = [openPool(), openPool()];
    // Only looks find what the bulletin does not carry, and those are seldom.
    const start = (at: number) => {
      const bulletin = bulletins[at] as MemoryBulletin;
      return startTestServer(pools[at] as never, undefined, { node: { site, bulletin, lookEveryMs: 300 } });
    };
    nodes = [await start(0), await start(1)];
    if (!hears) bulletins[0]?.cutOff();
    afterAll(async () => {
      for (const node of nodes) {
        expect(node.errors).toEqual([]);
        await node.stop();
      }
      await Promise.all(pools.map((pool) => pool.end()));
    });
  });

  /** Each request goes to the node whose turn it is. */
  function alternating(): TestServer {
    let turn = 0;
    return new Proxy({} as TestServer, { get: (_target, name) => nodes[turn++ % 2]?.[name as keyof TestServer] });
  }

  async function somebody(settings: { policy?: 'standard' } = {}) {
    const email = `kari${++people}@${hears ? 'hearing' : 'deaf'}.example`;
    const person = await nodes[0].create({ email, ...settings });
    const on = (server: TestServer, deviceId?: string) =>
      new TestDevice(server, { email, ...(deviceId ? { deviceId } : {}) });
    return { email, person, on };
  }

  const data = (name: string) => el(AirSync.ApplicationData, [el(Contacts.LastName, name)]);
  const change = (item: string, name: string) => el(AirSync.Change, [el(AirSync.ServerId, item), data(name)]);
  const remove = (item: string) => el(AirSync.Delete, [el(AirSync.ServerId, item)]);
  const namesIn = (commands: readonly Element[]) =>
    commands.map((one) => at(one, AirSync.ApplicationData, Contacts.LastName)?.text);

  it('understand a phone that speaks with them in turn, and hold each item once', async () => {
    const { person, on } = await somebody();
    const [a, b] = [on(alternating()), on(alternating())];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folders();
    let [keyA, keyB] = [(await a.pull(contacts)).key, (await b.pull(contacts)).key];
    const held = new Map<string, string>();
    const take = async (): Promise<void> => {
      for (;;) {
        const answer = await b.sync(contacts, keyB);
        expect([answer.http, answer.status]).toEqual([200, 1]);
        keyB = answer.key;
        for (const command of answer.commands) {
          const item = textOf(command, AirSync.ServerId) as string;
          if (command.tag === AirSync.Delete) expect(held.delete(item)).toBe(true);
          else {
            expect(held.has(item)).toBe(command.tag === AirSync.Change);
            held.set(item, namesIn([command])[0] as string);
          }
        }
        if (answer.commands.length === 0) return;
      }
    };
    const expected = new Map<string, string>();
    for (let round = 1; round <= 6; round++) {
      const commands = [addContact(`one ${round}`, `One ${round}`), addContact(`two ${round}`, `Two ${round}`)];
      const [first] = expected.keys();
      const last = [...expected.keys()].at(-1);
      if (first && round % 2) {
        commands.push(remove(first));
        expected.delete(first);
      }
      if (last) {
        commands.push(change(last, `Changed ${round}`));
        expected.set(last, `Changed ${round}`);
      }
      const answer = await a.sync(contacts, keyA, commands);
      expect([answer.http, answer.status, answer.key === keyA]).toEqual([200, 1, false]);
      expect(answer.commands).toEqual([]);
      keyA = answer.key;
      const [one, two] = serverIds(answer.responses) as [string, string];
      expected.set(one, `One ${round}`).set(two, `Two ${round}`);
      // What one phone was told is stored is told to the next that asks, wherever that is.
      await take();
      expect(held).toEqual(expected);
    }
    expect((await a.sync(contacts, keyA)).commands).toEqual([]);
    const items = await nodes[0].engine.itemView.count(person.tenant, contacts as never);
    expect(items).toBe(expected.size);
  });

  it('carry out once what a phone sends to both, since the first answer was lost', async () => {
    const { on } = await somebody();
    const [x, y] = [on(nodes[0], 'same'), on(nodes[1], 'same')];
    const contacts = (await x.folders()).get('Contacts') as string;
    let { key } = await x.pull(contacts);
    await y.sync(contacts, key);
    for (let round = 1; round <= 3; round++) {
      const commands = [addContact(`${round}`, `Nordmann ${round}`)];
      const lost = await x.sync(contacts, key, commands);
      const again = await y.sync(contacts, key, commands);
      expect([again.status, serverIds(again.responses)]).toEqual([1, serverIds(lost.responses)]);
      key = again.key;
      const [item] = serverIds(again.responses) as [string];
      const changes = [change(item, `Hansen ${round}`)];
      await y.sync(contacts, key, changes);
      const changed = await x.sync(contacts, key, changes);
      expect([changed.status, changed.commands]).toEqual([1, []]);
      key = changed.key;
    }
    const other = await on(nodes[1]).pull(contacts);
    expect(other.items).toHaveLength(3);
    // At once, as a proxy does that gives up on the one too early.
    const both = [addContact('both', 'Both')];
    const answers = await Promise.all([x.sync(contacts, key, both), y.sync(contacts, key, both)]);
    expect(answers.map(({ http }) => http)).toEqual([200, 200]);
    const after = await on(nodes[0]).pull(contacts);
    expect(after.items).toHaveLength(4);
  });

  it('give again what a phone was given by the other and never got', async () => {
    const { on } = await somebody();
    const [x, y, other] = [on(nodes[0], 'same'), on(nodes[1], 'same'), on(nodes[0])];
    const contacts = (await x.folders()).get('Contacts') as string;
    const { key } = await y.pull(contacts);
    await other.sync(contacts, (await other.pull(contacts)).key, [addContact('1', 'Nordmann')]);
    const lost = await x.sync(contacts, key);
    const again = await y.sync(contacts, key);
    expect([namesIn(lost.commands), namesIn(again.commands)]).toEqual([['Nordmann'], ['Nordmann']]);
    // The one that was lost came after all: what it gave is an earlier key's, and is known.
    const late = await x.sync(contacts, lost.key);
    expect([late.status, late.commands]).toEqual([1, []]);
  });

  it('show at once what was done to folders on the other, and serve what is in them', async () => {
    const { on } = await somebody();
    const [x, y, other] = [on(nodes[0], 'same'), on(nodes[1], 'same'), on(nodes[1])];
    await x.folders();
    y.folderKey = x.folderKey;
    await other.folders();
    expect((await y.folderSync()).changes).toEqual([]);
    const { FolderCreate, FolderDelete, SyncKey, ParentId, DisplayName, Type, ServerId, Status } = FolderHierarchy;
    const parts = [el(SyncKey, x.folderKey), el(ParentId, '0'), el(DisplayName, 'Customers'), el(Type, '14')];
    const { root } = await x.send('FolderCreate', el(FolderCreate, parts));
    const folder = textOf(root as Element, ServerId) as string;
    y.folderKey = textOf(root as Element, SyncKey) as string;
    // The phone made it itself, so it is neither new nor gone.
    expect(await y.folderSync()).toMatchObject({ status: 1, changes: [] });
    expect((await other.folderSync()).changes.map((one) => textOf(one, DisplayName))).toEqual(['Customers']);
    const begun = await y.sync(folder, '0');
    expect(begun.status).toBe(1);
    const added = await x.sync(folder, begun.key, [addContact('1', 'Nordmann')]);
    const [item] = serverIds(added.responses) as [string];
    const fetch = [el(ItemOperations.Store, 'Mailbox'), el(AirSync.CollectionId, folder), el(AirSync.ServerId, item)];
    const operations = el(ItemOperations.ItemOperations, [el(ItemOperations.Fetch, fetch)]);
    const fetched = (await y.send('ItemOperations', operations)).root;
    expect(numberAt(fetched, ItemOperations.Response, ItemOperations.Fetch, ItemOperations.Status)).toBe(1);

    const gone = el(FolderDelete, [el(SyncKey, y.folderKey), el(ServerId, folder)]);
    const deleted = (await x.send('FolderDelete', gone)).root as Element;
    expect(textOf(deleted, Status)).toBe('1');
    expect((await y.sync(folder, added.key)).status).toBe(12);
    y.folderKey = textOf(deleted, SyncKey) as string;
    expect(await y.folderSync()).toMatchObject({ status: 1, changes: [] });
  });

  it('keep a device out, and a person, from the moment the other was told to', async () => {
    const { email, person, on } = await somebody();
    const [x, y] = [on(nodes[0], 'same'), on(nodes[1], 'same')];
    const contacts = (await x.folders()).get('Contacts') as string;
    const { key } = await y.pull(contacts);
    await nodes[0].devices.administer(person, 'same', { type: 'block' });
    const blocked = await y.sync(contacts, key);
    expect(blocked.status).toBe(129);
    await nodes[1].devices.administer(person, 'same', { type: 'unblock' });
    expect((await x.sync(contacts, key)).status).toBe(1);
    await nodes[0].accounts.remove(email, { erase: false });
    expect((await y.raw('?Cmd=Ping&DeviceId=same&DeviceType=Test')).status).toBe(401);
  });

  it('agree with a device on its policy, one step on each', async () => {
    const { on } = await somebody({ policy: 'standard' });
    const [x, y] = [on(nodes[0], 'same'), on(nodes[1], 'same')];
    expect((await x.folderSync('0')).status).toBe(142);
    const { Policies, Policy, PolicyType, PolicyKey, Status } = Provision;
    const say = async (device: TestDevice, ...more: Element[]) => {
      const policy = el(Policy, [el(PolicyType, 'MS-EAS-Provisioning-WBXML'), ...more]);
      const { root } = await device.send('Provision', el(Provision.Provision, [el(Policies, [policy])]));
      return at(root, Policies, Policy) as Element;
    };
    const offered = await say(y);
    const acknowledged = await say(x, el(PolicyKey, textOf(offered, PolicyKey) as string), el(Status, '1'));
    expect(textOf(acknowledged, Status)).toBe('1');
    x.policyKey = y.policyKey = textOf(acknowledged, PolicyKey) as string;
    expect((await y.folderSync('0')).status).toBe(1);
    expect((await x.folderSync(y.folderKey)).status).toBe(1);
  });

  const parked = (node: TestServer, count: number) =>
    vi.waitFor(() => expect(node.closings.waiting).toBe(count), { interval: 2 });

  it('wake what is parked on the other: for an item, a folder, a wipe', async () => {
    const { person, on } = await somebody();
    const [a, b] = [on(nodes[0]), on(nodes[1])];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folders();
    const keys = [(await a.pull(contacts)).key, (await b.pull(contacts)).key] as [string, string];
    const waiting = b.ping(480, [contacts]);
    await parked(nodes[1], 1);
    await a.sync(contacts, keys[0], [addContact('1', 'Nordmann')]);
    const { status, root } = await waiting;
    expect([status, at(root, Ping.Folders)?.children.map(({ text }) => text)]).toEqual([2, [contacts]]);
    keys[1] = (await b.sync(contacts, keys[1])).key;

    const folders = b.ping(480, [contacts]);
    await parked(nodes[1], 1);
    const { FolderCreate, SyncKey, ParentId, DisplayName, Type } = FolderHierarchy;
    const parts = [el(SyncKey, a.folderKey), el(ParentId, '0'), el(DisplayName, 'Customers'), el(Type, '14')];
    await a.send('FolderCreate', el(FolderCreate, parts));
    expect((await folders).status).toBe(7);
    await b.folderSync();

    const kept = b.ping(480, [contacts]);
    await parked(nodes[1], 1);
    await nodes[0].devices.administer(person, b.deviceId, { type: 'requestWipe', scope: 'device' });
    expect((await kept).status).toBe(1);
    await parked(nodes[1], 0);
  });

  it('are not woken by what the phone itself did on the other', async () => {
    const { person, on } = await somebody();
    const [x, y, other] = [on(nodes[0], 'same'), on(nodes[1], 'same'), on(nodes[0])];
    const contacts = (await x.folders()).get('Contacts') as string;
    const { key } = await x.pull(contacts);
    const otherKey = (await other.pull(contacts)).key;
    const waiting = y.ping(480, [contacts]);
    await parked(nodes[1], 1);
    for (let round = 1, next = key; round <= 3; round++) {
      next = (await x.sync(contacts, next, [addContact(`${round}`, 'Mine')])).key;
    }
    await nodes[1].settle(person.tenant);
    // What another device of the person is told there comes after the look that this woke.
    await on(nodes[1]).pull(contacts);
    expect(nodes[1].closings.waiting).toBe(1);
    await other.sync(contacts, otherKey, [addContact('theirs', 'Theirs')]);
    expect((await waiting).status).toBe(2);
  });

  it('make one of what two phones bring to both at the same time', async () => {
    const { person, on } = await somebody();
    const phones = [on(nodes[0]), on(nodes[1])];
    const contacts = (await (phones[0] as TestDevice).folders()).get('Contacts') as string;
    await (phones[1] as TestDevice).folders();
    const begun = await Promise.all(phones.map((phone) => phone.sync(contacts, '0')));
    const brought = Array.from({ length: 20 }, (_, n) => ({
      id: `c${n}`,
      name: `Nordmann ${String.fromCharCode(97 + n)}`,
    }));
    const add = ({ id, name }: { id: string; name: string }) =>
      el(AirSync.Add, [
        el(AirSync.ClientId, id),
        el(AirSync.ApplicationData, [
          el(Contacts.FirstName, 'Kari'),
          el(Contacts.LastName, name),
          el(Contacts.Email1Address, `${id}@x.example`),
        ]),
      ]);
    const answers = await Promise.all(
      phones.map((phone, n) => phone.sync(contacts, begun[n]?.key as string, brought.map(add))),
    );
    expect(answers.map(({ status }) => status)).toEqual([1, 1]);
    await Promise.all(nodes.map((node) => node.settle(person.tenant)));
    const rows = await nodes[0].engine.itemView.outline(person.tenant, contacts as never);
    expect(new Set(rows.map(({ item }) => item as ItemId)).size).toBe(20);
  });
});
