/** A database of its own for a spec file. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { afterAll, inject } from 'vitest';
import { createPool, type Pool } from '../adapters/postgres/pool.ts';

export interface FreshDatabase {
  readonly connection: { host: string; port: number; user: string; password: string; database: string };
  /** As superuser, which the owner of an embedded server is. Ended after the spec file. */
  readonly pool: Pool;
  /** As `DATABASE_URL`, for programs started by a test. */
  readonly url: string;
  /** Another pool on the same database, for tests of reopening; the caller ends it. */
  openPool(options?: { max?: number }): Pool;
}

/** Call it in `beforeAll` or at the top of a `describe`; the database is dropped after the tests of that place. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const template = await server();
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  await administer(template, `create database ${database} template ${template.database} strategy file_copy`);
  const connection = { ...template, database };
  const openPool = ({ max = 10 } = {}): Pool =>
    createPool({ connection, max, applicationName: 'test', onError: () => {} });
  const pool = openPool();
  afterAll(async () => {
    await pool.end();
    await administer(template, `drop database ${database} with (force)`);
  });
  const { user, password, host, port } = connection;
  const url = `postgres://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
  return { connection, pool, url, openPool };
}

async function administer(template: FreshDatabase['connection'], statement: string): Promise<void> {
  const client = new pg.Client({ ...template, database: 'postgres' });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function server(): Promise<FreshDatabase['connection']> {
  const dir = inject('postgresDir');
  const read = (name: string): Promise<string | undefined> =>
    readFile(path.join(dir, name), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
  for (const deadline = Date.now() + 50_000; Date.now() < deadline; ) {
    const serves = await read('serves');
    if (serves?.endsWith('}')) return JSON.parse(serves);
    const failed = await read('failed');
    if (failed) throw new Error(`no PostgreSQL for the tests: ${failed}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the PostgreSQL for the tests did not start in time');
}
