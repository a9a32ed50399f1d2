/** The master key as operators meet it. */
import { hkdfSync } from 'node:crypto';
import path from 'node:path';
import { ConfigError } from './config.ts';

/** Where the key is kept that `MASTER_KEY` does not give. */
export const masterKeyFile = (dataDir: string): string => path.join(dataDir, 'master.key');

/**
 * `isMaster` is what the database said of the key; undefined while it holds nothing to try a key on. `given` is the
 * value of `MASTER_KEY`.
 * @throws ConfigError for another key: nothing in the database could be read.
 */
export function mustBeMaster(isMaster: boolean | undefined, given: string | undefined, dataDir: string): void {
  if (isMaster !== false) return;
  const source = given === undefined ? masterKeyFile(dataDir) : 'MASTER_KEY';
  throw new ConfigError(`${source} is not the master key this database was sealed with; give the one it had.`);
}

/** A secret of our own for one purpose, 32 bytes, the same after every restart. `masterKey` is in base64. */
export function derivedSecret(masterKey: string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', Buffer.from(masterKey, 'base64'), '', `mobilesync ${purpose}`, 32));
}
