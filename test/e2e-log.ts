/**
 * The log under the servers and commands of a test: `E2E_EVENT_LOG=eventstoredb` with `EVENTSTORE_URL` runs the same
 * promises on EventStoreDB, each data directory with a log of its own. PostgreSQL unless told.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';

export const isOnEventStore: boolean = process.env.E2E_EVENT_LOG === 'eventstoredb';

/**
 * What a server or a command on this data directory is given: the same after a restart, another for another directory.
 * @param life distinguishes logs of one directory, where a restore needs one that nothing holds yet.
 */
export function logEnv(dataDir: string, life = 0): Record<string, string> {
  if (!isOnEventStore) return {};
  const url = process.env.EVENTSTORE_URL;
  if (!url) throw new Error('EVENTSTORE_URL is missing: E2E_EVENT_LOG=eventstoredb needs to know where the store is');
  const name = createHash('sha256')
    .update(`${path.resolve(dataDir)}\n${life}`)
    .digest('hex')
    .slice(0, 24);
  return { EVENT_LOG: 'eventstoredb', EVENTSTORE_URL: url, EVENTSTORE_PREFIX: `e2e${name}` };
}
