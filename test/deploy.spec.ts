/** What docker-compose.yml gives its containers, made and read by the programs that make and read it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedFiles, readComposition, root } from './compose.ts';
import { proxyConfiguration } from './proxy.ts';

const compose = readComposition();
const services = Object.entries(compose.services);
const at = (name: string) => path.join(root, name);
const text = (name: string) => readFileSync(at(name), 'utf8');
const isInstalled = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-deploy-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('secrets', () => {
  it('are made once, strong, each in a file that a container can read and nobody else reaches', () => {
    const env = { PATH: process.env.PATH, SECRETS_DIR: path.join(directory, 'secrets') };
    const make = () => execFileSync(at('deploy/make-secrets.sh'), ['sync.example'], { env, encoding: 'utf8' });
    expect(make()).toContain('made master_key');
    const read = () =>
      Object.fromEntries(
        readdirSync(env.SECRETS_DIR).map((name) => [name, readFileSync(path.join(env.SECRETS_DIR, name), 'utf8')]),
      );
    const made = read();
    expect(make()).not.toContain('made ');
    expect(read()).toEqual(made);
    expect(statSync(env.SECRETS_DIR).mode & 0o777).toBe(0o700);
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(file).toBe(`./deploy/secrets/${name}`);
      expect(made, name).toHaveProperty([name]);
      expect(statSync(path.join(env.SECRETS_DIR, name)).mode & 0o777).toBe(0o444);
    }
    const values = Object.entries(made).filter(([name]) => /_password$|_token$/.test(name));
    for (const [, value] of values) expect(value).toMatch(/^[\da-f]{64}\n$/);
    expect(new Set(values.map(([, value]) => value)).size).toBe(values.length);
    expect(text('.gitignore').split('\n')).toContain('deploy/secrets/');
    expect(text('.dockerignore').split('\n')).toContain('*');
  });
});

describe('certificates', () => {
  const servers = ['eventstore-1', 'eventstore-2', 'eventstore-3', 'postgres'];
  const make = (tls: string, own = '/nonexistent') => {
    const OWNERS = servers.map((server) => `${server}=${process.getuid!()}`).join(' ');
    const env = { PATH: process.env.PATH, TLS: tls, OWN: own, OWNERS };
    return spawnSync('sh', [at('deploy/certificates/make.sh')], { env, encoding: 'utf8' });
  };
  const isPresent = isInstalled('openssl');

  it('are written where those find them who need them', () => {
    const { volumes } = compose.services.certificates!;
    const mounted = volumes.map((one) => one.split(':')).filter(([, target]) => target!.startsWith('/tls/'));
    expect(mounted.map(([, target]) => target!.slice('/tls/'.length)).sort()).toEqual(
      ['authority', 'public', ...servers].sort(),
    );
    for (const [name, { volumes: theirs }] of services) {
      const tls = theirs.filter((one) => one.startsWith('tls-'));
      if (name !== 'certificates') for (const one of tls) expect(one, name).toMatch(/:ro$/);
      // The authority's key is nobody's else.
      expect(
        tls.some((one) => one.startsWith('tls-authority:')),
        name,
      ).toBe(name === 'certificates');
    }
  });

  it.skipIf(!isPresent)(
    'are signed by one authority, bear the names of their servers, and are made once',
    () => {
      const tls = path.join(directory, 'tls');
      expect(make(tls)).toMatchObject({ status: 0, stderr: '' });
      const files = () =>
        servers.flatMap((server) =>
          ['node.crt', 'node.key'].map((name) => readFileSync(path.join(tls, server, name), 'utf8')),
        );
      const before = files();
      for (const server of servers) {
        const certificate = path.join(tls, server, 'node.crt');
        const verify = ['verify', '-CAfile', path.join(tls, 'public/ca.crt'), '-verify_hostname', server, certificate];
        expect(spawnSync('openssl', verify, { encoding: 'utf8' }).stdout).toContain('OK');
        expect(statSync(path.join(tls, server, 'node.key')).mode & 0o777).toBe(0o400);
      }
      const again = make(tls);
      expect([again.status, again.stdout.match(/kept/g)?.length]).toEqual([0, servers.length + 1]);
      expect(files()).toEqual(before);
    },
    60_000,
  );

  it.skipIf(!isPresent)(
    "can be the operator's own, and are refused where they do not fit",
    async () => {
      const [made, own, taken, wrong] = ['made', 'own', 'taken', 'wrong'].map((name) => path.join(directory, name));
      make(made!);
      execFileSync('sh', [
        ...['-c', 'mkdir "$2" && cp "$1"/public/ca.crt "$2"/ && for s in $3; do cp "$1"/$s/node.crt "$2"/$s.crt; done'],
        ...['sh', made!, own!, servers.join(' ')],
      ]);
      expect(make(taken!, own)).toMatchObject({
        status: 1,
        stderr: `certificates: ${own} has a ca.crt, but not both eventstore-1.crt and eventstore-1.key\n`,
      });
      for (const server of servers) {
        await writeFile(path.join(own!, `${server}.key`), readFileSync(path.join(made!, server, 'node.key')));
      }
      expect(make(taken!, own)).toMatchObject({ status: 0, stderr: '' });
      expect(readFileSync(path.join(taken!, 'public/ca.crt'), 'utf8')).toBe(
        readFileSync(path.join(own!, 'ca.crt'), 'utf8'),
      );
      await writeFile(path.join(own!, 'postgres.key'), readFileSync(path.join(made!, 'eventstore-1/node.key')));
      expect(make(wrong!, own).stderr).toBe('certificates: the key of postgres is not that of its certificate\n');
    },
    60_000,
  );
});

describe('the user of our nodes in EventStoreDB', () => {
  it('is made by a program that says what it lacks, and nothing of a secret', async () => {
    const secret = path.join(directory, 'url');
    const run = (env: Record<string, string>) =>
      spawnSync(process.execPath, [at('deploy/eventstoredb/set-up.ts')], {
        env: { PATH: process.env.PATH, ...env },
        encoding: 'utf8',
      });
    expect(run({})).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^EVENTSTORE_URL_FILE is missing: .*\.\n$/),
    });
    await writeFile(secret, 'esdb://mobilesync:hush@eventstore-1:2113?tls=true');
    const halfSaid = run({ EVENTSTORE_URL_FILE: secret });
    expect(halfSaid).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/must have a user, a password and tlsCaFile\.\n$/),
    });
    await writeFile(secret, 'esdb://mobilesync:hush@eventstore-1:2113?tls=true&tlsCaFile=/tls/ca.crt');
    const withoutAdmin = run({ EVENTSTORE_URL_FILE: secret });
    expect(withoutAdmin).toMatchObject({ status: 1, stderr: expect.stringMatching(/^ADMIN_PASSWORD_FILE is missing/) });
    expect(halfSaid.stderr + withoutAdmin.stderr).not.toContain('hush');
  }, 60_000);
});

describe('every file that a container is given', () => {
  it('is read by what reads it: shells', () => {
    const scripts = deployedFiles().filter((name) => name.endsWith('.sh'));
    expect(scripts.length).toBeGreaterThanOrEqual(4);
    for (const name of scripts) {
      expect(text(name), name).toMatch(/^#!\/bin\/sh\n/);
      for (const shell of ['sh', 'bash']) {
        if (isInstalled(shell) || shell === 'sh') expect(spawnSync(shell, ['-n', at(name)]).status, name).toBe(0);
      }
      // What is started by its name must be allowed to.
      expect(statSync(at(name)).mode & 0o111, name).not.toBe(0);
    }
  });

  it.skipIf(!isInstalled('haproxy'))('is read by what reads it: HAProxy', async () => {
    const pem = path.join(directory, 'secrets/proxy.pem');
    execFileSync(at('deploy/make-secrets.sh'), { env: { PATH: process.env.PATH, SECRETS_DIR: path.dirname(pem) } });
    const env = { PATH: process.env.PATH, ...compose.services.proxy!.environment, CERTIFICATE: pem };
    const checked = spawnSync('haproxy', ['-c', '-f', proxyConfiguration], { env, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0 });
    // Names of containers are none here; anything else would be worth a look.
    const warnings = checked.stderr
      .split('\n')
      .filter((line) => /WARNING|ALERT/.test(line) && !/could not resolve/.test(line));
    expect(warnings).toEqual([]);
  });

  it.skipIf(!isInstalled('doveconf'))('is read by what reads it: Dovecot', () => {
    const read = spawnSync('doveconf', ['-n', '-c', at('deploy/dovecot/dovecot.conf')], { encoding: 'utf8' });
    expect(read).toMatchObject({ status: 0, stderr: '' });
    expect(read.stdout).toContain('passwd-file');
  });

  it('is read by what reads it: PostgreSQL, which lets nobody in without TLS and a password', () => {
    for (const line of text('deploy/postgres/postgresql.conf').split('\n')) {
      expect(line).toMatch(/^(#.*|[a-z_]+ = ('[^']*'|\w+)( +#.*)?)?$/);
    }
    const rules = text('deploy/postgres/pg_hba.conf')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/\s+/));
    expect(rules).toEqual([
      ['local', 'all', 'postgres', 'peer'],
      ['hostssl', 'mobilesync', 'mobilesync', 'all', 'scram-sha-256'],
    ]);
  });
});
