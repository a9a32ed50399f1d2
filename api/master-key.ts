/** The master key as operators meet it. */
import path from 'node:path';
import type { MasterKey } from '../adapters/crypto/master-key.ts';
import { isMasterOf } from '../adapters/crypto/postgres/table.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import { ConfigError } from './config.ts';

/** Where the key is kept that `MASTER_KEY` does not give. */
export const masterKeyFile = (dataDir: string): string => path.join(dataDir, 'master.key');

/**
 * `source` names the key in the sentence: `MASTER_KEY`, or its file.
 * @throws ConfigError when what is in the database was sealed under another master key: nothing of it could be read.
 */
export async function mustBeMasterOf(pool: Pool, master: MasterKey, source: string): Promise<void> {
  if ((await isMasterOf(pool, master)) !== false) return;
  throw new ConfigError(`${source} is not the master key this database was sealed with; give the one it had.`);
}
