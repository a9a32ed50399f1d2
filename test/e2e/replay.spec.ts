/** What support asks of the past, beside a running server: replay, shadow, why. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import { mobilesync } from '../mobilesync.ts';
import { Phones } from '../phones.ts';
import { ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
const phones = new Phones();
let directory: string;
let server: ServerProcess | undefined;
let phone: Phone;
let added: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-replay-'));
  server = await ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
  expect(await run('watch', '--all', '--for', '1h')).toMatchObject({ code: 0 });
  phone = aPhone('REPLAY1');
  await phone.setUp();
  await phone.sync();
  const folder = phone.folders('contact')[0]!;
  const context = { version: 141, zone: 'Europe/Oslo', nowMs: 0, uid: 'uid' } as const;
  const data = newItem('contact', ['last=Nansen'], context);
  await phone.send(folder, [{ do: 'add', clientId: phone.nextClientId(), data }]);
  added = itemsOf(folder).find(([, held]) => JSON.stringify(held).includes('Nansen'))?.[0] as string;
  await phone.sync();
  const other = aPhone('REPLAY2');
  await other.setUp();
  await other.sync();
  await phone.send(folder, [{ do: 'delete', serverId: added }]);
  await other.sync();
}, 120_000);

afterAll(async () => {
  await phones.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const aPhone = (deviceId: string): Phone => phones.of(server!.url, user, deviceId);

const run = (...args: string[]) => mobilesync(server!, ...args);

const itemsOf = (collection: string) => [...(phone.state.collections.get(collection)?.items ?? [])];
const runAsRecorded = /^([1-9]\d*) exchanges run: \1 as recorded, 0 different, 0 broken, 0 now fine, 0 still failing;/m;

describe('support, beside the running server', { timeout: 120_000 }, () => {
  it('finds that this build answers as it did: on the database itself, and over HTTP', async () => {
    // What was answered just now is on record once the server was asked.
    const running = await run('shadow', '--hours', '1', '--person', user, '--running');
    expect(running.code, running.out).toBe(0);
    expect(running.out).toMatch(runAsRecorded);
    const direct = await run('shadow', '--hours', '1');
    expect(direct.code, direct.out).toBe(0);
    expect(direct.out).toMatch(runAsRecorded);
  });

  it('replays a device’s span, what failed, and one exchange', async () => {
    const span = await run('replay', '--device', `${user}/REPLAY1`, '--from', '1h');
    expect(span).toMatchObject({ code: 0 });
    expect(span.out).toMatch(runAsRecorded);
    expect(await run('replay', '--all-failures', '--since', '1h')).toMatchObject({ code: 0 });
    const listed = await run('exchanges', user, 'REPLAY1', '--json');
    const exchanges = listed.out.split('\n').filter((line) => line.startsWith('{'));
    const { id } = exchanges.map((line) => JSON.parse(line)).find(({ command }) => command === 'Sync');
    expect(await run('replay', id)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/REPLAY1 at .*: same$/m),
    });
    const none = run('replay', '0197a3c4-5b7e-7d21-9f60-3c1de2a4b5c6');
    await expect(none).rejects.toThrow('There is no exchange');
    await expect(run('replay')).rejects.toThrow('Name one exchange');
  });

  it('says why an item is, or is not, on a device', async () => {
    const held = itemsOf(phone.folders('contact')[0]!)[0]?.[0] as string;
    const ask = (item: string, device: string) => run('why', item, '--device', `${user}/${device}`);
    const there = await ask(held, 'REPLAY1');
    expect(there).toMatchObject({ code: 0, out: expect.stringMatching(/^There: .* in the folder Contacts/) });
    const gone = await ask(added, 'REPLAY1');
    expect(gone).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^(Not there|Perhaps): .*(deleted|take the item)/),
    });
    expect(await ask(held, 'NOBODYS')).toMatchObject({ code: 1, out: expect.stringContaining('no device NOBODYS') });
  });
});
