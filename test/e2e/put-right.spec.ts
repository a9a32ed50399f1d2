/** Restore, revert, undo and conflicts as administrators have them: by command, over HTTP, on the real server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changedItem, newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import { mobilesync } from '../mobilesync.ts';
import { Phones } from '../phones.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
const context = { version: 141, zone: 'Europe/Oslo', nowMs: 0, uid: 'uid' } as const;
let directory: string;
let server: ServerProcess;
const phones = new Phones();
let phone: Phone;
let tablet: Phone;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-right-'));
  server = await ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
  phone = phones.of(server.url, user, 'PHONE');
  tablet = phones.of(server.url, user, 'TABLET');
  for (const one of [phone, tablet]) await one.setUp();
}, 120_000);

afterAll(async () => {
  await phones.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const run = (...args: string[]) => mobilesync(server, ...args);
const rows = ({ out }: { out: string }) => (out === '' ? [] : out.split('\n').map((line) => JSON.parse(line)));
async function http(method: string, where: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/admin${where}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text.split('\n')[0] as string) : {} };
}

const contacts = (of: Phone) => of.folders('contact')[0] as string;
async function add(of: Phone, ...words: string[]): Promise<string> {
  const clientId = of.nextClientId();
  const news = await of.send(contacts(of), [{ do: 'add', clientId, data: newItem('contact', words, context) }]);
  return news.responses.find((one) => one.clientId === clientId)?.serverId as string;
}
const change = (of: Phone, serverId: string, ...words: string[]) =>
  of.send(contacts(of), [{ do: 'change', serverId, data: changedItem('contact', held(of, serverId), words, context) }]);
const held = (of: Phone, serverId: string) => of.folder(contacts(of)).items.get(serverId) as never;
async function shows(of: Phone, serverId: string): Promise<string> {
  await of.sync();
  return JSON.stringify(held(of, serverId) ?? null);
}
/** Both know the contact; the tablet changes its company, then the phone does, not knowing. */
async function contested(): Promise<string> {
  await Promise.all([phone.sync(), tablet.sync()]);
  const item = await add(phone, 'last=Nes', 'company=Fjord');
  await tablet.sync();
  await change(tablet, item, 'company=Hav');
  const folder = contacts(phone);
  const data = changedItem('contact', held(phone, item), ['company=Fjell'], context);
  await phone.send(folder, [{ do: 'change', serverId: item, data }]).catch(() => undefined);
  return item;
}

describe('by command', { timeout: 60_000 }, () => {
  it('a removed contact is restored on every device, with a name and a reason in its history', async () => {
    const item = await add(phone, 'last=Lund');
    await tablet.send(contacts(tablet), [{ do: 'delete', serverId: item }]);
    expect(await shows(phone, item)).toBe('null');
    expect(await run('restore', item, '--reason', 'by mistake')).toMatchObject({
      code: 0,
      out: `${item} is at revision 2 now: restore.`,
    });
    expect(await shows(phone, item)).toContain('Lund');
    expect(await shows(tablet, item)).toContain('Lund');
    const { events } = (await http('GET', `/items/${item}/history`)).body;
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'ContactAdded',
        actor: { kind: 'admin', name: 'Siv Åsen' },
        cause: { command: 'restore', reason: 'by mistake' },
      }),
    );
    expect((await run('restore', item)).out).toBe(`${item} is so already; nothing was done.`);
  });

  it('a contact is reverted to a revision', async () => {
    const item = await add(phone, 'last=Moe', 'company=Fjord');
    await change(phone, item, 'company=Hav');
    expect((await run('revert', item, '--to', '0')).out).toContain('change company');
    expect(await shows(tablet, item)).toContain('Fjord');
    await expect(run('revert', item, '--to', '9')).rejects.toThrow('has no such revision');
    await expect(run('revert', item)).rejects.toThrow('--to <version> is missing.');
  });

  it('what a device did is listed first, then undone, and then there is nothing left to do', async () => {
    const since = new Date().toISOString();
    const item = await add(tablet, 'last=Berg');
    const undo = (...more: string[]) => run('undo', '--person', user, '--device', 'tablet', '--since', since, ...more);
    const told = await undo('--json');
    expect(rows(told)).toMatchObject([{ item, does: ['remove'], title: 'Berg' }]);
    expect(told.said).toBe('1 items would be put right; nothing was done yet. Do it with --apply.');
    expect(await shows(phone, item)).toContain('Berg');
    expect((await undo('--apply')).said).toBe('1 items put right, 0 left as they are.');
    expect(await shows(phone, item)).toBe('null');
    expect((await undo('--apply')).out).toBe('The device did nothing then that is still there to take back.');
    const nobody = run('undo', '--person', user, '--device', 'NONE', '--since', '2h');
    await expect(nobody).rejects.toThrow('No device NONE of this account ever changed an item');
    await expect(run('undo', '--person', user, '--device', 'x', '--since', 'now')).rejects.toThrow(
      '--since must be a time',
    );
  });

  it('a conflict is listed with both versions, decided, and decided once', async () => {
    const item = await contested();
    const list = async () => rows(await run('conflicts', '--person', user, '--open', '--json'));
    const [found] = await list();
    expect(found).toMatchObject({
      ...{ item, person: user, contested: ['company'], loser: 'client', by: { kind: 'device', device: 'PHONE' } },
      ...{ mine: { values: { company: 'Fjell' } }, theirs: { values: { company: 'Hav' } } },
    });
    expect((await run('conflicts')).out).toMatch(/device PHONE +company: Fjell +company: Hav/);
    expect((await run('decide', found.conflict, '--for', 'mine')).out).toContain(
      'is decided for mine: change company.',
    );
    for (const one of [phone, tablet]) expect(await shows(one, item)).toContain('Fjell');
    expect(await list()).toEqual([]);
    await expect(run('decide', found.conflict, '--for', 'theirs')).rejects.toThrow('was decided otherwise before');
    expect((await run('decide', found.conflict, '--for', 'mine')).code).toBe(0);
    await expect(run('decide', `${item}:0`, '--for', 'mine')).rejects.toThrow('There is no conflict');
  });

  it('open conflicts are replayed under another policy', async () => {
    const item = await contested();
    const replay = (...more: string[]) => run('conflicts', 'replay', '--policy', 'clientWins', '--json', ...more);
    expect(rows(await replay('--dry-run'))).toMatchObject([{ item, for: 'mine', fields: ['company'] }]);
    expect(await shows(tablet, item)).toContain('Hav');
    expect((await replay('--apply', '--person', user)).said).toBe('1 conflicts decided.');
    expect(await shows(tablet, item)).toContain('Fjell');
    expect(rows(await replay('--apply'))).toEqual([]);
  });
});

describe('over HTTP', { timeout: 60_000 }, () => {
  it('an account’s policy holds over what its phones ask for', async () => {
    const patched = await http('PATCH', `/accounts/${user}`, { conflictPolicy: 'clientWins' });
    expect(patched.body).toMatchObject({ conflictPolicy: 'clientWins' });
    const item = await contested();
    expect(await shows(tablet, item)).toContain('Fjell');
    const [last] = (await http('GET', `/conflicts?person=${user}&open=true`)).body.conflicts.slice(-1);
    expect(last).toMatchObject({ item, rule: 'clientWins', loser: 'server' });
    await http('PATCH', `/accounts/${user}`, { conflictPolicy: 'device' });
    expect(await shows(tablet, await contested())).toContain('Hav');
    expect((await http('PATCH', `/accounts/${user}`, { conflictPolicy: 'newest' })).status).toBe(400);
  });

  it('conflicts come in pages, or line by line', async () => {
    const pages = [];
    for (let after = ''; ; ) {
      const { body } = await http('GET', `/conflicts?limit=1${after}`);
      pages.push(...body.conflicts);
      if (body.next === null) break;
      after = `&after=${encodeURIComponent(body.next)}`;
    }
    expect(pages.length).toBeGreaterThan(2);
    const { text } = await http('GET', '/conflicts', undefined, { accept: 'application/x-ndjson' });
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(pages);
  });

  it('bad questions have clear answers', async () => {
    const unknown = 'a'.repeat(26);
    const undo = `/accounts/${user}/devices/PHONE/undo`;
    const [since, until] = ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z'];
    const asked: [string, string, unknown, number, string][] = [
      ['POST', `/items/${unknown}/restore`, {}, 404, 'unknown_item'],
      ['POST', `/items/${unknown}/revert`, { to: 0 }, 404, 'unknown_item'],
      ['POST', `/items/${unknown}/revert`, { to: -1 }, 400, 'invalid_request'],
      ['POST', `/items/UPPER/restore`, {}, 400, 'invalid_request'],
      ['POST', `/items/${unknown}/restore`, { reason: 'x'.repeat(501) }, 400, 'invalid_request'],
      ['POST', undo, {}, 400, 'invalid_request'],
      ['POST', undo, { since: 'yesterday' }, 400, 'invalid_request'],
      ['POST', undo, { since, until }, 400, 'invalid_request'],
      ['POST', '/accounts/nobody@demo.example/devices/PHONE/undo', { since }, 404, 'unknown_account'],
      ['GET', '/conflicts?device=PHONE', undefined, 400, 'invalid_request'],
      ['GET', '/conflicts?person=nobody@demo.example', undefined, 404, 'unknown_account'],
      ['GET', '/conflicts?after=1', undefined, 400, 'invalid_request'],
      ['POST', `/conflicts/${unknown}:1/decide`, { for: 'mine' }, 404, 'unknown_conflict'],
      ['POST', `/conflicts/${unknown}/decide`, { for: 'mine' }, 400, 'invalid_request'],
      ['POST', `/conflicts/${unknown}:1/decide`, { for: 'me' }, 400, 'invalid_request'],
      ['POST', '/conflicts/replay', { policy: 'device' }, 400, 'invalid_request'],
    ];
    for (const [method, where, body, status, error] of asked) {
      const answer = await http(method, where, body);
      expect([where, answer.status, answer.body.error]).toEqual([where, status, error]);
    }
  });
});
