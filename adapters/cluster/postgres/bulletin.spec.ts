import type pg from 'pg';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import { createPool } from '../../postgres/pool.ts';
import type { Bulletin } from '../bulletin.port.ts';
import { bulletinContract } from '../contract.ts';
import { type PostgresBulletinOptions, postgresBulletin } from './bulletin.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

let names = 0;

/** A node whose connection can be told from others by its name. */
async function node(options: Partial<PostgresBulletinOptions> = {}) {
  const name = `bulletin ${++names}`;
  const connection = { ...database.connection, application_name: name } as pg.ClientConfig;
  const bulletin = await postgresBulletin({ connection, onError: () => {}, ...options });
  return { name, bulletin };
}

const kill = (name: string) =>
  database.pool.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
    `${name} (bulletin)`,
  ]);

bulletinContract('PostgreSQL', async () => {
  const namesOf = new Map<Bulletin, string>();
  return {
    async join(onError) {
      const { name, bulletin } = await node(onError ? { onError } : {});
      namesOf.set(bulletin, name);
      return bulletin;
    },
    async cutOff(bulletin) {
      // It comes back by itself soon after its connection was ended.
      await kill(namesOf.get(bulletin) as string);
      return async () => {};
    },
    close: async () => {},
  };
});

describe('a bulletin on PostgreSQL', () => {
  it('posts nothing while nobody listens, from the moment that is sure', async () => {
    const alone = await node({ aloneAfterMs: 0, beatMs: 20 });
    await vi.waitFor(() => expect(alone.bulletin.isAlone()).toBe(true));
    const witness = database.openPool({ max: 1 });
    const before = await xids(witness);
    for (let at = 0; at < 50; at++) alone.bulletin.post('commits', `${at}`, 'nobody hears this');
    await alone.bulletin.close();
    expect(await xids(witness)).toBe(before);
    await witness.end();
  });

  it('listens with the settings of a pool that was given a URL', async () => {
    const pool = createPool({ connection: database.url, applicationName: 'by a URL', onError: () => {} });
    const errors: unknown[] = [];
    const bulletin = await postgresBulletin({ connection: pool.options, onError: (error) => errors.push(error) });
    const { rows } = await pool.query<{ name: string }>(
      `select application_name as name from pg_stat_activity where application_name like 'by a URL%' order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['by a URL', 'by a URL (bulletin)']);
    expect(errors).toEqual([]);
    await bulletin.close();
    await pool.end();
  });

  it('notices another that comes at once, and that one is gone, however it ended', async () => {
    const a = await node({ aloneAfterMs: 300, beatMs: 20 });
    await vi.waitFor(() => expect(a.bulletin.isAlone()).toBe(true));
    const b = await node({ aloneAfterMs: 300, beatMs: 60_000 });
    expect(b.bulletin.isAlone()).toBe(false);
    await vi.waitFor(() => expect(a.bulletin.isAlone()).toBe(false));
    await b.bulletin.close();
    await vi.waitFor(() => expect(a.bulletin.isAlone()).toBe(true));
    await a.bulletin.close();
  });

  it('is not alone while others are known to live, although nobody hears them', async () => {
    let live = false;
    const { bulletin } = await node({ aloneAfterMs: 0, othersLive: () => live });
    await vi.waitFor(() => expect(bulletin.isAlone()).toBe(true));
    live = true;
    expect(bulletin.isAlone()).toBe(false);
    await bulletin.close();
  });

  it('does not reach the nodes of another schema of the same database', async () => {
    await database.pool.query('create schema another');
    const options = `-c search_path=another`;
    const connection = { ...database.connection, options } as pg.ClientConfig;
    const [a, b] = [await node(), await node()];
    const stranger = await node({ connection, aloneAfterMs: 0 });
    const heard: string[] = [];
    stranger.bulletin.heard.subscribe(({ text }) => heard.push(text));
    const told = new Promise((resolve) => b.bulletin.heard.subscribe(resolve));
    a.bulletin.post('commits', 'one', 'one 1');
    await told;
    expect(heard).toEqual([]);
    expect(stranger.bulletin.isAlone()).toBe(true);
    for (const { bulletin } of [a, b, stranger]) await bulletin.close();
  });

  it('reports each loss and each failed try, and goes on trying', async () => {
    const errors: unknown[] = [];
    const { bulletin, name } = await node({ onError: (error) => errors.push(error) });
    const back = new Promise<void>((resolve) => bulletin.gaps.subscribe(resolve));
    await kill(name);
    await back;
    expect(errors.length).toBeGreaterThan(0);
    await bulletin.close();

    const nowhere = { ...database.connection, port: 1, host: '127.0.0.1' } as pg.ClientConfig;
    const failures: unknown[] = [];
    const lost = await node({ connection: nowhere, onError: (error) => failures.push(error) });
    await vi.waitFor(() => expect(failures.length).toBeGreaterThan(2), { timeout: 5_000 });
    expect(lost.bulletin.isAlone()).toBe(false);
    lost.bulletin.post('commits', 'one', 'one 1');
    await lost.bulletin.close();
  });
});

/** Rises with every transaction that wrote or told anything. */
async function xids(pool: FreshDatabase['pool']): Promise<string> {
  const { rows } = await pool.query<{ next: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as next');
  return (rows[0] as { next: string }).next;
}
