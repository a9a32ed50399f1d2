import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { el } from '../../test/eas-client/elements.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { servedCommands, unservedCommands } from './http/command-names.ts';
import { TestDevice } from './test-server/device.ts';
import { startTestServer, type TestServer } from './test-server/server.ts';
import {
  AirSync,
  FolderHierarchy,
  GetItemEstimate,
  ItemOperations,
  Move,
  Ping,
  Provision,
  Search,
  Settings,
} from './wbxml/code-pages/index.ts';
import { type Element, textOf } from './wbxml/element.ts';
import { encodeTree } from './wbxml/writer.ts';

let server: TestServer;
const email = 'kari@route.example';

beforeAll(async () => {
  const { pool } = await freshDatabase();
  server = await startTestServer(pool);
  await server.create({ email, aliases: ['kn@route.example'] });
  await server.create({ email: 'ola@route.example' });
});
afterAll(() => server.stop());

const device = (version: 121 | 140 | 141 | 160 | 161 = 141) => new TestDevice(server, { email, version });
const folderSync = encodeTree(el(FolderHierarchy.FolderSync, [el(FolderHierarchy.SyncKey, '0')]));

describe('OPTIONS', () => {
  it('names the versions, the oldest first, and exactly the commands that work', async () => {
    const answer = await server.app.inject({
      method: 'OPTIONS',
      url: '/Microsoft-Server-ActiveSync',
      headers: { authorization: device().authorization },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['ms-asprotocolversions']).toBe('12.1,14.0,14.1,16.0,16.1');
    expect(answer.headers['ms-asprotocolcommands']).toBe(servedCommands.join(','));
    expect(answer.headers['ms-server-activesync']).toBeDefined();
  });

  it('asks a stranger to sign in', async () => {
    const answer = await server.app.inject({ method: 'OPTIONS', url: '/Microsoft-Server-ActiveSync' });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
  });
});

const minimal: Readonly<Record<(typeof servedCommands)[number], Element>> = {
  Sync: el(AirSync.Sync),
  FolderSync: el(FolderHierarchy.FolderSync),
  FolderCreate: el(FolderHierarchy.FolderCreate),
  FolderDelete: el(FolderHierarchy.FolderDelete),
  FolderUpdate: el(FolderHierarchy.FolderUpdate),
  MoveItems: el(Move.MoveItems),
  GetItemEstimate: el(GetItemEstimate.GetItemEstimate),
  Search: el(Search.Search),
  Settings: el(Settings.Settings),
  Ping: el(Ping.Ping),
  ItemOperations: el(ItemOperations.ItemOperations),
  Provision: el(Provision.Provision),
};

describe('commands', () => {
  it.each(servedCommands)('%s is answered with its own root element', async (command) => {
    const { status, root } = await device().send(command, minimal[command]);
    expect(status).toBe(200);
    expect(root?.tag).toBe(minimal[command].tag);
  });

  it.each(servedCommands)('%s has an answer to another command’s document and to none', async (command) => {
    const other = command === 'Ping' ? minimal.Sync : minimal.Ping;
    for (const tree of [other, undefined]) {
      for (const version of [121, 161] as const) {
        expect((await device(version).send(command, tree)).status).toBeLessThan(500);
      }
    }
  });

  it.each(unservedCommands)('%s is not advertised and answered 501', async (command) => {
    expect((await device().send(command, el(AirSync.Sync))).status).toBe(501);
  });
});

describe('who asks', () => {
  it('is 401 for a wrong password and for nobody, without a word more', async () => {
    const wrong = await new TestDevice(server, { email, password: 'wrong' }).send('FolderSync');
    const nobody = await new TestDevice(server, { email: 'nobody@route.example' }).send('FolderSync');
    expect([wrong.status, nobody.status]).toEqual([401, 401]);
    expect(wrong.text).toBe(nobody.text);
  });

  it.each(['kari@route.example', 'KARI', 'ROUTE%5Ckari', 'kn@route.example', 'kn', '%5Ckari@route.example'])(
    'accepts the user parameter %s of the same person',
    async (user) => {
      const answer = await device().raw(`?Cmd=FolderSync&User=${user}&DeviceId=u1&DeviceType=Test`, folderSync);
      expect(answer.status).toBe(200);
    },
  );

  it.each(['ola@route.example', 'OTHER%5Ckari', 'kar'])('refuses the user parameter %s', async (user) => {
    const answer = await device().raw(`?Cmd=FolderSync&User=${user}&DeviceId=u1&DeviceType=Test`, folderSync);
    expect(answer.status).toBe(403);
  });
});

describe('the request line and headers', () => {
  const query = '?cmd=FolderSync&deviceid=q1&devicetype=Test';

  it('may be written in any case', async () => {
    expect((await device().raw(query, folderSync)).status).toBe(200);
    const answer = await server.app.inject({
      method: 'POST',
      url: `/MICROSOFT-server-ActiveSync${query}`,
      headers: { authorization: device().authorization, 'ms-asprotocolversion': '14.1' },
      payload: folderSync,
    });
    expect(answer.statusCode).toBe(200);
  });

  it.each([
    ['', 400],
    ['?Cmd=FolderSync', 400],
    ['?Cmd=FolderSync&DeviceId=&DeviceType=x', 400],
    [`?Cmd=FolderSync&DeviceId=${'x'.repeat(65)}&DeviceType=x`, 400],
    ['?Cmd=FolderSync&DeviceId=%E0%A4%A&DeviceType=x', 400],
    ['?!!!', 400],
    ['?jAAJ', 400],
    ['?Cmd=Nonsense&DeviceId=x&DeviceType=x', 501],
  ])('%s is answered %i', async (line, status) => {
    expect((await device().raw(line, folderSync)).status).toBe(status);
  });

  it.each([
    ['2.5', 505],
    ['12.0', 505],
    ['99', 400],
    ['', 400],
    [undefined, 200],
  ])('version %s is answered %i', async (version, status) => {
    const answer = await device().raw(query, folderSync, { 'ms-asprotocolversion': version });
    expect(answer.status).toBe(status);
  });

  it('takes a body without a content type, and none of another type', async () => {
    expect((await device().raw(query, folderSync, { 'content-type': undefined })).status).toBe(200);
    expect((await device().raw(query, folderSync, { 'content-type': 'application/vnd.ms-sync' })).status).toBe(200);
    expect((await device().raw(query, folderSync, { 'content-type': 'text/xml' })).status).toBe(415);
  });

  it('refuses what is no WBXML', async () => {
    expect((await device().raw(query, Buffer.from('<FolderSync/>'))).status).toBe(400);
  });

  it('takes the base64 form, with the version and the policy key in it', async () => {
    const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const bytes = Buffer.concat([
      Buffer.from([161, 9, 0x14, 0x04]),
      field(Buffer.from('abc')),
      field(Buffer.alloc(0)),
      field(Buffer.from('Phone')),
      Buffer.from([8]),
      field(Buffer.from(email)),
    ]);
    const answer = await device().raw(`?${bytes.toString('base64')}`, folderSync, {
      'ms-asprotocolversion': undefined,
    });
    expect(answer.status).toBe(200);
    expect(answer.root && textOf(answer.root, FolderHierarchy.Status)).toBe('1');
  });
});

describe('a failure', () => {
  it('is told by the command’s own status, logged once, and the phone can come again', async () => {
    const { pool } = await freshDatabase();
    const broken = await startTestServer(pool, (deps) => ({
      ...deps,
      folders: {
        ...deps.folders,
        of: () => {
          throw new Error('the disk is full');
        },
      },
    }));
    await broken.create({ email: 'kari@broken.example' });
    const phone = new TestDevice(broken, { email: 'kari@broken.example' });
    expect((await phone.folderSync()).status).toBe(6);
    expect((await phone.ping(480, ['x'])).status).toBe(8);
    phone.version = 121;
    const estimate = el(GetItemEstimate.GetItemEstimate, [
      el(GetItemEstimate.Collections, [el(GetItemEstimate.Collection)]),
    ]);
    expect((await phone.send('GetItemEstimate', estimate)).status).toBe(503);
    expect(broken.errors).toHaveLength(3);
    expect(JSON.stringify(broken.errors)).not.toContain('kari');
    await broken.stop();
  });
});

describe('a store that cannot be reached', () => {
  it('is told by HTTP 503 for any command and at the sign-in, and by no status that a phone begins anew for', async () => {
    const { pool } = await freshDatabase();
    class Away extends Error {}
    let away: 'not' | 'at sign-in' | 'later' = 'not';
    const broken = await startTestServer(pool, (deps) => ({
      ...deps,
      isAway: (error) => error instanceof Away,
      signIn: {
        async signIn(authorization, remote) {
          if (away === 'at sign-in') throw new Away('nobody listens');
          return await deps.signIn.signIn(authorization, remote);
        },
      },
      devices: {
        ...deps.devices,
        async device(tenant, key) {
          if (away === 'later') throw new Away('nobody listens');
          return await deps.devices.device(tenant, key);
        },
      },
    }));
    await broken.create({ email: 'kari@away.example' });
    const phone = new TestDevice(broken, { email: 'kari@away.example' });
    expect((await phone.folderSync()).status).toBe(1);
    for (away of ['at sign-in', 'later'] as const) {
      for (const command of ['FolderSync', 'Ping', 'Sync'] as const) {
        const root = { FolderSync: FolderHierarchy.FolderSync, Ping: Ping.Ping, Sync: AirSync.Sync }[command];
        const answer = await phone.send(command, el(root));
        expect([command, away, answer.status, answer.headers['retry-after']]).toEqual([command, away, 503, '10']);
      }
    }
    expect(broken.errors).toEqual([]);
    away = 'not';
    expect((await phone.folderSync()).status).toBe(1);
    await broken.stop();
  });
});

describe('a device', () => {
  it('is paired by its first command, once, and known by its client from then on', async () => {
    const person = await server.create({ email: 'per@route.example' });
    const phone = new TestDevice(server, { email: 'per@route.example', deviceId: 'AbC' });
    await phone.folderSync();
    await server.settle(person.tenant);
    const before = await server.head(person.tenant);
    await phone.folderSync();
    phone.version = 161;
    await phone.folderSync();
    await server.settle(person.tenant);
    const [paired, ...others] = await server.devices.of(person);
    expect(others).toEqual([]);
    expect(paired?.device).toMatchObject({
      deviceId: 'AbC',
      client: { protocolVersion: '16.1', userAgent: 'Test/1.0' },
    });
    expect(await server.head(person.tenant)).toBe(before + 1);
  });

  it('called “validate” leaves no trace', async () => {
    const person = await server.create({ email: 'val@route.example' });
    const before = await server.head(person.tenant);
    const phone = new TestDevice(server, { email: 'val@route.example', deviceId: 'validate' });
    expect((await phone.folderSync('0')).changes).toHaveLength(4);
    expect(await server.head(person.tenant)).toBe(before);
    expect(await server.devices.of(person)).toEqual([]);
  });

  it('that is too fast is asked to wait', async () => {
    const { pool } = await freshDatabase();
    const guard = { ask: () => ({ seconds: 7, throttle: 'RecentCommands' }), meet: () => undefined };
    const guarded = await startTestServer(pool, (deps) => ({ ...deps, guard }));
    await guarded.create({ email: 'kari@guarded.example' });
    const answer = await new TestDevice(guarded, { email: 'kari@guarded.example' }).send('FolderSync');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '7']);
    expect(answer.headers['x-ms-asthrottle']).toBe('RecentCommands');
    await guarded.stop();
  });
});
