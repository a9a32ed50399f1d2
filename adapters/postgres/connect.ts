/** The database the operator chose: `DATABASE_URL`, or the embedded one below `DATA_DIR`. */
import { runningEmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';
import { createPool, type Pool } from './pool.ts';

export interface ConnectOptions {
  readonly databaseUrl?: string;
  /** Used only without `databaseUrl`. */
  readonly dataDir: string;
  readonly applicationName: string;
  readonly max?: number;
  readonly statementTimeoutMs?: number;
  /** The database refuses every statement that would change something. */
  readonly isReadOnly?: boolean;
  /** Of every session, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A standby is not taken for the database. */
  readonly mustBePrimary?: boolean;
  /** Work beside the process that serves from the data directory, when there is one. */
  readonly isShared?: boolean;
  /** Told what happens to the server and its connections; nothing in it is secret or personal. */
  readonly log: (message: string) => void;
}

export interface Database {
  readonly pool: Pool;
  /** Ends the pool, and the embedded server where it is ours. */
  close(): Promise<void>;
}

/** @throws DataDirInUse when another process serves from the data directory. */
export async function connectDatabase(options: ConnectOptions): Promise<Database> {
  const {
    databaseUrl,
    dataDir,
    applicationName,
    max,
    statementTimeoutMs,
    isReadOnly,
    mustBePrimary,
    settings,
    isShared,
    log,
  } = options;
  const running = databaseUrl || !isShared ? undefined : await runningEmbeddedPostgres(dataDir);
  const embedded = databaseUrl || running ? undefined : await startEmbeddedPostgres({ dataDir, log });
  const pool = createPool({
    connection: databaseUrl ?? running ?? embedded!.connection,
    applicationName,
    max,
    statementTimeoutMs,
    isReadOnly,
    settings,
    mustBePrimary,
    onError: (error) => log(`an idle database connection failed: ${error.message}`),
  });
  return {
    pool,
    async close() {
      await pool.end();
      await embedded?.stop();
    },
  };
}
