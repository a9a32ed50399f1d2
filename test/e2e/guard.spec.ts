/** A phone that loses its mind, on the real server: what it deletes is held back, and what it repeats is braked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EasClient, HttpError } from '../eas-client/client.ts';
import { folderSync } from '../eas-client/commands/folders.ts';
import { newItem } from '../eas-client/fields.ts';
import { Phone } from '../eas-client/phone.ts';
import { newState } from '../eas-client/state.ts';
import { Transport } from '../eas-client/transport.ts';
import { mobilesync } from '../mobilesync.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
const context = { version: 141, zone: 'Europe/Oslo', nowMs: 0, uid: 'uid' } as const;
let directory: string;
let server: ServerProcess;
let transport: Transport;
let phone: Phone;
let tablet: Phone;

const start = async () => {
  const dataDir = path.join(directory, 'data');
  server = await ServerProcess.start({ dataDir, env: { DEMO: 'true', REPEATS_PER_MINUTE: '20' } });
  transport = new Transport({ url: server.url });
};
const stop = async () => {
  await transport?.close();
  await server?.stop();
};
const clientOf = (deviceId: string) => new EasClient({ transport, user, password: 'demo', deviceId });
const phoneOf = (deviceId: string, state = newState({ url: server.url, user, deviceId, version: 141 })) =>
  new Phone({ client: clientOf(deviceId), state });

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-guard-'));
  await start();
  [phone, tablet] = [phoneOf('PHONE'), phoneOf('TABLET')];
  for (const one of [phone, tablet]) {
    await one.setUp();
    await one.sync();
  }
}, 120_000);
afterAll(async () => {
  await stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function run(...args: string[]): Promise<string> {
  const { code, out } = await mobilesync(server, ...args);
  expect(code).toBe(0);
  return out;
}
const rowsOf = (text: string) => (text === '' ? [] : text.split('\n').map((line) => JSON.parse(line)));
async function http(method: string, where: string) {
  const headers = { authorization: `Bearer ${adminToken}` };
  const response = await fetch(`${server.url}/admin${where}`, { method, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const contacts = () => phone.folders('contact')[0] as string;
const heldBy = (one: Phone) => [...one.folder(contacts()).items.keys()].sort();
async function deleteAll(): Promise<string[]> {
  const items = heldBy(phone);
  await phone.send(
    contacts(),
    items.map((serverId) => ({ do: 'delete' as const, serverId })),
  );
  return items;
}
const only = (text: string) => {
  const rows = rowsOf(text);
  expect(rows).toHaveLength(1);
  return rows[0] as { batch: string };
};

describe('a phone that deletes all its contacts', { timeout: 60_000 }, () => {
  let batch: string;

  it('loses no more than it may for everybody else, and support sees what is held back', async () => {
    const names = Array.from({ length: 40 }, (_, nth) => `Nummer ${nth}`);
    const commands = names.map((name) => ({
      do: 'add' as const,
      clientId: phone.nextClientId(),
      data: newItem('contact', [`last=${name}`], context),
    }));
    await phone.send(contacts(), commands);
    await phone.sync();
    const all = await deleteAll();
    expect(all).toHaveLength(44);
    await phone.sync();
    await tablet.sync();
    expect(heldBy(phone)).toEqual([]);
    expect(heldBy(tablet)).toHaveLength(24);

    const row = only(await run('held', '--person', user, '--json'));
    expect(row).toMatchObject({
      ...{ person: user, askedBy: 'Sync', items: 24, itemsBefore: 44, state: 'open' },
      ...{ device: { deviceId: 'PHONE' }, folder: { collection: contacts() } },
    });
    batch = row.batch;
    const held = rowsOf(await run('held', batch, '--json'));
    expect(held.filter(({ title }) => /^Nummer \d+$/.test(title)).length).toBeGreaterThanOrEqual(20);
    expect((await http('GET', `/accounts/${user}`)).body.heldBatches).toBe(1);
    expect(await run('held')).toContain('24 of 44');
  });

  it('gets them back when the batch is discarded, also after the server was started anew', async () => {
    await stop();
    await start();
    [phone, tablet] = [phoneOf('PHONE', phone.state), phoneOf('TABLET', tablet.state)];
    await phone.sync();
    expect(heldBy(phone)).toEqual([]);
    expect(await run('discard', batch)).toBe('24 items stay; the device gets them again.');
    await phone.sync();
    expect(heldBy(phone)).toHaveLength(24);
    expect(await run('held')).toBe('nothing is held back');
    expect(await http('POST', `/held/${batch}/release`)).toMatchObject({ status: 409, body: { error: 'decided' } });
  });

  it('and once more is believed when the batch is released, on every device and in the office', async () => {
    await deleteAll();
    const { batch: next } = only(await run('held', '--person', user, '--json'));
    expect(next).not.toBe(batch);
    expect(await run('release', next)).toBe('4 of 4 were carried out; 0 stay, as somebody changed them since.');
    await tablet.sync();
    expect(heldBy(tablet)).toEqual([]);
    expect((await http('POST', `/accounts/${user}/writeback`)).status).toBe(200);
    await http('POST', `/accounts/${user}/poll`);
    await tablet.sync();
    expect(heldBy(tablet)).toEqual([]);
  });

  it('asks for what is not there: it is told so', async () => {
    expect(await http('GET', '/held/aaaaaaaaaaaa')).toMatchObject({ status: 404, body: { error: 'unknown_batch' } });
    expect((await http('GET', '/held/nothing')).status).toBe(400);
    expect((await http('GET', '/held?person=nobody@demo.example')).status).toBe(404);
    expect((await http('GET', '/brakes?person=nobody@demo.example')).status).toBe(404);
  });
});

describe('a phone that loops', { timeout: 60_000 }, () => {
  it('is told to wait, is shown with the reason, and is left alone with everything else', async () => {
    const client = clientOf('LOOPING');
    await folderSync(client, '0');
    const again = async (): Promise<number> => {
      try {
        await folderSync(client, '1');
        return 200;
      } catch (error) {
        if (error instanceof HttpError) return error.status;
        return 200;
      }
    };
    const statuses: number[] = [];
    for (let nth = 0; nth < 25; nth++) statuses.push(await again());
    expect(statuses).toEqual([...Array(20).fill(200), ...Array(5).fill(503)]);
    const [brake] = rowsOf(await run('brakes', '--person', user, '--json'));
    expect(brake).toMatchObject({
      ...{ person: user, deviceId: 'LOOPING', reason: 'repeated', scope: 'FolderSync' },
      ...{ isBraked: true, times: 1, refused: 5 },
    });
    expect(await run('brakes')).toContain('the same request again and again');
    await client.options();
    await phone.sync();
  });
});
