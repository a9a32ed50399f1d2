/** What auditors ask, over HTTP and on the command line, of the real server with two phones and the simulated office. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import { Phones } from '../phones.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const user = 'ola@demo.example';
const root = path.join(import.meta.dirname, '../..');
let directory: string;
let server: ServerProcess;
const phones = new Phones();
let item: string;
/** Before the item was changed, and before it was deleted. */
let before: { readonly added: number; readonly changed: number };

// biome-ignore lint/suspicious/noExplicitAny: JSON whose shape the expectations state
type Json = any;

async function ask(where: string, accept = 'application/json', method = 'GET'): Promise<Response> {
  const headers = { accept, authorization: `Bearer ${adminToken}`, 'x-admin-name': 'Solveig' };
  return await fetch(`${server.url}/admin${where}`, { method, headers });
}
const json = async (where: string): Promise<Json> => await (await ask(where)).json();
const lines = async (where: string): Promise<Json[]> =>
  (await (await ask(where, 'application/x-ndjson')).text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** As `npm run mobilesync --` runs it. */
function mobilesync(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env.PATH,
    MOBILESYNC_URL: server.url,
    ADMIN_TOKEN: adminToken,
    MOBILESYNC_NAME: 'Anders',
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(root, 'api/cli/mobilesync.ts'), ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

const aPhone = (deviceId: string): Phone => phones.of(server.url, user, deviceId);

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-audit-'));
  server = await ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
  const [first, second] = ['AUDIT1', 'AUDIT2'].map(aPhone) as [Phone, Phone];
  for (const phone of [first, second]) {
    await phone.setUp();
    await phone.sync();
  }
  const context = { version: 141, zone: 'Europe/Oslo', nowMs: 0, uid: 'uid' } as const;
  const contacts = first.folders('contact')[0]!;
  const data = (company: string) => newItem('contact', ['first=Åse', 'last=Bjørnstad', `company=${company}`], context);
  const answer = await first.send(contacts, [{ do: 'add', clientId: first.nextClientId(), data: data('Fjord AS') }]);
  item = answer.responses[0]!.serverId!;
  const writeback = () => ask(`/accounts/${user}/writeback`, 'application/json', 'POST');
  await writeback();
  const added = (await json(`/items/${item}/history`)).events.at(-1).position;
  await second.sync();
  await second.send(contacts, [{ do: 'change', serverId: item, data: data('Hav AS') }]);
  await writeback();
  before = { added, changed: (await json(`/items/${item}/history`)).events.at(-1).position };
  await first.sync();
  await first.send(contacts, [{ do: 'delete', serverId: item }]);
  await writeback();
}, 120_000);

afterAll(async () => {
  await phones.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const types = (events: readonly Json[]) => events.map(({ type }) => type);

describe('the history of an item', { timeout: 60_000 }, () => {
  it('comes in pages, as lines, and as CSV: the same events', async () => {
    const whole = await json(`/items/${item}/history`);
    expect(types(whole.events.filter(({ stream }: Json) => stream === whole.stream))).toEqual([
      ...['ContactAdded', 'ContactChanged', 'ContactRemoved'],
    ]);
    expect(types(whole.events)).toContain('WriteBackConfirmed');
    expect(whole.next).toBeNull();
    const paged: Json[] = [];
    for (let after = 0; ; ) {
      const page = await json(`/items/${item}/history?limit=2&after=${after}`);
      expect(page.events.length).toBeLessThanOrEqual(2);
      paged.push(...page.events);
      if (page.next === null) break;
      after = page.next;
    }
    expect(paged).toEqual(whole.events);
    expect(await lines(`/items/${item}/history`)).toEqual(whole.events);
    const csv = await ask(`/items/${item}/history`, 'text/csv');
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect((await csv.text()).split('\r\n')[0]).toMatch(/^recordedAt,at,claimedAt,position,/);
  });

  it('tells who, on which device, by which command, from what to what', async () => {
    const { events } = await json(`/items/${item}/history`);
    const changed = events.find(({ type }: Json) => type === 'ContactChanged');
    expect(changed).toMatchObject({
      changes: [{ path: 'company', before: 'Fjord AS', after: 'Hav AS' }],
      who: { email: user, device: { deviceId: 'AUDIT2', model: 'Scripted phone', userAgent: 'MobileSyncPhone/1.0' } },
      cause: { command: 'Sync Change', key: expect.stringMatching(/^\d+\.\d+$/) },
    });
    const { code, out } = await mobilesync('history', item);
    expect(code).toBe(0);
    expect(out).toMatch(/company +Fjord AS +Hav AS/);
    expect(out).toContain('AUDIT2');
  });

  it('says in a sentence what is wrong with the question', async () => {
    expect((await ask('/items/zz/history')).status).toBe(404);
    expect((await ask('/items/..%2F..%2Fetc/history')).status).toBe(400);
    expect((await ask(`/items/${item}/history?limit=0`)).status).toBe(400);
    expect(await mobilesync('history', 'zz')).toMatchObject({
      code: 1,
      err: 'There is no item zz, and there was none.\n',
    });
  });
});

describe('finding items', { timeout: 60_000 }, () => {
  it('finds everything that a phone deleted, and says what it looked at', async () => {
    const { items, looked, next } = await json(`/items?person=${user}&device=audit1&do=deleted`);
    expect({ looked, next }).toEqual({ looked: 1, next: null });
    expect(items).toMatchObject([{ item, title: 'Åse Bjørnstad', owner: user, folder: 'Contacts', isRemoved: true }]);
    expect((await json(`/items?person=${user}&device=AUDIT2&do=deleted`)).items).toEqual([]);
    expect((await json(`/items?person=${user}&do=deleted&to=2020-01-01`)).items).toEqual([]);
    const told = await mobilesync(
      'find',
      '--person',
      user,
      '--device',
      'AUDIT1',
      '--do',
      'deleted',
      '--from',
      '2020-01-01',
    );
    expect(told).toMatchObject({ code: 0, err: '1 items looked at, 1 found\n' });
    expect(told.out).toContain(item);
  });

  it('finds words of now and of the past, and nothing of others', async () => {
    const found = await json('/items?text=fjord%20as&person=ola@demo.example');
    const mine = (found.items as { item: string }[]).filter((one) => one.item === item);
    expect(mine).toMatchObject([{ item, text: { path: 'company', when: 'past', excerpt: 'Fjord AS' } }]);
    const stream = await lines('/items?text=BJORNSTAD&tenant=demo.example');
    expect(stream[0]).toMatchObject({ found: { item } });
    expect(stream.at(-1)).toMatchObject({ matched: 1 });
    expect((await json('/items?text=bjornstad&person=kari@demo.example')).items).toEqual([]);
  });

  it('says in a sentence what is wrong with the question', async () => {
    for (const [query, status] of [
      ['device=AUDIT1', 400],
      ['do=eaten', 400],
      ['from=yesterday', 400],
      ['from=2026-02-30', 400],
      ['person=nobody@demo.example', 404],
      [`person=${user}&device=NONE`, 404],
      [`person=${user}&folder=None`, 404],
      ['text=x&tenant=other.example', 404],
      ['unheard=of', 400],
    ] as const) {
      const answer = await ask(`/items?${query}`);
      expect([query, answer.status]).toEqual([query, status]);
      expect(((await answer.json()) as Json).message).toMatch(/\.$/);
    }
    expect((await mobilesync('find')).code).toBe(2);
  });
});

describe('what was', { timeout: 60_000 }, () => {
  it('an item was, at a position', async () => {
    const at = (position: number) => json(`/items/${item}/state?at=${position}`);
    expect(await at(before.added)).toMatchObject({
      standing: 'there',
      title: 'Åse Bjørnstad',
      fields: { company: 'Fjord AS' },
    });
    expect(await at(before.changed)).toMatchObject({ standing: 'there', fields: { company: 'Hav AS' } });
    expect(await json(`/items/${item}/state`)).toMatchObject({ standing: 'removed', revision: 2 });
    expect(await json(`/items/${item}/state?at=2020-01-01`)).toMatchObject({
      standing: 'unknown',
      position: 0,
      fields: null,
    });
    expect((await ask(`/items/${item}/state?at=soon`)).status).toBe(400);
  });

  it('lay in a folder, now and at a moment', async () => {
    const path = `/accounts/${user}/folders/contacts/state`;
    const titles = ({ items }: Json) => items.map(({ title }: Json) => title);
    const then = await json(`${path}?at=${before.changed}`);
    expect(titles(then)).toContain('Åse Bjørnstad');
    expect(titles(await json(path))).not.toContain('Åse Bjørnstad');
    // By the time of the event the same as by its position.
    expect(titles(await json(`${path}?at=${then.recordedAt}`))).toEqual(titles(then));
    const pages = [await json(`${path}?at=${before.changed}&limit=2`)];
    while (pages.at(-1).next !== null)
      pages.push(await json(`${path}?at=${before.changed}&limit=2&after=${pages.at(-1).next}`));
    expect(pages.flatMap(titles)).toEqual(titles(then));
    const { out } = await mobilesync('state', 'folder', user, 'Contacts', '--at', String(before.changed));
    expect(out).toContain('Åse Bjørnstad');
  });

  it('a device held, at a moment', async () => {
    const path = `/accounts/${user}/devices/AUDIT2`;
    const then = await json(`${path}/folders/contacts/state?at=${before.changed}`);
    expect(then.items).toContainEqual(
      expect.objectContaining({ item, fields: expect.objectContaining({ familyName: 'Bjørnstad' }) }),
    );
    expect((await json(`${path}/folders/contacts/state?at=${before.added}`)).items).not.toContainEqual(
      expect.objectContaining({ item }),
    );
    const { folders } = await json(`${path}/state?at=${before.changed}`);
    expect(folders).toContainEqual(
      expect.objectContaining({ folder: 'Contacts', key: then.key, heldCount: then.heldCount }),
    );
    expect((await ask(`${path}/folders/contacts/state?at=0`)).status).toBe(404);
    const { code, out } = await mobilesync('state', 'device', user, 'AUDIT2', '--at', String(before.changed));
    expect(code).toBe(0);
    expect(out).toContain('Contacts');
  });
});

describe('what was erased', { timeout: 60_000 }, () => {
  it('is told as that: when, by whom and why, and no word of it', async () => {
    const erase = (...what: string[]) => mobilesync('erase', ...what, '--yes', '--force', '--reason', 'asked for it');
    const told = async (of: string) => {
      const { events } = await json(`/items/${of}/history`);
      // The office may have answered between the word and the deed.
      const [erased, ...more] = events.filter(({ type }: Json) => type === 'SubjectErased');
      const others = events.filter(({ type }: Json) => type !== 'SubjectErased');
      expect(more).toEqual([]);
      expect(new Set(types(others))).toEqual(new Set(['Forgotten']));
      expect(JSON.stringify(others)).not.toMatch(/Åse|Fjord|Hav AS|AUDIT|Anders/);
      return erased;
    };
    const [other] = (await json(`/items?person=${user}&kind=task&do=added`)).items;
    expect(await erase('--item', other.item)).toMatchObject({ code: 0 });
    expect(await told(other.item)).toMatchObject({
      ...{ type: 'SubjectErased', stream: 'erasures', who: { kind: 'admin', name: 'Anders' } },
      ...{ cause: { command: 'erase', reason: 'asked for it' }, data: { subject: 'item', item: other.item } },
    });
    expect(await erase('--person', user)).toMatchObject({ code: 0 });
    expect(await told(item)).toMatchObject({
      type: 'SubjectErased',
      data: { subject: 'person' },
      who: { name: 'Anders' },
    });
    expect((await told(item)).note).toContain('with all of the person');
    // Its own erasure was the first.
    expect((await told(other.item)).data.subject).toBe('item');
    expect((await json('/items?text=bjornstad&tenant=demo.example')).items).toEqual([]);
    expect(await json(`/items/${item}/state?at=${before.changed}`)).toMatchObject({
      standing: 'erased',
      fields: null,
      title: '',
    });
  });
});
