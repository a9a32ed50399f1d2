/** The application on a log in memory and read models in a database of its own: for specs of what HTTP promises. */
import type { FastifyInstance } from 'fastify';
import { Kysely, PostgresDialect } from 'kysely';
import { Registry } from 'prom-client';
import { systemClock } from '../adapters/clock.ts';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKey } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import type { EventStore } from '../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../adapters/event-log/event-store.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import { createLogger } from '../adapters/log/logger.ts';
import { argon2PasswordCheck, hashPassword } from '../adapters/passwords/argon2.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { buildApp } from '../api/app.ts';
import type { AppDeps } from '../api/deps.ts';
import { Accounts } from '../api/services/accounts.ts';
import { Devices } from '../api/services/devices.ts';
import { Directory } from '../api/services/directory.ts';
import { createSignIn } from '../api/services/sign-in.ts';
import { accountEvents } from '../domain/account/events.ts';
import { deviceEvents } from '../domain/device/events.ts';
import { folderEvents } from '../domain/folder/events.ts';
import type { TenantId } from '../domain/shared/ids.ts';
import { type EventDefinitions, eventRegistry } from '../domain/shared/upcast.ts';
import { accountsView } from '../projections/accounts/project.ts';
import { AccountsReader } from '../projections/accounts/read.ts';
import { devicesView } from '../projections/devices/project.ts';
import { DevicesReader } from '../projections/devices/read.ts';
import { foldersView } from '../projections/folders/project.ts';
import { checkpointMigration } from '../projections/runner/checkpoints.ts';
import { ProjectionRunner } from '../projections/runner/runner.ts';
import { freshDatabase } from './postgres.ts';

export interface TestShell {
  readonly app: FastifyInstance;
  readonly store: EventStore;
  readonly accounts: Accounts;
  readonly devices: Devices;
  readonly directory: Directory;
  readonly logged: string[];
  close(): Promise<void>;
}

export const testToken = 'test-token';

/** `extra` gives or replaces what the application needs; `events` are further types the store knows. */
export async function startTestShell(
  extra: Partial<AppDeps> = {},
  events: readonly EventDefinitions[] = [],
): Promise<TestShell> {
  const { pool } = await freshDatabase();
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  const registry = eventRegistry(accountEvents, deviceEvents, folderEvents, ...events);
  const store = createEventStore({ log: memoryEventLog(), keys, clock: systemClock.instant, events: registry });
  const projections = [accountsView(), devicesView(), foldersView()];
  const known = new Set(migrations.map(({ name }) => name));
  const views = [checkpointMigration, ...projections.flatMap((projection) => projection.migrations)];
  await migrate(pool, [...migrations, ...views.filter(({ name }) => !known.has(name))]);

  const failures: unknown[] = [];
  const runner = new ProjectionRunner({ db, store, projections, onError: (error) => failures.push(error) });
  await runner.start();
  const settled = async (tenant: TenantId) => {
    const reached = await runner.waitFor(tenant, await store.head(tenant), 10_000);
    if (!reached || failures.length > 0) throw new Error('a projection failed', { cause: failures[0] });
  };
  const reader = new AccountsReader(db);
  const clock = systemClock;
  const directory = new Directory({ store, reader, projected: runner.projected });
  const accounts = new Accounts({
    store,
    directory,
    reader,
    keys,
    clock,
    hashPassword,
    settled,
    defaultTimeZone: 'Europe/Oslo',
  });
  const devices = new Devices({ store, directory, reader: new DevicesReader(db), clock, settled });
  const logged: string[] = [];
  const app = await buildApp({
    logger: createLogger('debug', { write: (line) => void logged.push(line) }),
    adminToken: testToken,
    metrics: new Registry(),
    accounts,
    devices,
    signIn: createSignIn({ directory, passwords: argon2PasswordCheck(), clock }),
    store,
    ready: { checks: {} },
    officeSystems: ['24sevenoffice'],
    ...extra,
  });
  return {
    app,
    store,
    accounts,
    devices,
    directory,
    logged,
    async close() {
      await app.close();
      await runner.stop();
      directory.close();
    },
  };
}
