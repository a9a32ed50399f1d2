/**
 * One person's credentials with everything that is another's: the answers hold no byte of what the other wrote, and
 * the other's streams stay as they are. From the attacker's side, over HTTP, against the real server; the attackers are
 * a colleague in the same company and a stranger in another one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AirSync,
  AirSyncBase,
  Contacts,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Ping,
  Provision,
  Search,
  Settings,
} from '../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../adapters/activesync/wbxml/writer.ts';
import { createPool, type Pool } from '../../adapters/postgres/pool.ts';
import { openLog } from '../../api/cli/open-log.ts';
import { NO_POSITION } from '../../domain/shared/ids.ts';
import { logEnv } from '../e2e-log.ts';
import { EasClient } from '../eas-client/client.ts';
import { folderCreate } from '../eas-client/commands/folders.ts';
import { el } from '../eas-client/elements.ts';
import { newItem } from '../eas-client/fields.ts';
import { Phone } from '../eas-client/phone.ts';
import { base64Query, type Command, easPath, plainQuery } from '../eas-client/query.ts';
import { kindOf, newState, type PimKind } from '../eas-client/state.ts';
import { Transport } from '../eas-client/transport.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

/** Stands in everything the victim wrote, and in no request of an attacker. */
const secret = 'Kongesang';
const victimEmail = 'bente@offer.example';
const colleague = 'anna@offer.example';
const stranger = 'arne@annen.example';
const context = { version: 141, zone: 'Europe/Oslo', nowMs: Date.parse('2026-03-02T09:00:00Z'), uid: 'uid-7' } as const;

let directory: string;
let server: ServerProcess;
let database: Pool;
const transports: Transport[] = [];

interface Known {
  readonly email: string;
  readonly deviceId: string;
  readonly policyKey: string;
  readonly folderKey: string;
  /** Default folders and one of her own. */
  readonly folders: readonly {
    readonly id: string;
    readonly kind: PimKind;
    readonly key: string;
    readonly items: string[];
  }[];
}

interface Answer {
  readonly what: string;
  readonly status: number;
  readonly body: Buffer;
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-isolation-'));
  server = await ServerProcess.start({
    dataDir: path.join(directory, 'data'),
    env: { DEMO: 'false', LOG_LEVEL: 'info' },
  });
  const { connection } = await server.postmaster();
  database = createPool({ connection, applicationName: 'test', onError: () => {} });
}, 120_000);

afterAll(async () => {
  await database?.end();
  await Promise.all(transports.map((transport) => transport.close()));
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** A new person with a phone that has begun every folder, and an item of the text in each. */
async function settled(email: string, deviceId: string, text: string): Promise<Known> {
  const account = await fetch(`${server.url}/admin/accounts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: `pw of ${email}`, displayName: `Den ${text}` }),
  });
  expect(account.status).toBe(201);
  const transport = new Transport({ url: server.url });
  transports.push(transport);
  const client = new EasClient({ transport, user: email, password: `pw of ${email}`, deviceId });
  const phone = new Phone({ client, state: newState({ url: server.url, user: email, deviceId, version: 141 }) });
  await phone.setUp();
  const made = await folderCreate(client, phone.state.folderKey, { name: `Mappe ${text}`, type: 14 });
  phone.state.folderKey = made.key;
  await phone.syncFolders();
  const words: Record<PimKind, string[]> = {
    contact: [`last=${text}`, `body=${text} i et notat`],
    appointment: [`subject=${text}`, 'start=2026-03-02T10:00', 'end=2026-03-02T11:00'],
    task: [`subject=${text}`],
    note: [`subject=${text}`, `body=${text} ${'lang '.repeat(10_000)}`],
  };
  // A folder that the phone made itself is not told to it again.
  phone.state.folders.set(made.id, { id: made.id, parent: '0', name: `Mappe ${text}`, type: 14 });
  for (const id of phone.folders()) {
    const kind = kindOf(phone.state.folders.get(id)!)!;
    const data = newItem(kind, words[kind], context);
    const { responses } = await phone.send(id, [{ do: 'add', clientId: phone.nextClientId(), data }]);
    expect(responses).toMatchObject([{ status: 1 }]);
  }
  const folders = phone.folders().map((id) => {
    const { key, items } = phone.folder(id);
    return { id, kind: kindOf(phone.state.folders.get(id)!)!, key, items: [...items.keys()] };
  });
  return { email, deviceId, policyKey: phone.state.policyKey, folderKey: phone.state.folderKey, folders };
}

/** Sends as `me`, with what else the request line claims. */
async function ask(
  me: string,
  command: Command,
  body: Buffer | undefined,
  claims: { user?: string; deviceId?: string; policyKey?: string; base64?: boolean } = {},
): Promise<Answer> {
  const { user = me, deviceId = `dev${me.split('@')[0]}`, policyKey = '0' } = claims;
  const parts = { command, user, deviceId, deviceType: 'Test', version: 141, policyKey } as const;
  const answer = await fetch(`${server.url}${easPath}?${claims.base64 ? base64Query(parts) : plainQuery(parts)}`, {
    method: 'POST',
    headers: {
      authorization: basic(me),
      'ms-asprotocolversion': '14.1',
      'x-ms-policykey': policyKey,
      ...(body ? { 'content-type': 'application/vnd.ms-sync.wbxml' } : {}),
    },
    ...(body ? { body: new Uint8Array(body) } : {}),
  });
  const what = `${command} as ${me} with ${JSON.stringify(claims)}`;
  return { what, status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

function basic(email: string): string {
  return `Basic ${Buffer.from(`${email}:pw of ${email}`).toString('base64')}`;
}

/** The end of every stream there is. */
async function streamEnds(): Promise<Map<string, number>> {
  const { log, close } = await openLog(logEnv(server.dataDir), database);
  const ends = new Map<string, number>();
  for (const { tenant, head } of await log.tenants())
    for (const { stream, revision } of await log.readAll(tenant, NO_POSITION, head))
      ends.set(`${tenant}/${stream}`, revision);
  await close();
  return ends;
}

const whole = el(AirSync.Options, [el(AirSyncBase.BodyPreference, [el(AirSyncBase.Type, '1')])]);

function syncOf(id: string, key: string, more: readonly Element[] = []): Buffer {
  const parts = [el(AirSync.SyncKey, key), el(AirSync.CollectionId, id)];
  if (key !== '0') parts.push(el(AirSync.GetChanges), whole);
  return encodeTree(el(AirSync.Sync, [el(AirSync.Collections, [el(AirSync.Collection, [...parts, ...more])])]));
}

const taken = el(AirSync.ApplicationData, [el(Contacts.LastName, 'Overtatt')]);
function commandsOn(item: string): Element {
  return el(AirSync.Commands, [
    el(AirSync.Change, [el(AirSync.ServerId, item), taken]),
    el(AirSync.Fetch, [el(AirSync.ServerId, item)]),
    el(AirSync.Delete, [el(AirSync.ServerId, item)]),
  ]);
}

function moveOf(item: string, from: string, to: string): Buffer {
  const parts = [el(Move.SrcMsgId, item), el(Move.SrcFldId, from), el(Move.DstFldId, to)];
  return encodeTree(el(Move.MoveItems, [el(Move.Move, parts)]));
}

function fetchOf(id: string, item: string): Buffer {
  const byId = [el(ItemOperations.Store, 'Mailbox'), el(AirSync.CollectionId, id), el(AirSync.ServerId, item)];
  const byLongId = [el(ItemOperations.Store, 'Mailbox'), el(Search.LongId, `${id}:${item}`)];
  const byReference = [el(ItemOperations.Store, 'Mailbox'), el(AirSyncBase.FileReference, `${id}:${item}`)];
  const fetches = [byId, byLongId, byReference].map((parts) => el(ItemOperations.Fetch, parts));
  return encodeTree(el(ItemOperations.ItemOperations, fetches));
}

function folderOf(
  name: 'FolderCreate' | 'FolderUpdate' | 'FolderDelete',
  key: string,
  id: string,
  parent = '0',
): Buffer {
  const parts = [el(FolderHierarchy.SyncKey, key)];
  if (name !== 'FolderCreate') parts.push(el(FolderHierarchy.ServerId, id));
  if (name !== 'FolderDelete')
    parts.push(el(FolderHierarchy.ParentId, parent), el(FolderHierarchy.DisplayName, 'Tatt'));
  if (name === 'FolderCreate') parts.push(el(FolderHierarchy.Type, '14'));
  return encodeTree(el(FolderHierarchy[name], parts));
}

/** Every command with everything of `theirs` in every place where an id or a key goes. */
function* attacks(mine: Known, theirs: Known): Generator<[Command, Buffer | undefined]> {
  for (const folder of theirs.folders) {
    const own = mine.folders.find(({ kind }) => kind === folder.kind)!;
    const [item = ''] = folder.items;
    const [ownItem = ''] = own.items;
    yield ['Sync', syncOf(folder.id, '0')];
    yield ['Sync', syncOf(folder.id, folder.key)];
    yield ['Sync', syncOf(folder.id, own.key)];
    yield ['Sync', syncOf(own.id, folder.key)];
    yield ['Sync', syncOf(folder.id, folder.key, [commandsOn(item)])];
    yield ['Sync', syncOf(own.id, own.key, [commandsOn(item)])];
    yield ['GetItemEstimate', estimateOf(folder.id, folder.key)];
    yield ['GetItemEstimate', estimateOf(own.id, folder.key)];
    yield ['MoveItems', moveOf(item, folder.id, own.id)];
    yield ['MoveItems', moveOf(item, own.id, folder.id)];
    yield ['MoveItems', moveOf(ownItem, own.id, folder.id)];
    yield ['MoveItems', moveOf(item, own.id, mine.folders.at(-1)!.id)];
    yield ['ItemOperations', fetchOf(folder.id, item)];
    yield ['ItemOperations', fetchOf(own.id, item)];
    yield ['ItemOperations', emptyOf(folder.id)];
    yield ['Ping', pingOf([folder.id])];
    yield ['FolderUpdate', folderOf('FolderUpdate', mine.folderKey, folder.id)];
    yield ['FolderUpdate', folderOf('FolderUpdate', theirs.folderKey, folder.id)];
    yield ['FolderUpdate', folderOf('FolderUpdate', mine.folderKey, mine.folders.at(-1)!.id, folder.id)];
    yield ['FolderDelete', folderOf('FolderDelete', mine.folderKey, folder.id)];
    yield ['FolderDelete', folderOf('FolderDelete', theirs.folderKey, folder.id)];
    yield ['FolderCreate', folderOf('FolderCreate', mine.folderKey, '', folder.id)];
    yield ['FolderCreate', folderOf('FolderCreate', theirs.folderKey, '', folder.id)];
  }
  yield ['FolderSync', encodeTree(el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, theirs.folderKey)]))];
  for (const store of ['GAL', 'Mailbox']) {
    const query = el(Search.Query, store === 'GAL' ? 'Bente' : [el(Search.FreeText, 'Bente')]);
    yield ['Search', encodeTree(el(Search.Search, [el(Search.Store, [el(Search.Name, store), query])]))];
  }
  yield ['Settings', encodeTree(el(Settings.Settings, [el(Settings.UserInformation, [el(Settings.Get)])]))];
  const policy = el(Provision.Policy, [
    el(Provision.PolicyType, 'MS-EAS-Provisioning-WBXML'),
    el(Provision.PolicyKey, theirs.policyKey),
    el(Provision.Status, '1'),
  ]);
  yield ['Provision', encodeTree(el(Provision.Provision, [el(Provision.Policies, [policy])]))];
}

function estimateOf(id: string, key: string): Buffer {
  const parts = [el(AirSync.SyncKey, key), el(GetItemEstimate.CollectionId, id)];
  const collections = el(GetItemEstimate.Collections, [el(GetItemEstimate.Collection, parts)]);
  return encodeTree(el(GetItemEstimate.GetItemEstimate, [collections]));
}

function emptyOf(id: string): Buffer {
  const options = el(ItemOperations.Options, [el(ItemOperations.DeleteSubFolders)]);
  const empty = el(ItemOperations.EmptyFolderContents, [el(AirSync.CollectionId, id), options]);
  return encodeTree(el(ItemOperations.ItemOperations, [empty]));
}

function pingOf(ids: readonly string[]): Buffer {
  const folders = ids.map((id) => el(Ping.Folder, [el(Ping.Id, id), el(Ping.Class, 'Contacts')]));
  return encodeTree(el(Ping.Ping, [el(Ping.HeartbeatInterval, '60'), el(Ping.Folders, folders)]));
}

describe('one person’s credentials with all that is another’s', { timeout: 180_000 }, () => {
  it('show nothing and change nothing', async () => {
    const victim = await settled(victimEmail, 'devbente', secret);
    // The attackers are made after this, so every stream in it is the victim's.
    const before = await streamEnds();
    expect([...before.keys()].filter((name) => name.startsWith('offer.example/')).length).toBeGreaterThan(12);
    const answers: Answer[] = [];
    const attackers: Known[] = [];
    for (const me of [colleague, stranger]) {
      const mine = await settled(me, `dev${me.split('@')[0]}`, 'Eget');
      attackers.push(mine);
      for (const [command, body] of attacks(mine, victim)) {
        answers.push(await ask(me, command, body));
        // The same with the victim's device, and once more with her name: credentials alone say who asks.
        answers.push(await ask(me, command, body, { deviceId: victim.deviceId, policyKey: victim.policyKey }));
        answers.push(await ask(me, command, body, { user: victim.email, deviceId: victim.deviceId, base64: true }));
      }
      answers.push(...(await besideActiveSync(me, victim)));
    }
    expect(answers.length).toBeGreaterThan(600);
    const showing = answers.filter(({ body }) => body.includes(secret));
    expect(showing.map(({ what }) => what)).toEqual([]);
    const failing = answers.filter(({ status }) => status >= 500 && status !== 501);
    expect(failing.map(({ what, status }) => [what, status])).toEqual([]);

    const after = await streamEnds();
    for (const [name, end] of before) expect([name, after.get(name)]).toEqual([name, end]);
    // What is new is the attackers' own: no stream of theirs is named by an id of the victim's.
    const ids = victim.folders.flatMap(({ id, items }) => [id, ...items]);
    const fresh = [...after.keys()].filter((name) => !before.has(name));
    expect(fresh.filter((name) => ids.some((id) => name.includes(id)))).toEqual([]);
    expect(await readFile(`${server.dataDir}.log`, 'utf8')).not.toContain(secret);

    // And so the check can see: the victim's own questions are answered, and her own commands change the streams.
    const [notes] = victim.folders.filter(({ kind }) => kind === 'note');
    const own = (command: Command, body: Buffer) => ask(victimEmail, command, body, { deviceId: victim.deviceId });
    expect((await own('ItemOperations', fetchOf(notes!.id, notes!.items[0]!))).body.includes(secret)).toBe(true);
    expect((await own('ItemOperations', emptyOf(notes!.id))).status).toBe(200);
    expect((await streamEnds()).get(`offer.example/note-${notes!.items[0]}`)).toBe(1);
    expect(attackers).toHaveLength(2);
  });
});

/** The other doors: administration, discovery, monitoring. */
async function besideActiveSync(me: string, victim: Known): Promise<Answer[]> {
  const [item] = victim.folders.flatMap(({ items }) => items);
  const account = `/admin/accounts/${encodeURIComponent(victim.email)}`;
  const doors: [string, string][] = [
    ['GET', '/admin/accounts'],
    ['GET', account],
    ['PATCH', account],
    ['DELETE', account],
    ['GET', `${account}/devices`],
    ['GET', `${account}/devices/${victim.deviceId}`],
    ['POST', `${account}/devices/${victim.deviceId}/wipe`],
    ['DELETE', `${account}/devices/${victim.deviceId}`],
    ['GET', `${account}/devices/${victim.deviceId}/conversations`],
    ['GET', `/admin/items/${item}/history`],
    ['GET', '/ADMIN/accounts'],
    ['GET', '/admin/../admin/accounts'],
    ['GET', '//admin/accounts'],
    ['GET', '/%61dmin/accounts'],
  ];
  const answers: Answer[] = [];
  for (const authorization of [basic(me), `Bearer pw of ${me}`, 'Bearer ', undefined]) {
    for (const [method, where] of doors) {
      const answer = await fetch(`${server.url}${where}`, { method, headers: authorization ? { authorization } : {} });
      const what = `${method} ${where} as ${authorization?.split(' ')[0]}`;
      expect([what, [401, 404].includes(answer.status)]).toEqual([what, true]);
      answers.push({ what, status: answer.status, body: Buffer.from(await answer.arrayBuffer()) });
    }
  }
  const schema = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync';
  const question = `<Autodiscover xmlns="${schema}/requestschema/2006"><Request><EMailAddress>${victim.email}</EMailAddress><AcceptableResponseSchema>${schema}/responseschema/2006</AcceptableResponseSchema></Request></Autodiscover>`;
  for (const [where, body] of [
    ['/Autodiscover/Autodiscover.xml', question],
    ['/metrics', undefined],
    ['/health/ready', undefined],
  ] as const) {
    const answer = await fetch(`${server.url}${where}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: basic(me), ...(body ? { 'content-type': 'text/xml' } : {}) },
      ...(body ? { body } : {}),
    });
    answers.push({ what: where, status: answer.status, body: Buffer.from(await answer.arrayBuffer()) });
  }
  return answers;
}
