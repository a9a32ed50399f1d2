/** The configuration: environment variables, their defaults and what is wrong with them in one sentence. */
import path from 'node:path';
import { z } from 'zod';
import { defaultGuardLimits, type GuardLimits } from '../adapters/activesync/guard/limits.ts';
import { type LogLevel, logLevels } from '../adapters/log/logger.ts';
import { defaultMassDeleteLimits, type MassDeleteLimits } from '../domain/sync/held-back.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly dataDir: string;
  /** Where anchors of the log are kept beside the database. */
  readonly anchorDir: string;
  /** Backups below it lose the keys of what is erased. */
  readonly backupDir: string;
  readonly databaseUrl: string | undefined;
  readonly eventLog: 'postgres' | 'eventstoredb' | 'memory';
  readonly eventStoreUrl: string | undefined;
  /** 32 bytes in base64; undefined: made on the first start and kept. */
  readonly masterKey: string | undefined;
  /** Undefined: made on the first start and kept. */
  readonly adminToken: string | undefined;
  readonly pollIntervalSeconds: number;
  /** GUID that the office's vendor gives this integration. */
  readonly officeApplicationId: string;
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

interface Variable {
  readonly name: string;
  readonly initial: string | undefined;
  readonly shown: string;
  readonly meaning: string;
  readonly must: string;
  readonly schema: z.ZodType<string>;
  readonly isSecret?: boolean;
}

/** What the simulator is told. */
const nilGuid = '00000000-0000-0000-0000-000000000000';

const wholeNumber = (min: number, max: number) =>
  z.string().refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max);
const urlOf = (...protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol));
const isBase64Of32 = (text: string) =>
  /^[A-Za-z0-9+/_-]{43}=?$/.test(text) && Buffer.from(text, 'base64').length === 32;

const variable = (
  name: string,
  initial: string | undefined,
  meaning: string,
  must: string,
  schema: z.ZodType<string>,
  more: { shown?: string; isSecret?: boolean } = {},
): Variable => ({ name, initial, meaning, must, schema, shown: initial ?? 'unset', ...more });

const variables: readonly Variable[] = [
  variable(
    'HOST',
    '127.0.0.1',
    'where HTTP listens',
    'be a host name or an IP address',
    z.string().regex(/^[\w.:%-]+$/),
  ),
  variable(
    'PORT',
    '8080',
    'where HTTP listens; 0 takes a free one',
    'be a number from 0 to 65535',
    wholeNumber(0, 65_535),
  ),
  variable('TLS_CERT', undefined, 'PEM file; with TLS_KEY, HTTPS is served on PORT', 'name a file', z.string()),
  variable('TLS_KEY', undefined, 'PEM file', 'name a file', z.string()),
  variable('DATA_DIR', '.data', 'everything the embedded default keeps', 'name a directory', z.string()),
  variable(
    'ANCHOR_DIR',
    undefined,
    'anchors of the log, best on another disk; `verify` needs them',
    'name a directory',
    z.string(),
    { shown: 'DATA_DIR/anchors' },
  ),
  variable(
    'BACKUP_DIR',
    undefined,
    'backups: what is erased is taken out of those below it',
    'name a directory',
    z.string(),
    { shown: 'DATA_DIR/backups' },
  ),
  variable(
    'DATABASE_URL',
    undefined,
    'a PostgreSQL to use instead of the embedded one',
    'be a postgres:// URL',
    urlOf('postgres:', 'postgresql:'),
    { isSecret: true },
  ),
  variable(
    'EVENT_LOG',
    'postgres',
    'where events are kept: postgres, eventstoredb or memory',
    'be postgres, eventstoredb or memory',
    z.enum(['postgres', 'eventstoredb', 'memory']),
  ),
  variable(
    'EVENTSTORE_URL',
    undefined,
    'when EVENT_LOG=eventstoredb',
    'be an esdb:// URL',
    urlOf('esdb:', 'esdb+discover:', 'kurrentdb:', 'kurrentdb+discover:'),
    { isSecret: true },
  ),
  variable(
    'MASTER_KEY',
    undefined,
    '32 bytes in base64; wraps the data keys',
    'be 32 bytes in base64',
    z.string().refine(isBase64Of32),
    {
      shown: 'made on first start',
      isSecret: true,
    },
  ),
  variable('ADMIN_TOKEN', undefined, 'bearer token for /admin', 'have no spaces', z.string().regex(/^[\x21-\x7e]+$/), {
    shown: 'made on first start',
    isSecret: true,
  }),
  variable(
    'POLL_INTERVAL_SECONDS',
    '900',
    "how often an account's office data are crawled",
    'be a whole number of seconds from 1 to 604800',
    wholeNumber(1, 604_800),
  ),
  variable(
    'OFFICE_APPLICATION_ID',
    undefined,
    "GUID that the office's vendor gives this integration; sets DEMO to false unless told",
    'be a GUID',
    z.guid(),
  ),
  variable(
    'MASS_DELETE_ITEMS',
    String(defaultMassDeleteLimits.items),
    'items of a folder that a device may always delete; what is more, and more than the percentage, is held back',
    'be a whole number from 0 to 1000000',
    wholeNumber(0, 1_000_000),
  ),
  variable(
    'MASS_DELETE_PERCENT',
    String(defaultMassDeleteLimits.percent),
    'percentage of a folder that a device may always delete; 100 holds nothing back',
    'be a whole number from 0 to 100',
    wholeNumber(0, 100),
  ),
  variable(
    'MASS_DELETE_MINUTES',
    String(defaultMassDeleteLimits.withinMinutes),
    'how long what a device deleted counts for that',
    'be a whole number of minutes from 1 to 1440',
    wholeNumber(1, 1_440),
  ),
  variable(
    'REQUESTS_PER_MINUTE',
    String(defaultGuardLimits.requestsPerMinute),
    'requests of a device that bring nothing new, and ten times as many that do, before it is slowed down; 0: never',
    'be a whole number from 0 to 1000000',
    wholeNumber(0, 1_000_000),
  ),
  variable(
    'REPEATS_PER_MINUTE',
    String(defaultGuardLimits.repeatsPerMinute),
    'the same request of a device before it is slowed down; 0: never',
    'be a whole number from 0 to 1000000',
    wholeNumber(0, 1_000_000),
  ),
  variable(
    'NEW_DEVICES_PER_HOUR',
    String(defaultGuardLimits.newDevicesPerHour),
    'new devices of an account before further ones must wait; 0: never',
    'be a whole number from 0 to 1000000',
    wholeNumber(0, 1_000_000),
  ),
  variable(
    'DEMO',
    undefined,
    'starts the office simulator and the demo people',
    'be true or false',
    z.enum(['true', 'false', '1', '0']),
    { shown: 'true when no office is configured' },
  ),
  variable(
    'DEMO_USERS',
    '0',
    'more demo people: user1@demo.example …',
    'be a number from 0 to 100000',
    wholeNumber(0, 100_000),
  ),
  variable(
    'EXCHANGE_DAYS',
    '30',
    'how long is kept what devices asked and were answered, in days',
    'be a whole number of days from 1 to 3650',
    wholeNumber(1, 3_650),
  ),
  variable(
    'EXCHANGE_BODY_DAYS',
    '7',
    'how long requests and answers are kept that failed or were watched, in days',
    'be a whole number of days from 1 to 3650',
    wholeNumber(1, 3_650),
  ),
  variable('LOG_LEVEL', 'info', logLevels.join(', '), `be one of ${logLevels.join(', ')}`, z.enum(logLevels)),
];

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
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
    dataDir,
    anchorDir: path.resolve(value('ANCHOR_DIR') ?? path.join(dataDir, 'anchors')),
    backupDir: path.resolve(value('BACKUP_DIR') ?? path.join(dataDir, 'backups')),
    databaseUrl: value('DATABASE_URL'),
    eventLog,
    eventStoreUrl,
    masterKey: value('MASTER_KEY'),
    adminToken: value('ADMIN_TOKEN'),
    pollIntervalSeconds: Number(value('POLL_INTERVAL_SECONDS')),
    officeApplicationId: applicationId ?? nilGuid,
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
