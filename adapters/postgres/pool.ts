/** Connections to PostgreSQL as every adapter and projection wants them. */
import pg from 'pg';
import { IsStandby } from './away.ts';

export type Pool = pg.Pool;

export interface PoolOptions {
  /** A `DATABASE_URL`, or the parts of one. */
  readonly connection: string | pg.ClientConfig;
  readonly applicationName: string;
  /** Connections at most; 10 unless told. */
  readonly max?: number;
  readonly statementTimeoutMs?: number;
  /** The database refuses every statement that would change something. */
  readonly isReadOnly?: boolean;
  /** Of every session, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A standby is not taken for the database: a connection to one fails with `IsStandby`. */
  readonly mustBePrimary?: boolean;
  /** Told of errors on idle connections; the pool replaces them by itself. */
  readonly onError: (error: Error) => void;
}

const int8 = 20;
// pg-types knows a parser for it and leaves it out of its list of names.
const int8Array: number = 1016;

/**
 * bigint comes as a number: our counters stay far below 2^53.
 * @throws RangeError when one does not.
 */
function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint from the database exceeds 2^53');
  return value;
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === int8) return safeInteger;
    if (oid === int8Array) {
      const parse = pg.types.getTypeParser(oid, 'text') as (text: string) => string[];
      return (text: string) => parse(text).map(safeInteger);
    }
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/** So much longer than a statement may take do we wait for the answer of a server that is perhaps gone. */
const graceMs = 5_000;

/** A pool whose sessions speak UTC and whose statements and idle transactions end by themselves. */
export function createPool(options: PoolOptions): pg.Pool {
  const connection =
    typeof options.connection === 'string' ? { connectionString: options.connection } : options.connection;
  const settings = {
    timezone: 'UTC',
    datestyle: 'ISO',
    ...(options.isReadOnly ? { default_transaction_read_only: 'on' } : {}),
    ...options.settings,
  };
  const pool = new pg.Pool({
    ...connection,
    application_name: options.applicationName,
    max: options.max ?? 10,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 10_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    // A machine that lost its power closes no connection.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: 30_000,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    types,
    ...(options.mustBePrimary ? { onConnect: refuseStandby } : {}),
  });
  const waitMs = waitingMs(pool);
  if (waitMs !== undefined) limitWaiting(pool, waitMs);
  pool.on('error', options.onError);
  // Also while it is in use: its statement fails by itself, and nobody else listens to the connection.
  pool.on('connect', (client) => client.on('error', options.onError));
  return pool;
}

async function refuseStandby(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query('select pg_is_in_recovery() as "isStandby"');
  if (rows[0].isStandby) throw new IsStandby('the database is a standby, which takes no changes');
}

/** How long the answer to one statement is waited for; undefined when it may take as long as it likes. */
export function waitingMs({ options }: pg.Pool): number | undefined {
  const { statement_timeout: timeoutMs } = options;
  return typeof timeoutMs === 'number' && timeoutMs > 0 ? timeoutMs + graceMs : undefined;
}

/** Of statements that are not part of a transaction: those may allow themselves more time. */
function limitWaiting(pool: pg.Pool, timeoutMs: number): void {
  const query = pool.query.bind(pool) as (config: object, values?: unknown) => unknown;
  pool.query = ((config: string | object, values?: unknown) =>
    query(
      { ...(typeof config === 'string' ? { text: config } : config), query_timeout: timeoutMs },
      values,
    )) as typeof pool.query;
}
