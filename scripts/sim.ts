/** `npm run sim`: seeded worlds until one breaks a promise. Outside the test runner, for long runs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../adapters/postgres/embedded.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import { createPool, type Pool } from '../adapters/postgres/pool.ts';
import { allMigrations } from '../api/catalogue.ts';
import { simulate } from '../test/simulator/simulation.ts';

const help = `Usage: npm run sim [-- --seeds N] [--seed S] [--steps N]

Runs people with several phones and an office through seeded worlds: lost answers, repeats, parallel requests, old
backups. Each world must come to rest with every promise kept. Stops at the first that does not, says how to repeat
it, and ends with exit code 1.

  --seeds N  how many worlds; 200, or 1 when --seed is told
  --seed S   the first world; 1
  --steps N  steps in each world; 60`;

const progressEveryMs = 2_000;

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly steps: number;
}

class UsageError extends Error {}

/** Undefined when help was asked for. @throws UsageError */
function readOptions(args: readonly string[]): Options | undefined {
  const number = { type: 'string' } as const;
  let values: { help?: boolean; seeds?: string; seed?: string; steps?: string };
  try {
    const options = { help: { type: 'boolean', short: 'h' }, seeds: number, seed: number, steps: number } as const;
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message} --help tells more.`);
  }
  if (values.help) return undefined;
  const read = (name: 'seeds' | 'seed' | 'steps', initial: number): number => {
    const text = values[name];
    if (text === undefined) return initial;
    if (!/^[1-9]\d{0,8}$/.test(text))
      throw new UsageError(`--${name} must be a whole number from 1, but is "${text}".`);
    return Number(text);
  };
  const first = read('seed', 1);
  return { first, seeds: read('seeds', values.seed === undefined ? 200 : 1), steps: read('steps', 60) };
}

async function run({ first, seeds, steps }: Options): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-sim-'));
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: path.join(directory, 'data'), durable: false });
    const pool = createPool({
      connection: postgres.connection,
      applicationName: 'mobilesync sim',
      onError: (error) => console.error(error.message),
    });
    try {
      await migrate(pool, allMigrations());
      return await runSeeds(pool, { first, seeds, steps });
    } finally {
      await pool.end();
      await postgres.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runSeeds(pool: Pool, { first, seeds, steps }: Options): Promise<number> {
  const startedMs = performance.now();
  let toldMs = startedMs;
  let events = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const wrong: string[] = [];
    try {
      const outcome = await simulate(pool, seed, steps);
      events += outcome.events;
      wrong.push(...outcome.wrong);
    } catch (error) {
      wrong.push((error as Error).stack ?? String(error));
    }
    if (wrong.length > 0) {
      for (const line of wrong.slice(0, 20)) console.error(line);
      console.error(`seed ${seed} breaks a promise; repeat it with: npm run sim -- --seed ${seed} --steps ${steps}`);
      return 1;
    }
    if (performance.now() - toldMs > progressEveryMs) {
      toldMs = performance.now();
      const done = seed - first + 1;
      const perSecond = (done / ((toldMs - startedMs) / 1_000)).toFixed(1);
      console.log(`${done} of ${seeds} worlds, ${events} events, ${perSecond} worlds a second`);
    }
  }
  console.log(`${seeds} worlds kept every promise; ${events} events`);
  return 0;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options) process.exitCode = await run(options);
  else console.log(help);
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
