import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceKeyFrom } from '../adapters/ids.ts';
import { accountStream } from '../domain/account/stream.ts';
import { startTestShell, type TestShell, testToken } from '../test/shell.ts';
import { unavailable } from './errors.ts';

let shell: TestShell;
let officeFails = false;
beforeAll(async () => {
  shell = await startTestShell({
    trustedProxies: ['loopback', '198.51.100.0/24'],
    ready: {
      office: 'http://127.0.0.1:1/office',
      checks: {
        office: async () => {
          if (officeFails) throw new Error('the office is away');
        },
      },
    },
    office: {
      poll: async (person) => ({ email: person.account.email, contacts: 3 }),
      status: async () => {
        throw unavailable('The office is away.');
      },
    },
  });
});
afterAll(() => shell.close());

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';
const admin = async (method: Method, url: string, payload?: object | string, headers: Record<string, string> = {}) => {
  const response = await shell.app.inject({
    method,
    url: `/admin${url}`,
    headers: { authorization: `Bearer ${testToken}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: response.statusCode, body: response.body === '' ? undefined : response.json() };
};
const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

describe('health', () => {
  it('is alive, and ready with the address of the office', async () => {
    expect((await shell.app.inject('/health/live')).statusCode).toBe(200);
    const ready = await shell.app.inject('/health/ready');
    expect(ready.statusCode).toBe(200);
    expect(ready.json()).toEqual({ status: 'ok', checks: { office: 'ok' }, office: 'http://127.0.0.1:1/office' });
  });

  it('is not ready when a part fails, and says which', async () => {
    officeFails = true;
    const ready = await shell.app.inject('/health/ready');
    officeFails = false;
    expect(ready.statusCode).toBe(503);
    expect(ready.json().checks).toEqual({ office: 'the office is away' });
  });
});

describe('metrics', () => {
  it('are for loopback and for the admin token alone', async () => {
    expect((await shell.app.inject('/metrics')).statusCode).toBe(200);
    const far = { url: '/metrics', remoteAddress: '192.0.2.9' };
    expect((await shell.app.inject(far)).statusCode).toBe(401);
    const forged = { ...far, headers: { 'x-forwarded-for': '127.0.0.1' } };
    expect((await shell.app.inject(forged)).statusCode).toBe(401);
    const proxied = { url: '/metrics', headers: { 'x-forwarded-for': '192.0.2.9' } };
    expect((await shell.app.inject(proxied)).statusCode).toBe(401);
    const named = { ...forged, remoteAddress: '198.51.100.7' };
    expect((await shell.app.inject(named)).statusCode).toBe(200);
    const authorization = `Bearer ${testToken}`;
    expect((await shell.app.inject({ ...far, headers: { authorization } })).statusCode).toBe(200);
  });
});

describe('the admin API', () => {
  it('is closed without the token', async () => {
    for (const authorization of [
      undefined,
      'Bearer wrong',
      basic('admin', testToken),
      'Bearer',
      `Bearer ${testToken}x`,
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      for (const url of ['/admin/accounts', '/admin/openapi.json']) {
        const response = await shell.app.inject({ url, headers });
        expect(response.statusCode).toBe(401);
        expect(response.json().error).toBe('unauthorized');
      }
    }
  });

  it('describes itself, without its own secrets', async () => {
    const { body } = await admin('GET', '/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/admin/accounts',
        '/admin/accounts/{email}',
        '/admin/accounts/{email}/poll',
        '/admin/accounts/{email}/writeback',
        '/admin/accounts/{email}/devices',
        '/admin/items/{id}/history',
      ]),
    );
    expect(Object.keys(body.paths).filter((path) => !path.startsWith('/admin/'))).toEqual([]);
  });

  it('creates an account, shows it without a password, and lists it', async () => {
    const office = { system: '24sevenoffice', username: 'kari', password: 'office-secret' };
    const wanted = { email: 'Kari@Demo.Example', password: 'demo', displayName: 'Kari', aliases: ['KN'], office };
    const created = await admin('POST', '/accounts', wanted);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      email: 'kari@demo.example',
      displayName: 'Kari',
      aliases: ['kn'],
      timeZone: 'Europe/Oslo',
      policy: 'none',
      features: [],
      office: { system: '24sevenoffice', username: 'kari' },
    });
    expect(JSON.stringify(created.body)).not.toMatch(/secret|argon2|"password"/);
    expect((await admin('GET', '/accounts/KARI@demo.example')).body).toEqual(created.body);
    expect((await admin('GET', '/accounts')).body.accounts).toEqual([created.body]);
    expect((await admin('POST', '/accounts', wanted)).body.error).toBe('account_exists');
  });

  it('gives every account its four folders', async () => {
    const person = await shell.accounts.find('kari@demo.example');
    const folders = await shell.directory.folders(person!.tenant, person!.account.id);
    expect([...folders.values()].map((folder) => folder.wireType).sort((a, b) => a - b)).toEqual([7, 8, 9, 10]);
  });

  it('changes what is named and keeps the rest', async () => {
    const changed = await admin('PATCH', '/accounts/kari@demo.example', { policy: 'strict', displayName: null });
    expect(changed).toMatchObject({ status: 200, body: { policy: 'strict', displayName: null, aliases: ['kn'] } });
    expect((await admin('PATCH', '/accounts/nobody@demo.example', {})).body.error).toBe('unknown_account');
  });

  it('does not give one name to two people', async () => {
    const other = { email: 'per@demo.example', password: 'x', aliases: ['kari@demo.example'] };
    expect(await admin('POST', '/accounts', other)).toMatchObject({ status: 409, body: { error: 'name_taken' } });
    expect((await admin('POST', '/accounts', { ...other, email: 'kn@x.example', aliases: ['kn'] })).status).toBe(409);
  });

  it('answers wrong input with 400 and what to do, never with 500', async () => {
    const wrong: [unknown, RegExp][] = [
      [{}, /email/],
      [{ email: 'kari', password: 'x' }, /must be an email address/],
      [{ email: 'a:b@demo.example', password: 'x' }, /must be an email address/],
      [{ email: 'a@demo.example' }, /password/],
      [{ email: 'a@demo.example', password: '' }, /password/],
      [{ email: 'a@demo.example', password: 'x', timeZone: 'Oslo' }, /IANA time zone/],
      [{ email: 'a@demo.example', password: 'x', policy: 'loose' }, /policy/],
      [{ email: 'a@demo.example', password: 'x', colour: 'red' }, /colour/],
      [
        { email: 'a@demo.example', password: 'x', office: { system: 'x', username: 'y', password: 'z' } },
        /must be one of/,
      ],
      [{ email: 'a@demo.example', password: 'x', aliases: Array(99).fill('a') }, /aliases/],
      [[], /object/],
      ['"text"', /object/],
      ['{"email":', /JSON/],
      ['null', /object/],
    ];
    for (const [payload, message] of wrong) {
      const answer = await admin('POST', '/accounts', payload as object, { 'content-type': 'application/json' });
      expect([payload, answer.status]).toEqual([payload, 400]);
      expect(answer.body.message).toMatch(message);
      expect(answer.body.error).toBe('invalid_request');
    }
  });

  it('answers odd requests with 4xx too', async () => {
    expect((await admin('GET', '/accounts?limit=0')).status).toBe(400);
    expect((await admin('GET', '/accounts/%E0%A4%A')).status).toBe(400);
    expect((await admin('GET', '/accounts/%00')).status).toBe(400);
    expect((await admin('GET', '/accounts?after=%00')).status).toBe(400);
    expect((await admin('GET', '/accounts/kari@demo.example/devices/%00')).status).toBe(400);
    expect((await admin('PATCH', '/accounts/kari@demo.example', { displayName: '\u0000' })).status).toBe(400);
    expect((await admin('PATCH', '/accounts/kari@demo.example', { aliases: ['\ud800'] })).status).toBe(400);
    expect((await admin('GET', '/nowhere')).status).toBe(404);
    expect((await admin('PUT', '/accounts', {})).status).toBe(404);
    expect((await admin('GET', `/accounts/${'x'.repeat(5_000)}`)).status).toBeLessThan(500);
    expect(
      (await admin('POST', '/accounts', 'x=1', { 'content-type': 'application/x-www-form-urlencoded' })).status,
    ).toBe(415);
    const json = { 'content-type': 'application/json' };
    expect((await admin('POST', '/accounts/kari@demo.example/poll', '', json)).status).toBe(200);
    const large = JSON.stringify({ email: 'a@demo.example', password: 'x'.repeat(1_100_000) });
    expect((await admin('POST', '/accounts', large, { 'content-type': 'application/json' })).status).toBe(413);
  });

  it('says that the office does not serve, where it was needed for the answer', async () => {
    const answer = await admin('GET', '/accounts/kari@demo.example/office');
    expect(answer).toEqual({ status: 503, body: { error: 'unavailable', message: 'The office is away.' } });
  });

  it('polls a connected account, and says why it cannot otherwise', async () => {
    expect((await admin('POST', '/accounts/kari@demo.example/poll')).body).toEqual({
      email: 'kari@demo.example',
      contacts: 3,
    });
    await admin('POST', '/accounts', { email: 'lone@demo.example', password: 'x', office: null });
    expect((await admin('POST', '/accounts/lone@demo.example/poll')).body.error).toBe('no_office');
    expect((await admin('POST', '/accounts/kari@demo.example/writeback')).status).toBe(501);
    expect((await admin('POST', '/accounts/none@demo.example/poll')).status).toBe(404);
  });

  it('ends an account: its names are free, and a new one has none of what was', async () => {
    const before = await admin('POST', '/accounts', { email: 'gone@demo.example', password: 'x' });
    expect((await admin('DELETE', '/accounts/gone@demo.example')).status).toBe(204);
    expect((await admin('GET', '/accounts/gone@demo.example')).status).toBe(404);
    expect((await admin('DELETE', '/accounts/gone@demo.example')).status).toBe(404);
    const after = await admin('POST', '/accounts', { email: 'gone@demo.example', password: 'x' });
    expect(after.status).toBe(201);
    expect(after.body.id).not.toBe(before.body.id);
  });

  it('erases an account so that nothing of it can be read again', async () => {
    await admin('POST', '/accounts', { email: 'erased@demo.example', password: 'x', displayName: 'Secret' });
    const person = (await shell.accounts.find('erased@demo.example'))!;
    expect((await admin('DELETE', '/accounts/erased@demo.example?erase=true')).status).toBe(204);
    const page = await shell.store.load(person.tenant, accountStream(person.account.id));
    expect(page.events.map((event) => event.type)).toEqual(['Forgotten', 'Forgotten', 'Forgotten']);
    const again = await admin('POST', '/accounts', { email: 'erased@demo.example', password: 'x' });
    expect(again.status).toBe(201);
  });
});

describe('devices', () => {
  const device = (action = '') => `/accounts/kari@demo.example/devices/appl1${action}`;

  it('are listed, blocked, let in, wiped and forgotten', async () => {
    const { tenant, account } = (await shell.accounts.find('kari@demo.example'))!;
    const client = { deviceType: 'iPhone', userAgent: 'Apple/1', protocolVersion: '16.1' };
    const key = deviceKeyFrom(account.id, 'APPL1');
    expect((await admin('GET', '/accounts/kari@demo.example/devices')).body).toEqual({ devices: [] });
    await shell.devices.run(
      tenant,
      account.id,
      key,
      { type: 'greet', account: account.id, deviceId: 'APPL1', client },
      { kind: 'device', account: account.id, device: key },
    );
    // The read model follows in its own time; any administrator's write waits for it.
    await admin('PATCH', '/accounts/kari@demo.example', {});
    const listed = await admin('GET', '/accounts/kari@demo.example/devices');
    expect(listed.body.devices).toMatchObject([{ deviceId: 'APPL1', ...client, blocked: false }]);
    expect((await admin('POST', device('/block'))).body).toMatchObject({ blocked: true });
    expect((await admin('POST', device('/unblock'))).body).toMatchObject({ blocked: false });
    expect((await admin('POST', device('/wipe'))).body.wipe).toEqual({ status: 'requested', scope: 'account' });
    expect((await admin('POST', device('/wipe'), { scope: 'device' })).body.wipe.scope).toBe('device');
    expect((await admin('POST', device('/wipe'), { scope: 'all' })).status).toBe(400);
    expect((await admin('POST', device('/cancel-wipe'))).body.wipe.status).toBe('none');
    expect((await admin('GET', device('/conversations'))).status).toBe(501);
    expect((await admin('DELETE', device())).status).toBe(204);
    expect((await admin('GET', device())).body.error).toBe('unknown_device');
  });
});

describe('Autodiscover', () => {
  const namespace = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync';
  const ask = (email: string, schema = `${namespace}/responseschema/2006`) =>
    `<?xml version="1.0"?><Autodiscover xmlns="${namespace}/requestschema/2006"><Request><EMailAddress>${email}</EMailAddress><AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`;
  const post = (payload: string, headers: Record<string, string> = {}, url = '/Autodiscover/Autodiscover.xml') =>
    shell.app.inject({
      method: 'POST',
      url,
      payload,
      headers: { authorization: basic('kari@demo.example', 'demo'), 'content-type': 'text/xml', ...headers },
    });

  it('tells the address the client reached us by, in any letter case of the path', async () => {
    for (const url of [
      '/Autodiscover/Autodiscover.xml',
      '/autodiscover/autodiscover.xml',
      '/AutoDiscover/AutoDiscover.XML',
    ]) {
      const response = await post(ask('Kari@demo.example'), { host: 'sync.example:8443' }, url);
      expect(response.statusCode).toBe(200);
      expect(response.headers['content-type']).toContain('text/xml');
      expect(response.body).toContain('<Url>http://sync.example:8443/Microsoft-Server-ActiveSync</Url>');
      expect(response.body).toContain('<EMailAddress>kari@demo.example</EMailAddress>');
    }
    const proxied = await post(ask('kn'), { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'sync.example' });
    expect(proxied.body).toContain('<Url>https://sync.example/Microsoft-Server-ActiveSync</Url>');
  });

  it('asks everyone to sign in first', async () => {
    const response = await shell.app.inject({ method: 'POST', url: '/autodiscover/autodiscover.xml', payload: '' });
    expect(response.statusCode).toBe(401);
    expect(response.headers['www-authenticate']).toMatch(/^Basic /);
  });

  it('answers what it cannot serve with the errors of the protocol', async () => {
    expect((await post(ask('kari@demo.example', 'outlook'))).body).toContain('<ErrorCode>601</ErrorCode>');
    expect((await post(ask('somebody@demo.example'))).body).toContain('<Status>2</Status>');
    for (const text of [
      '',
      '<',
      '<a/>',
      'x'.repeat(1_000),
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      '<a>'.repeat(3_000),
    ]) {
      const response = await post(text);
      expect([text.slice(0, 20), response.statusCode]).toEqual([text.slice(0, 20), 200]);
      expect(response.body).toContain('<ErrorCode>600</ErrorCode>');
    }
    expect((await post('x'.repeat(20_000))).statusCode).toBe(413);
  });
});

describe('the log of requests', () => {
  it('names nobody and holds no secret', () => {
    const text = shell.logged.join('');
    expect(text).toContain('"msg":"admin"');
    expect(text).not.toMatch(/kari@demo|office-secret|test-token|Bearer|Basic/i);
  });
});
