import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../adapters/postgres/embedded.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { createPool } from '../adapters/postgres/pool.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `test/postgres.ts` finds the server of this run. */
    readonly postgresDir: string;
  }
}

/**
 * One PostgreSQL for the whole run, with a migrated template database. It starts beside the tests: only those that
 * ask for a database wait for it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(path.join(tmpdir(), 'mobilesync-test-'));
  // As root the server runs as another user, who has to pass through.
  await chmod(dir, 0o711);
  project.provide('postgresDir', dir);
  const started = start(dir);
  // Told to the tests by the file; thrown again below.
  started.catch(() => {});
  return async () => {
    try {
      await (await started).stop();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  };
}

async function start(dir: string) {
  try {
    const postgres = await startEmbeddedPostgres({
      dataDir: dir,
      durable: false,
      sharedBuffers: '128MB',
      maxConnections: 100,
    });
    const pool = createPool({
      connection: postgres.connection,
      applicationName: 'tests',
      onError: (error) => console.error(error),
    });
    await migrate(pool, migrations);
    await pool.end();
    await writeFile(path.join(dir, 'serves'), JSON.stringify(postgres.connection));
    return postgres;
  } catch (error) {
    await writeFile(path.join(dir, 'failed'), String((error as Error).stack));
    throw error;
  }
}
