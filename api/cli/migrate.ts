/** `npm run migrate`: brings the database to the present schema and ends. Also beside a running server. */
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { allMigrations } from '../catalogue.ts';
import {
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';

const help = [
  'Usage: npm run migrate',
  '',
  'Brings the database to the present schema and says which steps ran. npm start does the same; this is for those who',
  'want it done before.',
  '',
  ...environmentHelp,
];

/** Answers with the exit code. @throws ConfigError */
export async function runMigrate(env: CliEnvironment, print: Print, args: readonly string[] = []): Promise<number> {
  const { values } = parseOptions(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help) {
    for (const line of help) print(line);
    return 0;
  }
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: dataDirOf(env),
    applicationName: 'mobilesync migrate',
    isShared: true,
    // Building an index over a long log takes its time.
    statementTimeoutMs: 0,
    log: print,
  });
  try {
    const done = await migrate(database.pool, allMigrations());
    for (const name of done) print(`ran ${name}`);
    print(done.length === 0 ? 'the schema is up to date' : `${done.length} migrations ran`);
    return 0;
  } finally {
    await database.close();
  }
}

if (import.meta.main) await runAsProcess((env) => runMigrate(env, console.log, process.argv.slice(2)));
