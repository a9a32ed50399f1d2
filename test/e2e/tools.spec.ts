/** The operator's commands beside the running server, and after it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logEnv } from '../e2e-log.ts';
import { newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import { Phones } from '../phones.ts';
import { ServerProcess } from '../server-process.ts';

let directory: string;
let server: ServerProcess | undefined;
const root = path.join(import.meta.dirname, '../..');

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-tools-'));
  server = await ServerProcess.start({ dataDir: dataDir(), env: { DEMO: 'true' } });
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const dataDir = () => path.join(directory, 'data');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** As its npm script runs it. */
function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(root, script), ...args],
      { cwd: root, env: { PATH: process.env.PATH, DATA_DIR: dataDir(), ...logEnv(dataDir()), ...env } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

const phones = new Phones();

const aPhone = (deviceId = 'TOOLS1'): Phone => phones.of(server!.url, 'kari@demo.example', deviceId);

function addContact(on: Phone, name: string) {
  const context = { version: 141, zone: 'Europe/Oslo', nowMs: 0, uid: 'uid' } as const;
  const data = newItem('contact', [`last=${name}`], context);
  return on.send(on.folders('contact')[0]!, [{ do: 'add', clientId: on.nextClientId(), data }]);
}

const ready = async (): Promise<number> => (await fetch(`${server!.url}/health/ready`)).status;

describe('beside the running server', { timeout: 120_000 }, () => {
  it('migrate and verify use its database and leave it running', async () => {
    expect(await run('api/cli/migrate.ts')).toEqual({ code: 0, out: 'the schema is up to date\n', err: '' });
    const verified = await run('api/cli/verify.ts', ['demo.example']);
    expect(verified).toMatchObject({ code: 0, err: '' });
    expect(verified.out).toMatch(/^demo\.example: \d+ events in \d+ streams, 0 findings\neverything holds\n$/);
    expect(await ready()).toBe(200);
  });

  it('every read model made anew is the live one, and takes its place', async () => {
    const phone = aPhone();
    await phone.setUp();
    await phone.sync();
    await addContact(phone, 'Før');
    const compared = await run('api/cli/rebuild.ts', ['--all', '--dry-run']);
    expect(compared).toMatchObject({ code: 0, err: '' });
    for (const name of ['accounts', 'devices', 'folders', 'item-view', 'sync', 'office-baseline', 'writeback'])
      expect(compared.out).toMatch(new RegExp(`^${name}: \\d+ events folded, nothing was changed$`, 'm'));
    expect(compared.out).toMatch(/^item-view: item_view has [1-9]\d* rows, as the live one/m);
    expect(compared.out).toMatch(/^office-baseline: office_baseline has [1-9]\d* rows, as the live one/m);
    const names = ['item-view', 'sync', 'folders', 'accounts', 'devices', 'office-baseline'];
    const rebuilt = await run('api/cli/rebuild.ts', names);
    expect(rebuilt).toMatchObject({ code: 0, err: '' });
    expect(rebuilt.out.match(/in place$/gm)).toHaveLength(names.length);
    // The server's connections, and what it had prepared on them, go on with the new tables.
    for (let nth = 0; nth < 20; nth++) {
      for (const news of (await phone.sync()).values()) {
        expect(news).toMatchObject({ startedOver: false });
        expect([news.added.size, news.changed.size, news.deleted.size]).toEqual([0, 0, 0]);
      }
    }
    const added = await addContact(phone, 'Etter');
    expect(added.responses).toMatchObject([{ status: 1 }]);
    const fresh = aPhone('TOOLS2');
    await fresh.setUp();
    await fresh.sync();
    const [contacts = ''] = fresh.folders('contact');
    expect([...fresh.folder(contacts).items.keys()].sort()).toEqual([...phone.folder(contacts).items.keys()].sort());
    await phones.close();
  });

  it('what a worker writes is not exchanged under it', async () => {
    const refused = await run('api/cli/rebuild.ts', ['writeback']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toBe('writeback can be rebuilt only while the server is stopped.\n');
  });

  it('a wrong call is one clear sentence and exit code 2', async () => {
    const none = path.join(directory, 'none');
    const calls: [string, string[], Record<string, string>, RegExp][] = [
      ['api/cli/rebuild.ts', [], {}, /^Name a read model \(accounts, .*\) or say --all\.$/],
      ['api/cli/rebuild.ts', ['mail'], {}, /^There is no read model mail; there are accounts, /],
      ['api/cli/verify.ts', ['--fast'], {}, /^Unknown option '--fast'.*--help tells more\.$/],
      ['api/cli/verify.ts', ['nobody.example'], {}, /^There are no events of a tenant nobody\.example\.$/],
      ['api/cli/verify.ts', [], { DATA_DIR: none }, /holds no database yet: npm start makes one\.$/],
      ['scripts/sim.ts', ['--seeds', 'many'], {}, /^--seeds must be a whole number from 1, but is "many"\.$/],
    ];
    for (const [script, args, env, message] of calls) {
      const { code, out, err } = await run(script, args, env);
      expect([script, args, code, out]).toEqual([script, args, 2, '']);
      expect(err.trim()).toMatch(message);
      expect(err.trim().split('\n')).toHaveLength(1);
    }
  });

  it('each explains itself', async () => {
    for (const script of ['api/cli/migrate.ts', 'api/cli/verify.ts', 'api/cli/rebuild.ts', 'scripts/sim.ts']) {
      const { code, out } = await run(script, ['--help']);
      expect([script, code]).toEqual([script, 0]);
      expect(out).toMatch(/^Usage: npm run \w+/);
    }
  });
});

describe('after the server', { timeout: 120_000 }, () => {
  it('the write-back queue is made anew, and the server goes on from it', async () => {
    await server?.stop();
    server = undefined;
    const rebuilt = await run('api/cli/rebuild.ts', ['--all']);
    expect(rebuilt).toMatchObject({ code: 0, err: '' });
    const inPlace = rebuilt.out.match(/^.+ events folded.*in place$/gm) ?? [];
    expect(inPlace).toEqual(rebuilt.out.match(/^.+ events folded.*$/gm));
    expect(inPlace.map((line) => line.split(':')[0])).toContain('writeback');
    expect(await run('api/cli/verify.ts')).toMatchObject({ code: 0 });
    server = await ServerProcess.start({ dataDir: dataDir(), env: { DEMO: 'true' } });
    expect(await ready()).toBe(200);
  });
});

describe('the simulator as a command', { timeout: 120_000 }, () => {
  it('runs worlds and says so', async () => {
    const { code, out, err } = await run('scripts/sim.ts', ['--seeds', '2', '--steps', '15']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/2 worlds kept every promise; [1-9]\d* events\n$/);
  });
});
