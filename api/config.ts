/** The configuration that the environment gives, and what is wrong with it in one sentence. */
import path from 'node:path';
import type { GuardLimits } from '../adapters/activesync/guard/limits.ts';
import type { LogLevel } from '../adapters/log/logger.ts';
import type { MassDeleteLimits } from '../domain/sync/held-back.ts';
import { variables } from './config-variables.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Addresses and networks; `loopback` is one of them. */
  readonly trustedProxies: readonly string[];
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly dataDir: string;
  /** Where anchors of the log are kept beside the database. */
  readonly anchorDir: string;
  /** Backups below it lose the keys of what is erased. */
  readonly backupDir: string;
  readonly databaseUrl: string | undefined;
  readonly eventLog: 'postgres' | 'eventstoredb' | 'memory';
  readonly eventStoreUrl: string | undefined;
  /** What the names of the log's streams in EventStoreDB begin with. */
  readonly eventStorePrefix: string;
  /** 32 bytes in base64; undefined: made on the first start and kept. */
  readonly masterKey: string | undefined;
  /** Undefined: made on the first start and kept. */
  readonly adminToken: string | undefined;
  readonly pollIntervalSeconds: number;
  /** GUID that the office's vendor gives this integration. */
  readonly officeApplicationId: string;
  /** Of a simulator that runs elsewhere; undefined: the vendor's own hosts, or the demo's simulator here. */
  readonly officeUrl: string | undefined;
  /** What a device may delete at once. */
  readonly massDeletes: MassDeleteLimits;
  /** From when on a device is slowed down. */
  readonly guard: GuardLimits;
  readonly demo: boolean;
  readonly demoUsers: number;
  /** How long it is kept what devices asked and were answered, and the bodies of odd exchanges. */
  readonly exchangeDays: number;
  readonly exchangeBodyDays: number;
  readonly logLevel: LogLevel;
}

/** A missing or wrong value. The message is the sentence for the operator; it never holds a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What the simulator is told. */
const nilGuid = '00000000-0000-0000-0000-000000000000';

/** Variables whose values must not be seen. */
export const secretNames: readonly string[] = variables.filter(({ isSecret }) => isSecret).map(({ name }) => name);

/** @throws ConfigError for the first value that is missing or wrong. An empty value is an unset one. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const value = (name: string): string | undefined => {
    const { initial, must, schema, isSecret } = variables.find((one) => one.name === name)!;
    const text = env[name]?.trim() || initial;
    if (text === undefined) return undefined;
    if (schema.safeParse(text).success) return text;
    throw new ConfigError(`${name} must ${must}${isSecret ? '' : `, but is "${text}"`}.`);
  };
  const certFile = value('TLS_CERT');
  const keyFile = value('TLS_KEY');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? 'TLS_CERT' : 'TLS_KEY';
    throw new ConfigError(`${missing} is missing: TLS needs both TLS_CERT and TLS_KEY.`);
  }
  const eventLog = value('EVENT_LOG') as Config['eventLog'];
  const eventStoreUrl = value('EVENTSTORE_URL');
  if (eventLog === 'eventstoredb' && eventStoreUrl === undefined) {
    throw new ConfigError('EVENTSTORE_URL is missing: EVENT_LOG=eventstoredb needs to know where the store is.');
  }
  const applicationId = value('OFFICE_APPLICATION_ID');
  const demo = value('DEMO') ?? String(applicationId === undefined);
  const demoUsers = Number(value('DEMO_USERS'));
  const dataDir = path.resolve(value('DATA_DIR')!);
  return {
    host: value('HOST')!,
    port: Number(value('PORT')),
    trustedProxies: value('TRUSTED_PROXIES')!
      .split(',')
      .map((one) => one.trim()),
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
    dataDir,
    anchorDir: path.resolve(value('ANCHOR_DIR') ?? path.join(dataDir, 'anchors')),
    backupDir: path.resolve(value('BACKUP_DIR') ?? path.join(dataDir, 'backups')),
    databaseUrl: value('DATABASE_URL'),
    eventLog,
    eventStoreUrl,
    eventStorePrefix: value('EVENTSTORE_PREFIX')!,
    masterKey: value('MASTER_KEY'),
    adminToken: value('ADMIN_TOKEN'),
    pollIntervalSeconds: Number(value('POLL_INTERVAL_SECONDS')),
    officeApplicationId: applicationId ?? nilGuid,
    officeUrl: value('OFFICE_URL'),
    massDeletes: {
      items: Number(value('MASS_DELETE_ITEMS')),
      percent: Number(value('MASS_DELETE_PERCENT')),
      withinMinutes: Number(value('MASS_DELETE_MINUTES')),
    },
    guard: {
      requestsPerMinute: Number(value('REQUESTS_PER_MINUTE')),
      repeatsPerMinute: Number(value('REPEATS_PER_MINUTE')),
      newDevicesPerHour: Number(value('NEW_DEVICES_PER_HOUR')),
    },
    demo: demo === 'true' || demo === '1',
    demoUsers,
    exchangeDays: Number(value('EXCHANGE_DAYS')),
    exchangeBodyDays: Number(value('EXCHANGE_BODY_DAYS')),
    logLevel: value('LOG_LEVEL') as LogLevel,
  };
}

/** The table of variables, for `--help`. */
export function helpText(): string {
  const rows = variables.map(({ name, shown, meaning }) => [name, shown, meaning] as const);
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(
    ([name, shown, meaning]) => `  ${name.padEnd(width(0))}  ${shown.padEnd(width(1))}  ${meaning}`,
  );
  const files = `In place of a secret, a file that holds it: ${secretNames.map((name) => `${name}_FILE`).join(', ')}.`;
  const title = 'Environment variables, their defaults and their meaning:';
  return ['Usage: npm start', '', title, '', ...lines, '', files, ''].join('\n');
}
