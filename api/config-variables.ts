/** The environment variables: their defaults, what they mean and what they must be. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { defaultGuardLimits } from '../adapters/activesync/guard/limits.ts';
import { logLevels } from '../adapters/log/logger.ts';
import { defaultMassDeleteLimits } from '../domain/sync/held-back.ts';

export interface Variable {
  readonly name: string;
  /** Its value where none is given. */
  readonly initial: string | undefined;
  /** Of that value, for `--help`. */
  readonly shown: string;
  readonly meaning: string;
  readonly must: string;
  readonly schema: z.ZodType<string>;
  readonly isSecret?: boolean;
}

const wholeNumber = (min: number, max: number) =>
  z.string().refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max);
const isUrlOf = (protocols: readonly string[], text: string) =>
  URL.canParse(text) && protocols.includes(new URL(text).protocol);
const urlOf = (...protocols: string[]) => z.string().refine((text) => isUrlOf(protocols, text));
/** With several hosts in place of the one: `esdb://user:password@a:2113,b:2113?tls=true`. */
const clusterUrlOf = (...protocols: string[]) =>
  z.string().refine((text) => isUrlOf(protocols, text.replace(/^([^/]+\/\/[^,/?]+)(?:,[\w.:-]+)*/, '$1')));
const isBase64Of32 = (text: string) =>
  /^[A-Za-z0-9+/_-]{43}=?$/.test(text) && Buffer.from(text, 'base64').length === 32;

const isAddressOrNetwork = (text: string) => {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return text === 'loopback';
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
};

const variable = (
  name: string,
  initial: string | undefined,
  meaning: string,
  must: string,
  schema: z.ZodType<string>,
  more: { shown?: string; isSecret?: boolean } = {},
): Variable => ({ name, initial, meaning, must, schema, shown: initial ?? 'unset', ...more });

/** In the order in which `--help` shows them. */
export const variables: readonly Variable[] = [
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
  variable(
    'TRUSTED_PROXIES',
    'loopback',
    'addresses or networks whose X-Forwarded-For and -Proto are believed, with commas',
    'be IP addresses, networks such as 172.30.1.0/24, or loopback, with commas between them',
    z.string().refine((text) => text.split(',').every((one) => isAddressOrNetwork(one.trim()))),
  ),
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
    clusterUrlOf('esdb:', 'esdb+discover:', 'kurrentdb:', 'kurrentdb+discover:'),
    { isSecret: true },
  ),
  variable(
    'EVENTSTORE_PREFIX',
    'mobilesync',
    'what the names of its streams begin with: one store may hold the logs of several installations',
    'be small letters and digits, a letter first, 41 at most',
    z.string().regex(/^[a-z][a-z0-9]{0,40}$/),
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
    'OFFICE_URL',
    undefined,
    'a simulated office that runs elsewhere, for trying out (npm run simulator); with DEMO none is started here',
    'be an http:// URL',
    urlOf('http:'),
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
