import { beforeAll } from 'vitest';
import { freshDatabase } from '../../test/postgres.ts';
import { migrate } from '../postgres/migrate.ts';
import { migrations } from '../postgres/migrations/index.ts';
import type { Pool } from '../postgres/pool.ts';
import { blobContract } from './contract.ts';
import { blobsMigration } from './migration.ts';
import { PostgresBlobStore } from './postgres.ts';

let pool: Pool;

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  await migrate(pool, [...new Set([...migrations, blobsMigration])]);
});

blobContract('PostgreSQL', async () => {
  await pool.query('truncate blobs');
  return {
    store: new PostgresBlobStore(pool),
    corrupt: async (tenant, hash) => {
      await pool.query(`update blobs set bytes = bytes || 'X' where tenant = $1 and hash = $2`, [tenant, hash]);
    },
  };
});
