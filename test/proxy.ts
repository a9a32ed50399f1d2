/** The reverse proxy as it is deployed, as a process on loopback: Debian's HAProxy with our own configuration. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';

export const proxyConfiguration = path.join(import.meta.dirname, '../deploy/proxy/haproxy.cfg');

/** Whether its program, and the one that makes its certificate, are installed. */
export const hasProxy = (): boolean => {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

export class ReverseProxy {
  readonly url: string;
  readonly plainUrl: string;
  /** For operators. */
  readonly adminUrl: string;
  /** Its container's health check asks here. */
  readonly upUrl: string;
  /** Lines of its log. */
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, [http, https, admin, up]: readonly number[]) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    this.plainUrl = `http://127.0.0.1:${http}`;
    this.url = `https://127.0.0.1:${https}`;
    this.adminUrl = `http://127.0.0.1:${admin}`;
    this.upUrl = `http://127.0.0.1:${up}/up`;
    child.stdout!.on('data', (chunk) => this.log.push(...String(chunk).split('\n').filter(Boolean)));
  }

  /** Resolves when it serves, with both nodes. @param nodes their `host:port`. @throws Error when it does not. */
  static async start(directory: string, nodes: readonly [string, string]): Promise<ReverseProxy> {
    const ports = await freePorts(4);
    const [httpBind, httpsBind, adminBind, upBind] = ports.map((port) => `127.0.0.1:${port}`);
    const env = {
      ...{ PATH: process.env.PATH, HTTP_BIND: httpBind, HTTPS_BIND: httpsBind, ADMIN_BIND: adminBind },
      ...{ UP_BIND: upBind, CERTIFICATE: await certificate(directory), NODE_A: nodes[0], NODE_B: nodes[1] },
    };
    const child = spawn('haproxy', ['-db', '-f', proxyConfiguration], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const proxy = new ReverseProxy(child, ports);
    for (const deadline = Date.now() + 10_000; ; ) {
      if (await proxy.isUp()) return proxy;
      if (child.exitCode !== null || Date.now() > deadline) throw new Error('HAProxy does not serve');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async isUp(): Promise<boolean> {
    return await fetch(this.upUrl).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

/** Signed by nobody, for this machine. */
async function certificate(directory: string): Promise<string> {
  const at = (name: string) => path.join(directory, name);
  await mkdir(directory, { recursive: true });
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', at('key'), '-out', at('certificate')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await promisify(execFile)('openssl', [...made, ...subject, ...files]);
  await writeFile(at('proxy.pem'), (await readFile(at('certificate'), 'utf8')) + (await readFile(at('key'), 'utf8')));
  return at('proxy.pem');
}
