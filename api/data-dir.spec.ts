import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { usableDataDir } from './data-dir.ts';

const elsewhere = { databaseUrl: 'postgres://h/d', masterKey: 'key', adminToken: 'token', officeUrl: undefined };

it('is needed for what is kept in it, and for nothing where all of it is kept elsewhere', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-data-dir-'));
  try {
    // As on a container's read-only disk: nothing can be made below a file.
    const file = path.join(directory, 'file');
    await writeFile(file, '');
    const dataDir = path.join(file, 'data');
    await usableDataDir({ ...elsewhere, dataDir, demo: false });
    await usableDataDir({ ...elsewhere, dataDir, demo: true, officeUrl: 'http://simulator:8090' });
    for (const kept of [
      { demo: true },
      { databaseUrl: undefined },
      { masterKey: undefined },
      { adminToken: undefined },
    ]) {
      const config = { ...elsewhere, dataDir, demo: false, ...kept };
      await expect(usableDataDir(config)).rejects.toThrow(/^DATA_DIR cannot be used: ENOTDIR/);
    }
    const made = path.join(directory, 'new', 'data');
    await usableDataDir({ ...elsewhere, dataDir: made, demo: true });
    expect(existsSync(made)).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
