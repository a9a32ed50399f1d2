/** The database the operator chose: `DATABASE_URL`, or the embedded one below `DATA_DIR`. */
import { startEmbeddedPostgres } from './embedded.ts';
import { createPool, type Pool } from './pool.ts';

export interface ConnectOptions {
  readonly databaseUrl?: string;
  /** Used only without `databaseUrl`. */
  readonly dataDir: string;
  readonly applicationName: string;
  readonly max?: number;
  readonly statementTimeoutMs?: number;
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
  const { databaseUrl, dataDir, applicationName, max, statementTimeoutMs, log } = options;
  const embedded = databaseUrl ? undefined : await startEmbeddedPostgres({ dataDir, log });
  const pool = createPool({
    connection: databaseUrl ?? embedded!.connection,
    applicationName,
    max,
    statementTimeoutMs,
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
