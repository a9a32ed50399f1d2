/** The event logs that can be reached from here, opened to be measured side by side. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { postgresBulletin } from '../../../adapters/cluster/postgres/bulletin.ts';
import { parseAddress } from '../../../adapters/event-log/eventstoredb/address.ts';
import { eventStoreLog } from '../../../adapters/event-log/eventstoredb/log.ts';
import { followOthers } from '../../../adapters/event-log/followed.ts';
import { memoryEventLog } from '../../../adapters/event-log/memory.ts';
import type { EventLog } from '../../../adapters/event-log/port.ts';
import { postgresEventLog, postgresHeads } from '../../../adapters/event-log/postgres/log.ts';
import { startEmbeddedPostgres } from '../../../adapters/postgres/embedded.ts';
import { migrate } from '../../../adapters/postgres/migrate.ts';
import { createPool, type Pool } from '../../../adapters/postgres/pool.ts';
import { allMigrations } from '../../../api/catalogue.ts';
import type { TenantId } from '../../../domain/shared/ids.ts';

export interface Subject {
  readonly name: string;
  readonly log: EventLog;
  /** Opens another node on the same log, where a log tells of other nodes. */
  readonly second: (() => Promise<EventLog>) | undefined;
  /** For read models alone: all have theirs in PostgreSQL. */
  readonly views: Pool;
  readonly tenant: (name: string) => TenantId;
}

export interface Subjects {
  readonly all: readonly Subject[];
  /** What was reached, in words. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/** The one that the others are compared with. */
export const measure = 'PostgreSQL';

/** On `DATABASE_URL` where that is set, in databases of its own; else on an embedded PostgreSQL of its own. */
export async function openSubjects(env: NodeJS.ProcessEnv): Promise<Subjects> {
  const run = randomBytes(4).toString('hex');
  const closings: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closing of closings.reverse()) await closing();
  };
  try {
    const server = await openServer(env.DATABASE_URL, closings);
    const database = async (name: string): Promise<Pool> => {
      const pool = await server.database(`mobilesync_bench_${run}_${name}`);
      await migrate(pool, allMigrations());
      return pool;
    };
    const opened = <Opened extends { close(): Promise<void> }>(one: Opened): Opened => {
      closings.push(() => one.close());
      return one;
    };
    const tenant = (name: string) => `${name}-${run}.example` as TenantId;
    const postgres = await database('postgres');
    const node = async (): Promise<EventLog> => {
      const bulletin = opened(
        await postgresBulletin({ connection: postgres.options as pg.ClientConfig, onError: tell }),
      );
      const heads = (tenants: readonly TenantId[]) => postgresHeads(postgres, tenants);
      return opened(await followOthers(postgresEventLog({ pool: postgres }), { bulletin, heads, onError: tell }));
    };
    const all: Subject[] = [
      { name: 'memory', log: opened(memoryEventLog()), second: undefined, views: await database('memory'), tenant },
      { name: measure, log: await node(), second: node, views: postgres, tenant },
    ];
    const notes = [`PostgreSQL: ${server.name}`];
    if (env.EVENTSTORE_URL) {
      const address = parseAddress(env.EVENTSTORE_URL);
      const node = async (): Promise<EventLog> =>
        opened(await eventStoreLog({ address, prefix: `bench${run}`, onError: tell }));
      all.push({ name: 'EventStoreDB', log: await node(), second: node, views: await database('eventstore'), tenant });
      notes.push(`EventStoreDB: EVENTSTORE_URL; what was written stays there, in streams that begin with bench${run}`);
    } else notes.push('EventStoreDB: none; EVENTSTORE_URL names one');
    return { all, notes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const tell = (error: unknown): void => console.error((error as Error).message);

async function openServer(url: string | undefined, closings: (() => Promise<unknown>)[]) {
  if (url) {
    const administer = async (statement: string): Promise<void> => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query(statement).finally(() => client.end());
    };
    const database = async (name: string): Promise<Pool> => {
      await administer(`create database ${name}`);
      const named = new URL(url);
      named.pathname = `/${name}`;
      const pool = poolOn(named.href);
      closings.push(async () => {
        await pool.end();
        await administer(`drop database ${name} with (force)`);
      });
      return pool;
    };
    return { name: `DATABASE_URL, ${new URL(url).host}`, database };
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-bench-'));
  closings.push(() => rm(directory, { recursive: true, force: true }));
  const dataDir = path.join(directory, 'data');
  await mkdir(dataDir);
  const embedded = await startEmbeddedPostgres({ dataDir });
  closings.push(() => embedded.stop());
  const administer = poolOn({ ...embedded.connection, database: 'postgres' });
  closings.push(() => administer.end());
  const database = async (name: string): Promise<Pool> => {
    await administer.query(`create database ${name}`);
    const pool = poolOn({ ...embedded.connection, database: name });
    closings.push(() => pool.end());
    return pool;
  };
  return { name: 'embedded, by a socket, fsync on', database };
}

function poolOn(connection: string | pg.ClientConfig): Pool {
  return createPool({ connection, applicationName: 'bench', statementTimeoutMs: 120_000, onError: tell });
}
