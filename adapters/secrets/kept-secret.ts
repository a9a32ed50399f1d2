/** Secrets that are made on the first start and kept in the data directory, readable by their owner alone. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

export interface KeptSecret {
  readonly value: string;
  /** True when it was made just now: the only time it may be shown. */
  readonly isNew: boolean;
}

/**
 * The secret of that name, made by `make` when there is none. Two processes that start at once agree on one, and a
 * crash leaves either the whole secret or none.
 * @throws Error when the file is there but empty.
 */
export async function keptSecret(dataDir: string, name: string, make: () => string): Promise<KeptSecret> {
  await mkdir(dataDir, { recursive: true });
  const file = path.join(dataDir, name);
  const present = await readSecret(file);
  if (present !== undefined) return { value: present, isNew: false };

  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${make()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // link() fails when the name exists, so the first of two processes wins and the other reads its secret.
    await link(draft, file);
    return { value: (await readSecret(file))!, isNew: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { value: (await readSecret(file))!, isNew: false };
  } finally {
    await rm(draft, { force: true });
  }
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '')
      throw new Error(`${file} is empty: restore it from a backup, or delete it to have a new one made.`);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const makeMasterKey = () => randomBytes(32).toString('base64');
export const makeToken = () => randomBytes(24).toString('base64url');
