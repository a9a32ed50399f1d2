/** What support sees of phones' exchanges: by command and over HTTP, on the real server, across a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AirSync, FolderHierarchy } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../../adapters/activesync/wbxml/decode.ts';
import { child, childrenOf, type Element, textOf } from '../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../adapters/activesync/wbxml/writer.ts';
import { el } from '../eas-client/elements.ts';
import { mobilesync } from '../mobilesync.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
const deviceId = 'APPL1';
let directory: string;
let server: ServerProcess;
let contacts: string;

const start = () => ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-exchanges-'));
  server = await start();
  const { FolderSync, SyncKey, Changes, Add, Type, ServerId } = FolderHierarchy;
  const root = await ask('FolderSync', el(FolderSync, [el(SyncKey, '0')]));
  const folders = childrenOf(child(root as Element, Changes) as Element, Add);
  contacts = textOf(folders.find((one) => textOf(one, Type) === '9') as Element, ServerId) as string;
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** A request of the phone; undefined for an answer without a body. */
async function ask(command: string, tree: Element): Promise<Element | undefined> {
  const query = `Cmd=${command}&User=${encodeURIComponent(user)}&DeviceId=${deviceId}&DeviceType=Test`;
  const response = await fetch(`${server.url}/Microsoft-Server-ActiveSync?${query}`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${user}:demo`).toString('base64')}`,
      'content-type': 'application/vnd.ms-sync.wbxml',
      'ms-asprotocolversion': '14.1',
      'user-agent': 'Apple-iPhone/1',
    },
    body: encodeTree(tree),
  });
  expect(response.status).toBe(200);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const decoded = decodeWbxml(bytes);
  return bytes.length > 0 && decoded.ok ? decoded.root : undefined;
}

/** One Sync of the contacts; answers with the key that was issued, or came. */
async function sync(key: string): Promise<string> {
  const parts = [el(AirSync.SyncKey, key), el(AirSync.CollectionId, contacts)];
  const root = await ask('Sync', el(AirSync.Sync, [el(AirSync.Collections, [el(AirSync.Collection, parts)])]));
  const collection = root && child(child(root, AirSync.Collections) as Element, AirSync.Collection);
  return (collection && textOf(collection, AirSync.SyncKey)) ?? key;
}

const run = (...args: string[]) => mobilesync(server, ...args);
// biome-ignore lint/suspicious/noExplicitAny: JSON whose shape the expectations state
const rowsOf = async (...args: string[]): Promise<any[]> => {
  const { out } = await run(...args, '--json');
  return out === '' ? [] : out.split('\n').map((line) => JSON.parse(line));
};
async function http(where: string, method = 'GET', accept = 'application/json') {
  const headers = { authorization: `Bearer ${adminToken}`, accept };
  const response = await fetch(`${server.url}/admin${where}`, { method, headers });
  return { status: response.status, text: await response.text() };
}

describe('exchanges', () => {
  let key: string;

  it('are listed, and those that had nothing to say are counted', async () => {
    key = await sync(await sync('0'));
    for (let times = 0; times < 3; times++) key = await sync(key);
    const { code, out, said } = await run('exchanges', user, deviceId);
    expect(code).toBe(0);
    expect(out).toMatch(/Sync 14\.1 .* 0 → 1\.1 +Status 1/);
    expect(out).toMatch(/1\.1 → 1\.2 +Status 1 +\d+ add/);
    expect(said).toContain('and 3 Sync that had nothing to say');
    const all = await rowsOf('exchanges', user);
    expect(all.map(({ at }) => at)).toEqual(
      all
        .map(({ at }) => at)
        .toSorted()
        .toReversed(),
    );
    expect(await rowsOf('exchanges', user, '--max', '2')).toEqual(all.slice(0, 2));
    expect(await rowsOf('exchanges', 'ola@demo.example')).toEqual([]);
  });

  it('that went wrong are shown whole, and grouped with what they mean and what to do', async () => {
    expect((await run('failures')).code).toBe(0);
    expect(await sync(`${key.slice(0, -3)}777`)).toBe('0');
    const failures = await run('failures', '--since', '1h', '--person', user);
    expect(failures.code).toBe(1);
    expect(failures.out).toContain('sync.invalidSyncKey: The device came with a key that was never given to it');
    expect(failures.out).toContain('Once is a restored or reset phone');
    const [failure] = await rowsOf('failures');
    expect(failure).toMatchObject({ cause: 'sync.invalidSyncKey', times: 1, devices: 1, verdict: 'unknownKey' });
    expect((await run('failures', '--person', 'ola@demo.example')).code).toBe(0);

    const { out } = await run('exchange', failure.exchange);
    expect(out).toContain(`by ${user}, device ${deviceId}`);
    expect(out).toContain('User-Agent Apple-iPhone/1');
    expect(out).toContain(`<AirSync:CollectionId>${contacts}</AirSync:CollectionId>`);
    expect(out).toContain('<AirSync:Status>3</AirSync:Status>');
    expect(out).not.toContain('demo:');
  });

  it('of a device under watch are kept whole, also after a restart, until the watch is over', async () => {
    const whole = async () => (await rowsOf('exchanges', user, deviceId, '--max', '1'))[0];
    key = await sync(await sync('0'));
    expect((await whole()).hasBody).toBe(false);
    expect((await run('watch', user, deviceId, '--for', '30m')).out).toContain(`${deviceId} is watched until`);
    await server.stop();
    server = await start();
    expect(await rowsOf('watch')).toMatchObject([{ email: user, deviceId }]);
    await sync(key);
    expect(await whole()).toMatchObject({ command: 'Sync', hasBody: true, answerBytes: 0 });
    expect((await run('watch', user, deviceId, '--off')).out).toBe(`${deviceId} is not watched any more`);
    expect(await rowsOf('watch')).toEqual([]);
    await sync(await sync('0'));
    expect((await whole()).hasBody).toBe(false);
  }, 60_000);

  it('of everyone are kept whole while that is asked for, also after a restart', async () => {
    expect((await run('watch', '--all', '--for', '5m')).out).toContain('every device is watched until');
    await server.stop();
    server = await start();
    expect((await run('watch')).said).toContain('as Siv Åsen asked');
    await sync('0');
    expect((await rowsOf('exchanges', user, '--max', '1'))[0].hasBody).toBe(true);
    expect((await run('watch', '--all', '--off')).out).toBe('not every device is watched any more');
  }, 60_000);

  it('are paged over HTTP, or streamed, and what is asked wrongly is told', async () => {
    const where = `/accounts/${user}/exchanges`;
    const streamed = await http(`${where}?deviceId=${deviceId}`, 'GET', 'application/x-ndjson');
    const ids = streamed.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id);
    const paged: string[] = [];
    for (let after = ''; ; ) {
      const page = JSON.parse((await http(`${where}?limit=2${after}`)).text);
      paged.push(...page.exchanges.map(({ id }: { id: string }) => id));
      if (page.next === null) break;
      after = `&after=${page.next}`;
    }
    expect(paged).toEqual(ids);
    const statuses = [
      [`${where}?from=yesterday`, 400],
      [`${where}?limit=0`, 400],
      [`${where}?after=1`, 400],
      ['/accounts/nobody@demo.example/exchanges', 404],
      ['/exchanges/1', 400],
      ['/exchanges/0197a3c4-5b7e-7d21-9f60-3c1de2a4b5c6', 404],
      ['/failures?person=nobody@demo.example', 404],
      ['/failures?since=1', 400],
    ] as const;
    for (const [path, status] of statuses) expect([path, (await http(path)).status]).toEqual([path, status]);
    expect((await http(`/accounts/${user}/devices/NONE/watch`, 'POST')).status).toBe(404);
    await expect(run('watch', user, deviceId, '--for', 'ever')).rejects.toThrow('--for must be a span of time');
    await expect(run('watch', user)).rejects.toThrow('Name the device too');
  });
});
