/** The server's end of the network: its certificate, its address, and its end. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { type Config, ConfigError } from './config.ts';

/** Undefined without TLS. @throws ConfigError for files that cannot be read or do not belong together. */
export async function readTls(config: Config): Promise<{ cert: string; key: string } | undefined> {
  if (!config.tls) return undefined;
  const read = async (name: string, file: string) => {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      throw new ConfigError(`${name} names a file that cannot be read: ${(error as Error).message}.`);
    }
  };
  const tls = { cert: await read('TLS_CERT', config.tls.certFile), key: await read('TLS_KEY', config.tls.keyFile) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new ConfigError(`TLS_CERT and TLS_KEY must be a PEM certificate and its key: ${(error as Error).message}.`);
  }
  return tls;
}

/** Phones come back all at once after an outage; Node's 511 would turn most of them away. The kernel may hold fewer. */
const backlogMax = 4_096;

/** Answers with the base URL. @throws ConfigError for an address that cannot be listened on. */
export async function listen(app: FastifyInstance, config: Config): Promise<string> {
  try {
    await app.listen({ host: config.host, port: config.port, backlog: backlogMax });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new ConfigError(`PORT ${config.port} is in use already; choose another.`);
    if (code === 'EACCES') throw new ConfigError(`PORT ${config.port} may not be used by this user; choose another.`);
    if (code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL') {
      throw new ConfigError(`HOST ${config.host} is no address of this machine.`);
    }
    throw error;
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `${config.tls ? 'https' : 'http'}://${host}:${port}`;
}

/** Running requests get most of the time there is; then their connections are cut. */
export async function closeApp(app: FastifyInstance, withinMs = 2_500): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), withinMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
