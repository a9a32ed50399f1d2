import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, el, numberAt } from '../../../test/eas-client/elements.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { addContact, serverIds, TestDevice } from '../test-server/device.ts';
import { startTestServer, type TestServer } from '../test-server/server.ts';
import type { ProtocolVersion } from '../version.ts';
import {
  AirSync,
  Contacts,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Provision,
  Search,
  Settings,
} from '../wbxml/code-pages/index.ts';
import { child, childrenOf, type Element, textOf } from '../wbxml/element.ts';

let server: TestServer;
let people = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  server = await startTestServer(pool);
});
afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.stop();
});

async function somebody(account: { policy?: 'none' | 'standard' | 'strict'; aliases?: string[] } = {}) {
  const email = `kari${++people}@commands.example`;
  const person = await server.create({ email, displayName: 'Kari Nordmann', ...account });
  const phone = (version: ProtocolVersion = 141) => new TestDevice(server, { email, version });
  return { email, person, phone };
}

const folderElement = (command: number, key: string, parts: Record<string, string>): Element =>
  el(command, [
    el(FolderHierarchy.SyncKey, key),
    ...Object.entries(parts).map(([name, value]) => el(FolderHierarchy[name as 'ServerId'], value)),
  ]);

async function folderCommand(
  phone: TestDevice,
  name: 'FolderCreate' | 'FolderUpdate' | 'FolderDelete',
  parts: Record<string, string>,
  key = phone.folderKey,
) {
  const { root } = await phone.send(name, folderElement(FolderHierarchy[name], key, parts));
  const status = numberAt(root, FolderHierarchy.Status);
  const next = root && textOf(root, FolderHierarchy.SyncKey);
  if (next) phone.folderKey = next;
  return { status, key: next, id: (root && textOf(root, FolderHierarchy.ServerId)) ?? '' };
}

const createFolder = (phone: TestDevice, DisplayName: string, key?: string) =>
  folderCommand(phone, 'FolderCreate', { ParentId: '0', DisplayName, Type: '14' }, key);

/** Adds contacts in a folder that the phone has begun; gives the key after it. */
async function addContacts(phone: TestDevice, collection: string, key: string, names: readonly string[]) {
  const answer = await phone.sync(
    collection,
    key,
    names.map((name) => addContact(name, name)),
  );
  await server.settle('commands.example' as never);
  return { key: answer.key, items: serverIds(answer.responses) };
}

describe('FolderSync', () => {
  it('tells all folders, then nothing, then what another phone did', async () => {
    const { phone } = await somebody();
    const [a, b] = [phone(), phone()];
    const first = await a.folderSync();
    expect(first.changes.map((folder) => textOf(folder, FolderHierarchy.Type)).sort()).toEqual(['10', '7', '8', '9']);
    expect((await a.folderSync()).changes).toEqual([]);
    await b.folderSync();
    await createFolder(b, 'Customers');
    const news = await a.folderSync();
    expect(news.changes.map(({ tag }) => tag)).toEqual([FolderHierarchy.Add]);
    expect((await b.folderSync()).changes).toEqual([]);
  });

  it('shows folders of notes from 14.0 on alone, also to a phone that changes its version', async () => {
    const { phone } = await somebody();
    const old = phone(121);
    const types = (folders: readonly Element[]) => folders.map((folder) => textOf(folder, FolderHierarchy.Type)).sort();
    expect(types((await old.folderSync()).changes)).toEqual(['7', '8', '9']);
    expect((await old.folderSync()).changes).toEqual([]);
    const notes = { ParentId: '0', DisplayName: 'Ideas', Type: '17' };
    expect((await folderCommand(old, 'FolderCreate', notes)).status).toBe(10);
    expect((await createFolder(old, 'Customers')).status).toBe(1);
    expect((await old.folderSync()).changes).toEqual([]);
    old.version = 140;
    expect(types((await old.folderSync()).changes)).toEqual(['10']);
    expect((await folderCommand(old, 'FolderCreate', notes)).status).toBe(1);
    expect((await old.folderSync()).changes).toEqual([]);
  });

  it('repeats a lost answer, serves any earlier key and refuses a forged one with 9', async () => {
    const { phone } = await somebody();
    const [a, b] = [phone(), phone()];
    const { key } = await a.folderSync();
    await b.folderSync();
    await createFolder(b, 'One');
    const lost = await a.folderSync(key);
    const again = await a.folderSync(key);
    expect(again).toEqual(lost);
    await createFolder(b, 'Two');
    await a.folderSync();
    await a.folderSync();
    const old = await a.folderSync(key);
    expect(old.changes.map((folder) => textOf(folder, FolderHierarchy.DisplayName))).toEqual(['One', 'Two']);
    for (const forged of ['1', `${key}9`, 'x', await b.folderSync().then((answer) => answer.key)]) {
      expect((await a.folderSync(forged)).status).toBe(9);
    }
  });

  it('stores nothing when nothing is new', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    await a.folderSync();
    const before = await server.head(person.tenant);
    for (let i = 0; i < 3; i++) await a.folderSync();
    expect(await server.head(person.tenant)).toBe(before);
  });
});

describe('folders made by phones', () => {
  it('are created once when the answer was lost, renamed, and deleted with what is in them', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    const { key } = await a.folderSync();
    const made = await createFolder(a, 'Customers');
    const again = await createFolder(a, 'Customers', key);
    expect(again).toEqual(made);
    const renamed = await folderCommand(a, 'FolderUpdate', { ServerId: made.id, ParentId: '0', DisplayName: 'Kunder' });
    expect(renamed.status).toBe(1);
    const begun = await a.sync(made.id, '0');
    const { items } = await addContacts(a, made.id, begun.key, ['A', 'B']);
    expect((await folderCommand(a, 'FolderDelete', { ServerId: made.id })).status).toBe(1);
    expect((await a.folderSync()).changes).toEqual([]);
    await server.settle(person.tenant);
    const rows = await server.engine.itemView.locate(person.tenant, items as never);
    expect([...rows.values()].map((row) => row.deleted)).toEqual([true, true]);
    expect((await a.sync(made.id, '0')).status).toBe(12);
  });

  it('cannot take a name, a parent or a type that is not to be had, and default folders stay', async () => {
    const { phone } = await somebody();
    const a = phone();
    const contacts = (await a.folders()).get('Contacts') as string;
    const create = (parts: Record<string, string>) => folderCommand(a, 'FolderCreate', parts);
    expect((await create({ ParentId: '0', DisplayName: 'contacts', Type: '14' })).status).toBe(2);
    expect((await create({ ParentId: 'nowhere', DisplayName: 'X', Type: '14' })).status).toBe(5);
    expect((await create({ ParentId: '0', DisplayName: 'X', Type: '9' })).status).toBe(10);
    expect((await create({ ParentId: '0', DisplayName: ' ', Type: '14' })).status).toBe(10);
    expect((await folderCommand(a, 'FolderDelete', { ServerId: contacts })).status).toBe(3);
    expect((await folderCommand(a, 'FolderDelete', { ServerId: 'none' })).status).toBe(4);
    const update = { ServerId: contacts, ParentId: '0', DisplayName: 'Mine' };
    expect((await folderCommand(a, 'FolderUpdate', update)).status).toBe(2);
    expect((await createFolder(a, 'X', '123')).status).toBe(9);
  });
});

const provisionElement = (parts: { key?: string; status?: string; type?: string } = {}, extra: Element[] = []) => {
  const policy = [el(Provision.PolicyType, parts.type ?? 'MS-EAS-Provisioning-WBXML')];
  if (parts.key !== undefined) policy.push(el(Provision.PolicyKey, parts.key));
  if (parts.status !== undefined) policy.push(el(Provision.Status, parts.status));
  return el(Provision.Provision, [...extra, el(Provision.Policies, [el(Provision.Policy, policy)])]);
};

async function provision(
  phone: TestDevice,
  parts: { key?: string; status?: string; type?: string } = {},
  extra?: Element[],
) {
  const { root, status: http } = await phone.send('Provision', provisionElement(parts, extra));
  const policy = at(root, Provision.Policies, Provision.Policy);
  return {
    http,
    status: numberAt(root, Provision.Status),
    policyStatus: numberAt(policy, Provision.Status),
    key: policy && textOf(policy, Provision.PolicyKey),
    document: at(policy, Provision.Data, Provision.EASProvisionDoc),
    root,
  };
}

describe('Provision', () => {
  it.each([121, 140, 141, 160, 161] as const)(
    'lets a phone of %i work after it accepted the policy',
    async (version) => {
      const { phone } = await somebody({ policy: 'standard' });
      const a = phone(version);
      const before = await a.send('FolderSync', el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, '0')]));
      if (version === 121) expect(before.status).toBe(449);
      else expect(numberAt(before.root, FolderHierarchy.Status)).toBe(142);
      const offered = await provision(a);
      expect(offered).toMatchObject({ status: 1, policyStatus: 1 });
      expect(numberAt(offered.document, Provision.DevicePasswordEnabled)).toBe(1);
      expect((await provision(a)).key).toBe(offered.key);
      const accepted = await provision(a, { key: offered.key, status: '1' });
      expect(accepted).toMatchObject({ status: 1, policyStatus: 1, document: undefined });
      expect(accepted.key).not.toBe(offered.key);
      expect((await provision(a, { key: offered.key, status: '1' })).key).toBe(accepted.key);
      a.policyKey = accepted.key as string;
      expect((await a.folderSync()).status).toBe(1);
      a.policyKey = '77';
      const wrong = await a.send('FolderSync', el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, '0')]));
      if (version === 121) expect(wrong.status).toBe(449);
      else expect(numberAt(wrong.root, FolderHierarchy.Status)).toBe(144);
    },
  );

  it('refuses the wrong key with 5, an unknown kind of policy with 3, and a phone that applied nothing with 139', async () => {
    const { phone } = await somebody({ policy: 'strict' });
    const a = phone();
    expect((await provision(a, { type: 'MS-WAP-Provisioning-XML' })).policyStatus).toBe(3);
    expect((await provision(a, { key: '1', status: '1' })).policyStatus).toBe(5);
    const { key } = await provision(a);
    expect((await provision(a, { key, status: '3' })).status).toBe(139);
    expect((await provision(a, { key, status: '4' })).status).toBe(145);
    a.version = 121;
    expect((await provision(a, { key, status: '3' })).http).toBe(403);
  });

  it('asks again when the account’s policy changed', async () => {
    const { phone, email } = await somebody({ policy: 'standard' });
    const a = phone();
    const offered = await provision(a);
    a.policyKey = (await provision(a, { key: offered.key, status: '1' })).key as string;
    await server.accounts.change(email, { policy: 'strict' });
    expect((await a.folderSync('0')).status).toBe(143);
  });

  it('says that there is no policy where none is asked for, and takes what the device tells of itself', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    const told = el(Settings.DeviceInformation, [
      el(Settings.Set, [el(Settings.Model, 'iPhone'), el(Settings.OS, 'iOS 19')]),
    ]);
    const answer = await provision(a, {}, [told]);
    expect(answer).toMatchObject({ status: 1, policyStatus: 2 });
    expect(numberAt(answer.root, Settings.DeviceInformation, Settings.Status)).toBe(1);
    await server.settle(person.tenant);
    expect((await server.devices.of(person))[0]?.device.information).toEqual({ model: 'iPhone', os: 'iOS 19' });
  });

  it('tells a wipe, takes its acknowledgement twice, and keeps the device out', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    await a.folderSync();
    await server.devices.administer(person, a.deviceId, { type: 'requestWipe', scope: 'device' });
    expect((await a.folderSync('0')).status).toBe(140);
    const { root } = await a.send('Provision', el(Provision.Provision));
    expect(root && child(root, Provision.RemoteWipe)).toBeDefined();
    const failed = el(Provision.Provision, [el(Provision.RemoteWipe, [el(Provision.Status, '2')])]);
    const again = (await a.send('Provision', failed)).root;
    expect(numberAt(again, Provision.Status)).toBe(2);
    expect(at(again, Provision.RemoteWipe)).toBeDefined();
    const done = el(Provision.Provision, [el(Provision.RemoteWipe, [el(Provision.Status, '1')])]);
    for (let i = 0; i < 2; i++) expect(await a.statusOf('Provision', done, Provision.Status)).toBe(1);
    expect((await a.folderSync('0')).status).toBe(129);
    expect((await provision(a)).status).toBe(129);
    a.version = 121;
    expect((await a.send('FolderSync')).status).toBe(403);
  });

  it('wipes the account alone where the version knows how, and keeps others out instead of wiping all', async () => {
    const { phone, person } = await somebody();
    const a = phone(161);
    await a.folderSync();
    await server.devices.administer(person, a.deviceId, { type: 'requestWipe', scope: 'account' });
    a.version = 141;
    expect((await a.folderSync('0')).status).toBe(129);
    expect((await provision(a)).status).toBe(129);
    a.version = 161;
    const { root } = await a.send('Provision', el(Provision.Provision));
    expect(root && child(root, Provision.AccountOnlyRemoteWipe)).toBeDefined();
    expect(root && child(root, Provision.RemoteWipe)).toBeUndefined();
  });
});

const move = (item: string, from: string, to: string): Element =>
  el(Move.Move, [el(Move.SrcMsgId, item), el(Move.SrcFldId, from), el(Move.DstFldId, to)]);

async function moveItems(phone: TestDevice, moves: readonly Element[]) {
  const { root } = await phone.send('MoveItems', el(Move.MoveItems, moves));
  return childrenOf(root as Element, Move.Response).map((response) => ({
    status: numberAt(response, Move.Status),
    item: textOf(response, Move.DstMsgId),
  }));
}

describe('MoveItems', () => {
  it('moves, answers a repeat the same, and does not echo to the phone that moved', async () => {
    const { phone, person } = await somebody();
    const [a, b] = [phone(), phone()];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folderSync();
    const { id } = await createFolder(a, 'Customers');
    const target = (await a.sync(id, '0')).key;
    const source = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['A', 'B']);
    const [one] = source.items as [string];
    const other = await b.pull(contacts);
    expect(other.items).toHaveLength(2);

    for (let i = 0; i < 2; i++)
      expect(await moveItems(a, [move(one, contacts, id)])).toEqual([{ status: 3, item: one }]);
    await server.settle(person.tenant);
    const [here, there] = [await a.sync(contacts, source.key), await a.sync(id, target)];
    expect([here.commands, there.commands]).toEqual([[], []]);
    const gone = await b.sync(contacts, other.key);
    expect(gone.commands.map((command) => [command.tag, textOf(command, AirSync.ServerId)])).toEqual([
      [AirSync.Delete, one],
    ]);
    expect((await b.pull(id)).items).toEqual([one]);

    const edited = el(AirSync.Change, [
      el(AirSync.ServerId, one),
      el(AirSync.ApplicationData, [el(Contacts.LastName, 'Changed')]),
    ]);
    expect((await a.sync(id, there.key, [edited])).status).toBe(1);
  });

  it('says what cannot be moved', async () => {
    const { phone } = await somebody();
    const a = phone();
    const folders = await a.folders();
    const [contacts, tasks] = [folders.get('Contacts'), folders.get('Tasks')] as [string, string];
    const { id } = await createFolder(a, 'Customers');
    const { items } = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['A']);
    const [one] = items as [string];
    const answers = await moveItems(a, [
      move(one, 'nowhere', id),
      move(one, contacts, 'nowhere'),
      move(one, contacts, contacts),
      move(one, contacts, tasks),
      move('unknown', contacts, id),
      move('../x y', contacts, id),
      move(one, id, contacts),
    ]);
    // The last is in its target already, as after a lost answer.
    expect(answers.map(({ status }) => status)).toEqual([1, 2, 4, 2, 1, 1, 3]);
  });
});

async function estimate(phone: TestDevice, collection: string, key: string) {
  const asked = [el(AirSync.SyncKey, key), el(GetItemEstimate.CollectionId, collection)];
  const { root } = await phone.send(
    'GetItemEstimate',
    el(GetItemEstimate.GetItemEstimate, [el(GetItemEstimate.Collections, [el(GetItemEstimate.Collection, asked)])]),
  );
  const response = at(root, GetItemEstimate.Response);
  return [
    numberAt(response, GetItemEstimate.Status),
    numberAt(response, GetItemEstimate.Collection, GetItemEstimate.Estimate),
  ];
}

describe('GetItemEstimate', () => {
  it('counts nothing of what the device deleted and everybody else keeps for now', async () => {
    const { phone, person } = await somebody();
    const [a, b] = [phone(), phone()];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folderSync();
    const names = Array.from({ length: 30 }, (_, nth) => `Nr ${nth}`);
    await addContacts(a, contacts, (await a.sync(contacts, '0')).key, names);
    const { key, items } = await a.pull(contacts);
    const deletes = items.map((item) => el(AirSync.Delete, [el(AirSync.ServerId, item)]));
    const answer = await a.sync(contacts, key, deletes);
    const left = await b.pull(contacts);
    const [kept] = left.items as [string];
    const renamed = el(AirSync.ApplicationData, [el(Contacts.LastName, 'Nes')]);
    await b.sync(contacts, left.key, [el(AirSync.Change, [el(AirSync.ServerId, kept), renamed])]);
    await server.settle(person.tenant);
    expect(await estimate(a, contacts, answer.key)).toEqual([1, 0]);
    expect(await estimate(a, contacts, (await a.sync(contacts, '0')).key)).toEqual([1, 10]);
  });

  it('counts what Sync would send, and nothing that the device did itself', async () => {
    const { phone } = await somebody();
    const [a, b] = [phone(), phone()];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folderSync();
    const first = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['A', 'B', 'C']);
    expect(await estimate(a, contacts, first.key)).toEqual([1, 0]);
    const begun = await b.sync(contacts, '0');
    expect(await estimate(b, contacts, begun.key)).toEqual([1, 3]);
    const { key } = await b.sync(contacts, begun.key);
    expect(await estimate(b, contacts, key)).toEqual([1, 0]);
    await addContacts(a, contacts, first.key, ['D']);
    expect(await estimate(b, contacts, key)).toEqual([1, 1]);
    expect(await estimate(b, contacts, '0')).toEqual([3, undefined]);
    expect(await estimate(b, contacts, '12345')).toEqual([4, undefined]);
    expect(await estimate(b, 'nowhere', '0')).toEqual([2, undefined]);
  });
});

describe('ItemOperations', () => {
  const operations = async (phone: TestDevice, ...asked: Element[]) => {
    const { root } = await phone.send('ItemOperations', el(ItemOperations.ItemOperations, asked));
    return at(root, ItemOperations.Response)?.children ?? [];
  };
  const fetch = (collection: string, item: string, store = 'Mailbox') =>
    el(ItemOperations.Fetch, [
      el(ItemOperations.Store, store),
      el(AirSync.CollectionId, collection),
      el(AirSync.ServerId, item),
    ]);

  it('fetches items, each with a status of its own', async () => {
    const { phone } = await somebody();
    const a = phone();
    const contacts = (await a.folders()).get('Contacts') as string;
    const { items } = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['Nordmann']);
    const [one] = items as [string];
    const answers = await operations(
      a,
      fetch(contacts, one),
      fetch(contacts, 'none'),
      fetch('none', one),
      fetch(contacts, one, 'Nowhere'),
    );
    expect(answers.map((answer) => numberAt(answer, ItemOperations.Status))).toEqual([1, 6, 6, 9]);
    expect(at(answers[0], ItemOperations.Properties, Contacts.LastName)?.text).toBe('Nordmann');
  });

  it('empties a folder for every device', async () => {
    const { phone, person } = await somebody();
    const [a, b] = [phone(), phone()];
    const contacts = (await a.folders()).get('Contacts') as string;
    await b.folderSync();
    await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['A', 'B']);
    const { key } = await b.pull(contacts);
    const asked = el(ItemOperations.EmptyFolderContents, [el(AirSync.CollectionId, contacts)]);
    const [answer] = await operations(a, asked);
    expect(numberAt(answer, ItemOperations.Status)).toBe(1);
    await server.settle(person.tenant);
    const { commands } = await b.sync(contacts, key);
    expect(commands.map(({ tag }) => tag)).toEqual([AirSync.Delete, AirSync.Delete]);
  });
});

describe('the history of what these commands did', () => {
  it('names the command', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    const contacts = (await a.folders()).get('Contacts') as string;
    const { id } = await createFolder(a, 'Customers');
    await a.sync(id, '0');
    const { items } = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['A', 'B']);
    const [moved, emptied] = items as [string, string];
    await moveItems(a, [move(moved, contacts, id)]);
    const emptying = el(ItemOperations.EmptyFolderContents, [el(AirSync.CollectionId, contacts)]);
    await a.send('ItemOperations', el(ItemOperations.ItemOperations, [emptying]));
    await folderCommand(a, 'FolderDelete', { ServerId: id });
    const ways = async (item: string) =>
      (await server.engine.items.history(person.tenant, 'contact', item as never)).map(
        ({ meta }) => meta.cause?.command,
      );
    expect(await ways(moved)).toEqual(['Sync Add', 'MoveItems', 'FolderDelete']);
    expect(await ways(emptied)).toEqual(['Sync Add', 'ItemOperations EmptyFolderContents']);
  });
});

describe('Settings and Search', () => {
  it('gives the person’s addresses in the shape of the version', async () => {
    const { phone, email } = await somebody({ aliases: ['knx@commands.example'] });
    const ask = el(Settings.Settings, [el(Settings.UserInformation, [el(Settings.Get)])]);
    const old = (await phone(140).send('Settings', ask)).root;
    const addresses = at(old, Settings.UserInformation, Settings.Get, Settings.EmailAddresses);
    expect(addresses?.children.map(({ text }) => text)).toEqual([email, 'knx@commands.example']);
    const account = at(
      (await phone(141).send('Settings', ask)).root,
      Settings.UserInformation,
      Settings.Get,
      Settings.Accounts,
      Settings.Account,
    );
    expect(at(account, Settings.UserDisplayName)?.text).toBe('Kari Nordmann');
    expect(at(account, Settings.EmailAddresses, Settings.PrimarySmtpAddress)?.text).toBe(email);
  });

  it('keeps what a device tells of itself, and writes it once', async () => {
    const { phone, person } = await somebody();
    const a = phone();
    const told = el(Settings.Settings, [
      el(Settings.DeviceInformation, [el(Settings.Set, [el(Settings.Model, 'Pixel')])]),
    ]);
    await a.send('Settings', told);
    const before = await server.head(person.tenant);
    const { root } = await a.send('Settings', told);
    expect(numberAt(root, Settings.DeviceInformation, Settings.Status)).toBe(1);
    expect(await server.head(person.tenant)).toBe(before);
  });

  it('says politely what it does not keep', async () => {
    const { phone } = await somebody();
    const asked = el(Settings.Settings, [
      el(Settings.Oof, [el(Settings.Get, [el(Settings.BodyType, 'Text')])]),
      el(Settings.DevicePassword, [el(Settings.Set, [el(Settings.Password, 'x')])]),
    ]);
    const { root } = await phone().send('Settings', asked);
    expect(numberAt(root, Settings.Oof, Settings.Get, Settings.OofState)).toBe(0);
    expect(numberAt(root, Settings.DevicePassword, Settings.Status)).toBe(7);
  });

  it('finds nothing in the directory, with the range and total that Android looks for', async () => {
    const { phone } = await somebody();
    const ask = (name: string) =>
      el(Search.Search, [el(Search.Store, [el(Search.Name, name), el(Search.Query, 'astrid')])]);
    const store = at((await phone().send('Search', ask('GAL'))).root, Search.Response, Search.Store);
    expect([numberAt(store, Search.Status), numberAt(store, Search.Total)]).toEqual([1, 0]);
    expect(at(store, Search.Range)).toBeDefined();
    const unknown = at((await phone().send('Search', ask('DocumentLibrary'))).root, Search.Response, Search.Store);
    expect(numberAt(unknown, Search.Status)).toBe(2);
  });
});

describe('one person’s credentials with another’s ids', () => {
  it('reach nothing', async () => {
    const [kari, ola] = [await somebody(), await somebody()];
    const [a, b] = [kari.phone(), ola.phone()];
    const contacts = (await a.folders()).get('Contacts') as string;
    const own = (await b.folders()).get('Contacts') as string;
    const { items, key } = await addContacts(a, contacts, (await a.sync(contacts, '0')).key, ['Secret']);
    const [one] = items as [string];

    expect((await b.sync(contacts, key)).status).toBe(12);
    expect((await b.sync(own, key)).status).toBe(3);
    expect((await b.folderSync(a.folderKey)).status).toBe(9);
    expect((await b.ping(480, [contacts])).status).toBe(7);
    expect(await estimate(b, contacts, key)).toEqual([2, undefined]);
    await b.folders();
    const { id } = await createFolder(b, 'Mine');
    expect((await moveItems(b, [move(one, own, id), move(one, contacts, id)])).map(({ status }) => status)).toEqual([
      1, 1,
    ]);
    for (const name of ['FolderUpdate', 'FolderDelete'] as const) {
      const parts = { ServerId: contacts, ...(name === 'FolderUpdate' ? { ParentId: '0', DisplayName: 'X' } : {}) };
      expect((await folderCommand(b, name, parts)).status).toBe(4);
    }
    const fetch = (collection: string) =>
      el(ItemOperations.Fetch, [el(AirSync.CollectionId, collection), el(AirSync.ServerId, one)]);
    const empty = el(ItemOperations.EmptyFolderContents, [el(AirSync.CollectionId, contacts)]);
    const { root } = await b.send(
      'ItemOperations',
      el(ItemOperations.ItemOperations, [fetch(contacts), fetch(own), empty]),
    );
    const statuses = at(root, ItemOperations.Response)?.children.map((answer) =>
      numberAt(answer, ItemOperations.Status),
    );
    expect(statuses).toEqual([6, 6, 6]);
    // The same device id under another account is another device.
    const twin = new TestDevice(server, { email: ola.email, deviceId: a.deviceId });
    expect((await twin.folderSync(a.folderKey)).status).toBe(9);
    expect((await a.pull(contacts)).items).toEqual([one]);
  });
});
