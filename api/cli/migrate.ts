/** `npm run migrate`: brings the database to the present schema and ends. */
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';

export interface CliEnvironment {
  readonly DATABASE_URL?: string;
  readonly DATA_DIR?: string;
}

/** Answers with the exit code. @throws DataDirInUse while the server runs from the same data directory. */
export async function runMigrate(env: CliEnvironment, print: (line: string) => void): Promise<number> {
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: env.DATA_DIR ?? '.data',
    applicationName: 'mobilesync migrate',
    // Building an index over a long log takes its time.
    statementTimeoutMs: 0,
    log: print,
  });
  try {
    const done = await migrate(database.pool, migrations);
    for (const name of done) print(`ran ${name}`);
    print(done.length === 0 ? 'the schema is up to date' : `${done.length} migrations ran`);
    return 0;
  } finally {
    await database.close();
  }
}

if (import.meta.main) process.exitCode = await runMigrate(process.env, console.log);
