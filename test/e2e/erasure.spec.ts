/** Erasing an item and a person, with the real server, phones and an office: afterwards nobody finds their words. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runningEmbeddedPostgres } from '../../adapters/postgres/embedded.ts';
import { createPool, type Pool } from '../../adapters/postgres/pool.ts';
import { dumpOf, wordsIn } from '../dump.ts';
import { logEnv } from '../e2e-log.ts';
import { changedItem, newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import type { PimKind } from '../eas-client/state.ts';
import { Phones } from '../phones.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const root = path.join(import.meta.dirname, '../..');
let directory: string;
let server: ServerProcess;
let pool: Pool;
const phones = new Phones();
const dataDir = () => path.join(directory, 'data');

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-erasure-'));
  server = await ServerProcess.start({ dataDir: dataDir(), env: { DEMO: 'true' } });
  const connection = (await runningEmbeddedPostgres(dataDir()))!;
  pool = createPool({ connection, applicationName: 'test', onError: () => {} });
}, 120_000);

afterAll(async () => {
  await phones.close();
  await pool?.end();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const aPhone = (user: string, deviceId: string): Phone => phones.of(server.url, user, deviceId);

async function add(on: Phone, kind: PimKind, words: readonly string[]): Promise<string> {
  const context = { version: 141, zone: 'Europe/Oslo', nowMs: Date.now(), uid: `uid-${kind}` } as const;
  const data = newItem(kind, words, context);
  const sent = await on.send(on.folders(kind)[0]!, [{ do: 'add', clientId: on.nextClientId(), data }]);
  expect(sent.responses).toMatchObject([{ status: 1 }]);
  return sent.responses[0]!.serverId!;
}

function mobilesync(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env.PATH,
    DATA_DIR: dataDir(),
    ...logEnv(dataDir()),
    MOBILESYNC_URL: server.url,
    ADMIN_TOKEN: adminToken,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(root, 'api/cli/mobilesync.ts'), ...args],
      { cwd: root, env: { ...env, MOBILESYNC_NAME: 'Revisor' } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

// biome-ignore lint/suspicious/noExplicitAny: JSON whose shape the expectations state
async function ask(where: string, init: RequestInit = {}): Promise<any> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  return await (await fetch(`${server.url}/admin${where}`, { ...init, headers })).json();
}

/** Tables in which one of the words stands, and files beside the database; what the office itself keeps is its own. */
async function foundWords(words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const [table, text] of await dumpOf(pool))
    for (const word of wordsIn(Buffer.from(text), words)) found.push(`${table}: ${word}`);
  for (const entry of await readdir(dataDir(), { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const below = path.relative(dataDir(), file).split(path.sep)[0] ?? '';
    if (!entry.isFile() || ['office', 'postgres', 'bin'].includes(below)) continue;
    for (const word of wordsIn(await readFile(file), words)) found.push(`${below}: ${word}`);
  }
  return found;
}

const longText = `Zebrafinkens hemmelighet ${'x'.repeat(40_000)} Trollfjell`;

describe('an erased item', { timeout: 120_000 }, () => {
  it('is gone from devices, office, rows and blobs; the log still holds, and tells of it', async () => {
    const [phone, other] = [aPhone('kari@demo.example', 'ERASE1'), aPhone('kari@demo.example', 'ERASE2')];
    await phone.setUp();
    await phone.sync();
    const item = await add(phone, 'task', ['Subject=Zebrafink', `body=${longText}`, 'due=2026-12-24']);
    const kept = await add(phone, 'task', ['Subject=Bokfink', 'due=2026-12-24']);
    await other.setUp();
    await other.sync();
    await ask('/accounts/kari@demo.example/writeback', { method: 'POST' });
    const tasks = other.folders('task')[0]!;
    expect(other.folder(tasks).items.has(item)).toBe(true);
    const { rows } = await pool.query('select count(*)::integer as count from blobs');
    expect(rows[0].count).toBeGreaterThan(0);
    expect(await mobilesync('anchor')).toMatchObject({ code: 0 });

    const size = await mobilesync('erase', '--item', item);
    expect(size).toMatchObject({ code: 0, out: expect.stringMatching(/^1 items with \d+ events would be erased/) });
    const before = await ask(`/items/${item}/history`);
    expect(JSON.stringify(before)).toContain('Zebrafink');

    const erased = await mobilesync('erase', '--item', item, '--yes', '--reason', 'asked by letter');
    expect(erased).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/and 1 long bodies are erased\n$/) });
    expect((await pool.query('select from blobs')).rowCount).toBe(0);
    expect(await foundWords(['Zebrafink', 'Trollfjell'])).toEqual([]);

    // A device that moves for nothing else is told.
    const news = (await other.sync()).get(tasks)!;
    expect([...news.deleted.keys()]).toEqual([item]);
    expect(other.folder(tasks).items.has(kept)).toBe(true);

    const after = await ask(`/items/${item}/history`);
    expect(JSON.stringify(after)).toContain('Forgotten');
    expect(JSON.stringify(after)).not.toContain('Zebrafink');
    const listed = await mobilesync('erasures', '--json');
    expect(JSON.parse(listed.out)).toMatchObject({
      ...{ subject: 'item', item, kind: 'task', reason: 'asked by letter', isGoneInOffice: true },
      by: { kind: 'admin', name: 'Revisor' },
    });
    expect(await mobilesync('verify')).toMatchObject({ code: 0, out: expect.stringMatching(/everything holds\n$/) });
    const proven = await fetch(`${server.url}/admin/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}` },
    });
    const lines = (await proven.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ kind }) => kind)).toEqual(['tenant', 'done']);
    expect(lines[1]).toEqual({ kind: 'done', tenants: 1, findings: 0 });
    expect(await mobilesync('erase', '--item', item, '--yes')).toMatchObject({ code: 1 });
    expect((await mobilesync('erase', '--item', 'a1', '--yes')).err).toMatch(/no item a1 to erase/);
  });

  it('waits for the office, and says so, unless it is told not to', async () => {
    const phone = aPhone('kari@demo.example', 'ERASE1');
    await phone.setUp();
    await phone.sync();
    // The office keeps contacts for ever: its interface has no way to delete one.
    const item = await add(phone, 'contact', ['last=Isfugl', 'email=isfugl@elv.example']);
    await ask('/accounts/kari@demo.example/writeback', { method: 'POST' });
    const { body, status } = await erase({ item, yes: true });
    if (status === 409) {
      expect(body).toMatchObject({ error: 'office_not_confirmed' });
      expect((await erase({ item, yes: true, force: true })).status).toBe(200);
    } else expect(body).toMatchObject({ isErased: true });
    expect(await foundWords(['Isfugl'])).toEqual([]);
  });
});

async function erase(body: object): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const response = await fetch(`${server.url}/admin/erasures`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

describe('a copy of a person', { timeout: 120_000 }, () => {
  it('holds all there is of them, readable, and nothing of others or of passwords', async () => {
    const [phone, other] = [aPhone('kari@demo.example', 'COPY1'), aPhone('ola@demo.example', 'COPY2')];
    await phone.setUp();
    await other.setUp();
    await phone.sync();
    await other.sync();
    const item = await add(phone, 'note', ['title=Kornkråke', `body=${longText}`]);
    const context = { version: 141, zone: 'Europe/Oslo', nowMs: Date.now(), uid: 'x' } as const;
    const notes = phone.folders('note')[0]!;
    const data = changedItem('note', phone.folder(notes).items.get(item)!, ['title=Kaie'], context);
    await phone.send(notes, [{ do: 'change', serverId: item, data }]);
    // Ola's calendar is shown to Kari.
    await add(other, 'appointment', ['Subject=Nattravn', 'start=2026-12-01T10:00', 'end=2026-12-01T11:00']);
    await phone.sync();
    expect(JSON.stringify([...phone.state.collections.values()].map(({ items }) => [...items.values()]))).toContain(
      'Nattravn',
    );

    const folder = path.join(directory, 'kari');
    const exported = await mobilesync('export', '--person', 'kari@demo.example', folder);
    expect(exported).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^\d+ items and all else/) });
    const text = new Map<string, string>();
    for (const name of await readdir(folder)) text.set(name, await readFile(path.join(folder, name), 'utf8'));
    expect([...text.keys()]).toEqual(
      expect.arrayContaining(['account.ndjson', 'device.ndjson', 'folder.ndjson', 'index.txt', 'item.ndjson']),
    );
    expect(text.get('index.txt')).toMatch(/^item\.ndjson +\d+ {2}contacts, appointments/m);
    const items = text
      .get('item.ndjson')!
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const note = items.find((one) => one.item === item);
    expect(note).toMatchObject({ class: 'note', isRemoved: false, fields: { body: { content: longText } } });
    expect(note.history.map(({ type }: { type: string }) => type)).toEqual(['NoteAdded', 'NoteChanged']);
    expect(JSON.stringify(note.history)).toContain('Kornkråke');
    expect(text.get('device.ndjson')).toContain('COPY1');
    for (const [name, content] of text) {
      const others = ['Nattravn', '$argon2', 'COPY2', ...(name === 'item.ndjson' ? [] : ['Ola Nordmann'])];
      expect([name, wordsIn(Buffer.from(content), others)]).toEqual([name, []]);
    }
    const single = path.join(directory, 'kari.ndjson');
    expect(await mobilesync('export', '--person', 'kari@demo.example', single)).toMatchObject({ code: 0 });
    const lines = (await readFile(single, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ kind: 'done', counts: { person: 1, account: 1 } });
    expect(lines.filter(({ kind }) => kind === 'item')).toHaveLength(items.length);
    expect((await mobilesync('export', '--person', 'nobody@demo.example', `${single}2.ndjson`)).code).toBe(1);
  });
});

describe('an erased person', { timeout: 120_000 }, () => {
  it('is gone with all there was; others, the log and a rebuild do not suffer from it', async () => {
    const [phone, other] = [aPhone('kari@demo.example', 'ERASE3'), aPhone('ola@demo.example', 'ERASE4')];
    await phone.setUp();
    await phone.sync();
    await other.setUp();
    await other.sync();
    const shared = [...other.state.folders.values()].filter(({ name }) => /kari/i.test(name));
    expect(shared.length).toBeGreaterThan(0);
    await add(phone, 'contact', ['last=Lappugle', 'email=lappugle@skog.example']);
    await add(phone, 'note', ['title=Perleugle', `body=${longText}`]);
    const olas = await add(other, 'task', ['Subject=Haukugle']);
    await ask('/accounts/kari@demo.example/writeback', { method: 'POST' });

    const words = ['Lappugle', 'Perleugle', 'Trollfjell', 'kari@demo.example', 'ERASE3'];
    expect(await foundWords(['kari@demo.example'])).not.toEqual([]);
    expect((await erase({ person: 'kari@demo.example' })).body).toMatchObject({ isErased: false });
    expect((await erase({ person: 'kari@demo.example', yes: true })).body).toMatchObject({
      isErased: true,
      unvacuumed: [],
    });
    expect(await foundWords(words)).toEqual([]);
    await expect(phone.sync()).rejects.toMatchObject({ status: 401 });
    expect((await erase({ person: 'kari@demo.example', yes: true })).status).toBe(409);
    expect((await erase({ person: 'nobody@demo.example', yes: true })).status).toBe(404);

    await other.syncFolders();
    for (const { id } of shared) expect(other.state.folders.has(id)).toBe(false);
    await other.sync();
    expect(other.folder(other.folders('task')[0]!).items.has(olas)).toBe(true);
    expect(await mobilesync('verify')).toMatchObject({ code: 0, out: expect.stringMatching(/everything holds\n$/) });
    const compared = await mobilesync('rebuild', '--all', '--dry-run');
    expect(compared).toMatchObject({ code: 0, err: '' });

    // The address is free for another, who finds nothing.
    const created = await ask('/accounts', {
      method: 'POST',
      body: JSON.stringify({ email: 'kari@demo.example', password: 'demo' }),
    });
    expect(created.id).toMatch(/^[a-z2-7]{20}$/);
    const again = aPhone('kari@demo.example', 'ERASE3');
    await again.setUp();
    await again.sync();
    for (const folder of again.folders()) expect(again.folder(folder).items.size).toBe(0);
  });
});
