/** The data directory as operators meet it. */
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { type Config, ConfigError } from './config.ts';

type Needs = Pick<Config, 'dataDir' | 'databaseUrl' | 'masterKey' | 'adminToken' | 'demo' | 'officeUrl'>;

/** Makes the directory unless nothing would be kept there. @throws ConfigError when it cannot be made or written to. */
export async function usableDataDir(config: Needs): Promise<void> {
  const { dataDir, databaseUrl, masterKey, adminToken, demo, officeUrl } = config;
  const hasOwnOffice = demo && officeUrl === undefined;
  if (databaseUrl !== undefined && masterKey !== undefined && adminToken !== undefined && !hasOwnOffice) return;
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(`DATA_DIR cannot be used: ${(error as Error).message}.`);
  }
}
