/** The phone against the real server: real processes, a real database, and a power cut. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPhone } from '../eas-client/cli/run.ts';
import { EasClient } from '../eas-client/client.ts';
import { newItem } from '../eas-client/fields.ts';
import { Phone } from '../eas-client/phone.ts';
import { newState, readState, writeState } from '../eas-client/state.ts';
import { Transport } from '../eas-client/transport.ts';
import { ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
const context = { version: 141, zone: 'Europe/Oslo', nowMs: Date.parse('2026-03-02T09:00:00Z'), uid: 'uid-1' } as const;

let directory: string;
let server: ServerProcess;
const transports: Transport[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-e2e-'));
  server = await start();
}, 120_000);

afterAll(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

function start(): Promise<ServerProcess> {
  return ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
}

const stateFile = (deviceId: string): string => path.join(directory, `${deviceId}.json`);

/** The phone as it comes out of a pocket: with what its file says, or new. */
async function phone(deviceId: string): Promise<Phone> {
  const transport = new Transport({ url: server.url });
  transports.push(transport);
  const client = new EasClient({ transport, user, password: 'demo', deviceId });
  const state = (await readState(stateFile(deviceId))) ?? newState({ url: server.url, user, deviceId, version: 141 });
  return new Phone({ client, state, save: (kept) => writeState(stateFile(deviceId), kept) });
}

async function ready(deviceId: string): Promise<Phone> {
  const made = await phone(deviceId);
  if (!made.isSetUp) await made.setUp();
  await made.sync();
  return made;
}

function addContact(on: Phone, name: string) {
  const data = newItem('contact', [`last=${name}`, 'first=Astrid'], context);
  return on.send(on.folders('contact')[0]!, [{ do: 'add', clientId: on.nextClientId(), data }]);
}

function run(deviceId: string, ...words: string[]) {
  const lines: string[] = [];
  const options = ['--user', user, '--url', server.url, '--device', deviceId, '--state', stateFile(deviceId)];
  const output = { print: (text: string) => lines.push(text), complain: (text: string) => lines.push(text) };
  return runPhone([...options, ...words], output).then((code) => ({ code, text: lines.join('\n') }));
}

describe('a phone and the server as processes', () => {
  it('tells another phone of a contact through Ping within a second', async () => {
    const [first, second] = [await ready('E2E1'), await ready('E2E2')];
    const contacts = first.folders('contact');
    const watching = second.ping(120, { ids: contacts });

    const news = await addContact(first, 'Bråthen');
    const accepted = performance.now();
    expect(news.responses).toMatchObject([{ do: 'add', status: 1 }]);
    expect(await watching).toEqual({ kind: 'changes', folders: contacts });
    expect(performance.now() - accepted).toBeLessThan(1_000);

    const received = (await second.sync(contacts)).get(contacts[0]!);
    expect([...received!.added]).toEqual([news.responses[0]!.serverId]);
  });

  it('lets both phones go on from their keys after a power cut, and sends neither what it has', async () => {
    const before = await ready('E2E1');
    await ready('E2E2');
    const held = await readFile(stateFile('E2E2'), 'utf8');
    await server.kill();
    server = await start();

    for (const deviceId of ['E2E1', 'E2E2']) {
      const after = await phone(deviceId);
      expect(after.isSetUp).toBe(true);
      for (const changes of (await after.sync()).values()) {
        expect(changes).toMatchObject({ startedOver: false });
        expect([changes.added.size, changes.changed.size, changes.deleted.size]).toEqual([0, 0, 0]);
      }
    }
    expect(held).toContain('Bråthen');

    const [contacts = ''] = before.folders('contact');
    const news = await addContact(await phone('E2E1'), 'Ødegård');
    const received = (await (await phone('E2E2')).sync([contacts])).get(contacts);
    expect([...received!.added]).toEqual([news.responses[0]!.serverId]);
  }, 120_000);

  it('answers a command again whose answer was lost in a power cut, and does it once', async () => {
    const sender = await ready('E2E1');
    const [contacts = ''] = sender.folders('contact');
    const folder = sender.folder(contacts);
    const count = folder.items.size;
    const data = newItem('contact', ['last=Haugen'], context);
    const command = { do: 'add', clientId: sender.nextClientId(), data } as const;
    folder.pending = [command];
    await writeState(stateFile('E2E1'), sender.state);
    // What is in the file now is a phone that sent and never heard: the old key, and the command still to be answered.
    const saved = await readFile(stateFile('E2E1'), 'utf8');
    await sender.sync([contacts]);
    const answered = [...folder.items.keys()].at(-1)!;
    await server.kill();
    server = await start();

    await writeFile(stateFile('E2E1'), saved);
    const repeated = await phone('E2E1');
    const news = (await repeated.sync([contacts])).get(contacts)!;
    expect(news.responses).toMatchObject([{ do: 'add', status: 1, serverId: answered }]);
    expect(repeated.folder(contacts).items.size).toBe(count + 1);
  }, 120_000);

  it.for(['12.1', '14.0', '16.0', '16.1'])(
    'sets itself up and writes in version %s, with a base64 query',
    async (version) => {
      const device = `E2EV${version.replace('.', '')}`;
      const fresh = await run(device, '--version', version, '--query', 'base64');
      expect(fresh).toMatchObject({ code: 0 });
      expect(fresh.text).toContain('Bråthen, Astrid');

      const added = await run(
        device,
        'add',
        'appointment',
        'subject=Møte',
        'start=2026-03-30T10:00',
        'location=Ålesund',
      );
      expect(added).toMatchObject({ code: 0 });
      const [, id = ''] = /added (\S+)/.exec(added.text) ?? [];
      expect((await run(device, 'list', 'calendar')).text).toMatch(
        /Møte\s+2026-03-30 10:00\s+2026-03-30 11:00\s+Ålesund/,
      );
      expect(await run(device, 'change', id, 'subject=Flyttet')).toMatchObject({ code: 0 });
      const seen = await run('E2E2', 'sync');
      expect(seen.text).toContain('Flyttet, 2026-03-30 10:00');
      expect(await run(device, 'delete', id)).toMatchObject({ code: 0 });
      expect((await run('E2E2', 'sync')).text).toMatch(/gone\s+\S+\s+Flyttet/);
    },
  );

  it('says in one sentence that a password is wrong', async () => {
    const refused = await run('E2E3', '--password', 'nei');
    expect(refused).toEqual({
      code: 4,
      text: `The server does not accept this name and password for ${user} (HTTP 401).`,
    });
  });
});
