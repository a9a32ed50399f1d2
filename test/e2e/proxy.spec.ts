/** The proxy as it is deployed, before two nodes on one database: what phones reach, and what they notice of an end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OfficeSimulator, startOfficeSimulator } from '../../adapters/office-24sevenoffice/simulator/start.ts';
import { EasClient, HttpError } from '../eas-client/client.ts';
import { type PingAnswer, ping } from '../eas-client/commands/ping.ts';
import { type HttpAnswer, NoAnswer, Transport } from '../eas-client/transport.ts';
import { freePorts } from '../free-ports.ts';
import { freshDatabase } from '../postgres.ts';
import { hasProxy, ReverseProxy } from '../proxy.ts';
import { adminToken, ServerProcess } from '../server-process.ts';
import { Random } from '../simulator/random.ts';
import { everything, KillPhone } from './kill-phone.ts';

const hint = 'needs haproxy and openssl: apt-get install haproxy openssl';
const isPresent = hasProxy();
if (!isPresent && process.env.CI === 'true') it(hint, () => expect.unreachable(hint));

const users = ['kari@demo.example', 'ola@demo.example', 'user1@demo.example', 'user2@demo.example'] as const;
const [kari] = users;
const names = ['node-a', 'node-b'] as const;
type Name = (typeof names)[number];

describe.skipIf(!isPresent)(isPresent ? 'the proxy' : `SKIPPED, ${hint}`, { timeout: 120_000 }, () => {
  let directory: string;
  let databaseUrl: string;
  let office: OfficeSimulator;
  let proxy: ReverseProxy;
  let transport: Transport;
  const ports = new Map<Name, number>();
  const nodes = new Map<Name, ServerProcess>();

  async function startNode(name: Name): Promise<void> {
    const env = {
      ...{ DATABASE_URL: databaseUrl, MASTER_KEY: Buffer.alloc(32, 7).toString('base64') },
      ...{ DEMO: 'true', DEMO_USERS: '2', OFFICE_URL: office.url, PORT: String(ports.get(name)) },
    };
    nodes.set(name, await ServerProcess.start({ dataDir: path.join(directory, name), env }));
  }

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-proxy-'));
    ({ url: databaseUrl } = await freshDatabase());
    office = await startOfficeSimulator({ nowMs: Date.now });
    office.addEmptyPeople(2);
    const free = await freePorts(2);
    names.forEach((name, index) => void ports.set(name, free[index]!));
    await Promise.all(names.map(startNode));
    proxy = await ReverseProxy.start(path.join(directory, 'proxy'), [`127.0.0.1:${free[0]}`, `127.0.0.1:${free[1]}`]);
    transport = new Transport({ url: proxy.url, connections: 32, insecure: true });
  }, 120_000);

  afterAll(async () => {
    await transport?.close();
    await proxy?.stop();
    await Promise.all([...nodes.values()].map((node) => node.stop()));
    await office?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const authorization = `Basic ${Buffer.from(`${kari}:demo`).toString('base64')}`;
  const ask = (
    method: 'GET' | 'POST' | 'OPTIONS',
    where: string,
    headers: Record<string, string> = {},
    body?: string,
  ) => transport.send({ method, path: where, headers: { host: 'sync.example', ...headers }, body, timeoutMs: 10_000 });
  const clientOf = (user: string, deviceId: string) => new EasClient({ transport, user, password: 'demo', deviceId });
  /** Nodes that answered requests of which the line of the log says this, in the order of the answers. */
  const answeredBy = (what: RegExp, since: number) =>
    proxy.log.slice(since).flatMap((line) => (what.test(line) ? (/server=(\S+)/.exec(line)?.[1] ?? []) : []));

  it('lets phones reach ActiveSync and Autodiscover, whatever the case, and nothing else', async () => {
    const offered = await ask('OPTIONS', '/Microsoft-Server-ActiveSync', { authorization });
    expect(offered.status).toBe(200);
    expect(offered.headers['ms-asprotocolversions']).toContain('14.1');
    expect((await ask('OPTIONS', '/microsoft-server-activesync', { authorization })).status).toBe(200);
    expect((await ask('POST', '/Microsoft-Server-ActiveSync?Cmd=FolderSync')).status).toBe(401);
    expect((await ask('POST', '/autodiscover/autodiscover.xml')).status).toBe(401);
    const inside = ['/', '/admin/accounts', '/health/ready', '/health/live', '/metrics', '/up', '/%61dmin/accounts'];
    for (const where of [...inside, '/Microsoft-Server-ActiveSync/../admin/accounts']) {
      const { status, body } = await ask('GET', where, { authorization: `Bearer ${adminToken}` });
      expect([where, status, body.toString()]).toEqual([where, 404, 'There is nothing here.']);
    }
  });

  it('lets operators reach administration at a door of their own, with the token, and no phone there', async () => {
    const at = async (where: string, token?: string) => {
      const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
      return (await fetch(proxy.adminUrl + where, { headers })).status;
    };
    expect(await at(`/admin/accounts/${kari}`, adminToken)).toBe(200);
    expect(await at(`/admin/accounts/${kari}`, 'another')).toBe(401);
    expect(await at('/health/ready')).toBe(200);
    expect(await at('/metrics', adminToken)).toBe(200);
    expect(await at('/Microsoft-Server-ActiveSync', adminToken)).toBe(404);
    expect(await at('/administration', adminToken)).toBe(404);
  });

  it('speaks TLS 1.2 or later, says so for the future, and sends plain HTTP there', async () => {
    const { headers } = await ask('GET', '/');
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    const plain = await fetch(`${proxy.plainUrl}/Autodiscover/Autodiscover.xml`, { redirect: 'manual' });
    expect(plain.status).toBe(308);
    expect(plain.headers.get('location')).toMatch(/^https:/);
    const offers = async (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      new Promise((resolve) => {
        const { hostname, port } = new URL(proxy.url);
        const versions = { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
        const socket = connect(Number(port), hostname, { rejectUnauthorized: false, ...versions });
        socket.once('secureConnect', () => resolve(socket.getProtocol()));
        socket.once('error', () => resolve('refused'));
        socket.once('close', () => resolve('refused'));
        socket.once('secureConnect', () => socket.destroy());
      });
    expect(await offers('TLSv1.1')).toBe('refused');
    expect(await offers('TLSv1.2')).toBe('TLSv1.2');
    expect(await offers('TLSv1.3')).toBe('TLSv1.3');
  });

  it('says itself who asks and how, whatever a phone claims', async () => {
    const body =
      '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"><Request>' +
      `<EMailAddress>${kari}</EMailAddress><AcceptableResponseSchema>` +
      'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006' +
      '</AcceptableResponseSchema></Request></Autodiscover>';
    const claims = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.example', 'content-type': 'text/xml' };
    const answer = await ask('POST', '/Autodiscover/Autodiscover.xml', { authorization, ...claims }, body);
    expect(answer.body.toString()).toContain('<Url>https://sync.example/Microsoft-Server-ActiveSync</Url>');
  });

  it('refuses what is too large before a node must read it', async () => {
    const since = proxy.log.length;
    const headers = { authorization, 'content-length': String(8 * 1024 * 1024 + 1) };
    const refused = await new Promise<string>((resolve, reject) => {
      const { hostname: host, port } = new URL(proxy.url);
      const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(
          `POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1\r\nhost: sync.example\r\n${lines.join('')}\r\n`,
        );
      });
      socket.once('data', (chunk) => {
        resolve(String(chunk));
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(refused).toMatch(/^HTTP\/1\.1 413 /);
    await expect.poll(() => proxy.log.slice(since).some((line) => / 413 server=<NOSRV>/.test(line))).toBe(true);
  });

  it('brings all devices of a person to one node, people to both, and names nobody in its log', async () => {
    const since = proxy.log.length;
    const people = Array.from({ length: 24 }, (_, index) => `somebody${index}@demo.example`);
    for (const user of people) {
      const ofDevices = proxy.log.length;
      for (const device of ['one', 'two'])
        await clientOf(user, device)
          .options()
          .catch(() => undefined);
      await expect.poll(() => answeredBy(/OPTIONS/, ofDevices).length).toBe(2);
      const [first, second] = answeredBy(/OPTIONS/, ofDevices);
      expect(second).toBe(first);
    }
    expect(new Set(answeredBy(/OPTIONS/, since))).toEqual(new Set(names));
    expect(proxy.log.join('\n')).not.toMatch(/demo\.example|DeviceId|Basic|kill/i);
  });

  /** A Ping that waits: the proxy does not answer it while other requests of the phone are answered. */
  async function parked(
    user: string,
    deviceId: string,
    signal?: AbortSignal,
  ): Promise<{ at: Name; answer: Promise<PingAnswer | Error> }> {
    const client = clientOf(user, deviceId);
    const { folders } = await everything(client);
    const since = proxy.log.length;
    const watched = folders.filter(({ type }) => type === 9).map(({ id }) => ({ id, class: 'Contacts' }));
    const answer = ping(client, { heartbeatSeconds: 300, folders: watched, signal }).catch((error: Error) => error);
    for (let look = 0; look < 2; look++) await client.options();
    await expect.poll(() => answeredBy(/OPTIONS/, since).length).toBe(2);
    return { at: answeredBy(/OPTIONS/, since)[0] as Name, answer };
  }

  it('frees the place of a parked phone that went away', async () => {
    const away = new AbortController();
    const { answer } = await parked(kari, 'parked0', away.signal);
    const since = proxy.log.length;
    away.abort();
    await answer;
    // C: the phone ended it; H: while the node was still to answer.
    await expect.poll(() => proxy.log.slice(since).some((line) => /POST .* ended=CH/.test(line))).toBe(true);
  });

  it('lets a node that stops answer its parked phones itself, and serves on without it', async () => {
    const waiting = await parked(kari, 'parked1');
    const running = nodes.get(waiting.at)!;
    const stopped = running.stop();
    const answer = await waiting.answer;
    expect(['nothing', 'changes', 'status']).toContain((answer as PingAnswer).kind);
    await stopped;
    const since = proxy.log.length;
    await clientOf(kari, 'parked1').options();
    await expect.poll(() => answeredBy(/OPTIONS/, since)).toEqual(names.filter((name) => name !== waiting.at));
    await startNode(waiting.at);
    // It gets its own people back.
    await expect.poll(async () => (await parkedNode()) === waiting.at, { timeout: 15_000, interval: 250 }).toBe(true);
  });

  async function parkedNode(): Promise<string | undefined> {
    const since = proxy.log.length;
    await clientOf(kari, 'parked1').options();
    await expect.poll(() => answeredBy(/OPTIONS/, since).length).toBe(1);
    return answeredBy(/OPTIONS/, since)[0];
  }

  it('tells a parked phone at once when its node is killed, and the phone parks at the other', async () => {
    const waiting = await parked(kari, 'parked2');
    await nodes.get(waiting.at)!.kill();
    // 502, or a cut connection where it was used before: either way the phone knows that it must ask again.
    expect(await waiting.answer).toSatisfy(isOfAnEndedNode);
    const again = await parked(kari, 'parked2');
    expect(again.at).not.toBe(waiting.at);
    await startNode(waiting.at);
    void again.answer;
  });

  it('loses nothing of phones under load while each node is killed in turn', async () => {
    const phones = users.flatMap((user, person) =>
      [1, 2].map((nth) => new KillPhone(user, `kill${person}${nth}`, new Random(person * 2 + nth))),
    );
    for (const phone of phones) {
      phone.connect(transport);
      await phone.setUp();
    }
    let isOver = false;
    let failure: unknown;
    let troubled = 0;
    const run = async (phone: KillPhone) => {
      while (!isOver) {
        await phone.step().catch((error: unknown) => {
          if (!isOfAnEndedNode(error)) throw error;
          troubled += 1;
        });
      }
    };
    const loops = phones.map((phone) =>
      run(phone).catch((error) => {
        failure = error;
      }),
    );
    const answered = () => phones.reduce((sum, phone) => sum + phone.answered, 0);
    const some = async (more: number) => {
      const target = answered() + more;
      const reached = () => failure !== undefined || answered() > target;
      await expect.poll(reached, { timeout: 30_000, interval: 5 }).toBe(true);
    };
    for (const name of names) {
      await some(30);
      await nodes.get(name)!.kill();
      await some(30);
      await startNode(name);
    }
    isOver = true;
    await Promise.all(loops);
    expect(failure).toBeUndefined();
    for (const phone of phones) while (phone.hasUnanswered) await phone.settle();
    expect(phones.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(troubled).toBeLessThan(phones.length * 10);
    for (const user of users) {
      const { items } = await everything(clientOf(user, 'killfresh'));
      const ours = items.filter(({ name }) => /^kill\d+n\d+$/.test(name)).sort(byName);
      const promised = phones
        .filter((phone) => phone.user === user)
        .flatMap((phone) => phone.items.filter(({ deleted }) => !deleted))
        .map(({ name, jobTitle, serverId, collection }) => ({ name, jobTitle, serverId, collection }))
        .sort(byName);
      expect(promised.length).toBeGreaterThan(10);
      expect(ours).toEqual(promised);
    }
  });

  it('answers 503 and when to come again while no node serves, and is not up', async () => {
    await Promise.all(names.map((name) => nodes.get(name)!.stop()));
    await expect.poll(() => proxy.isUp(), { timeout: 10_000 }).toBe(false);
    const answer: HttpAnswer = await ask('OPTIONS', '/Microsoft-Server-ActiveSync', { authorization });
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '10']);
  });
});

/** What a phone meets when the node ended that had its request. */
function isOfAnEndedNode(error: unknown): boolean {
  return error instanceof HttpError ? error.status === 502 : error instanceof NoAnswer && error.reason === 'cut';
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
