/** `npm run rebuild -- <projection>… | --all`: read models made anew from the log, compared, and put in place. */
import { type Kysely, sql } from 'kysely';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import type { AnyDatabase, Projection } from '../../projections/runner/projection.ts';
import { RebuildRefused, type RebuildReport, rebuild } from '../../projections/runner/rebuild.ts';
import { allProjections } from '../catalogue.ts';
import { ConfigError } from '../config.ts';
import { comparison, needsStoppedServer } from '../services/read-models.ts';
import {
  type CliEnvironment,
  environmentHelp,
  NotNow,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';
import { openStore } from './open-store.ts';

const help = [
  'Usage: npm run rebuild -- <projection>… | --all [--dry-run]',
  '',
  'Makes read models anew from the event log beside the live ones, in pages of 1,000 events, compares both at the same',
  'position, and puts the new ones in place. Also beside a running server, which stands still for the comparison; only',
  'writeback needs it stopped. A rebuild that was cut goes on where it was.',
  '',
  '  --dry-run  compares only; exit code 1 when something differs',
  '  --all      every read model',
  '',
  ...environmentHelp,
  '  MASTER_KEY    unless it is kept in DATA_DIR',
];

const progressEveryMs = 2_000;

/** Answers with the exit code. @throws ConfigError, NotNow */
export async function runRebuild(env: CliEnvironment, args: readonly string[], print: Print): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    help: { type: 'boolean', short: 'h' },
    all: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  });
  if (values.help) {
    for (const line of help) print(line);
    return 0;
  }
  const opened = await openStore(env, {
    ...{ applicationName: 'mobilesync rebuild', max: 6, log: print },
    // All items of a tenant come round again and again: a cache they do not fit in would be none.
    keysCachedMax: 200_000,
  });
  const { pool, keys, stored: store } = opened;
  try {
    const db = createKysely<AnyDatabase>(pool);
    const chosen = choose(allProjections(keys), positionals, values.all === true);
    const isDryRun = values['dry-run'] === true;
    let differing = 0;
    for (const projection of chosen) {
      if (!isDryRun && needsStoppedServer.has(projection.name)) await mustBeStopped(db, projection.name);
      let toldMs = performance.now();
      const report = await rebuild({
        ...{ db, store, projection, comparison, isDryRun },
        onProgress: ({ tenant, events, perSecond }) => {
          if (performance.now() - toldMs < progressEveryMs) return;
          toldMs = performance.now();
          print(`${projection.name}: ${events} events, ${perSecond} a second, at ${tenant}`);
        },
      }).catch((error: unknown) => {
        throw error instanceof RebuildRefused ? new NotNow(error.message) : error;
      });
      differing += tell(projection.name, report, print);
    }
    return isDryRun && differing > 0 ? 1 : 0;
  } finally {
    await opened.close();
  }
}

function choose(all: readonly Projection[], names: readonly string[], isAll: boolean): Projection[] {
  const known = all.map(({ name }) => name).join(', ');
  if (isAll && names.length > 0) throw new ConfigError('Name read models or say --all, not both.');
  if (!isAll && names.length === 0) throw new ConfigError(`Name a read model (${known}) or say --all.`);
  const stranger = names.find((name) => !all.some((one) => one.name === name));
  if (stranger !== undefined) throw new ConfigError(`There is no read model ${stranger}; there are ${known}.`);
  return all.filter(({ name }) => isAll || names.includes(name));
}

/** The rows that differ. */
function tell(name: string, { events, tables, isSwapped }: RebuildReport, print: Print): number {
  let differing = 0;
  for (const { table, liveRows, rows, liveHash, hash, differing: different } of tables) {
    differing += different;
    print(
      different === 0
        ? `${name}: ${table} has ${rows} rows, as the live one (${hash})`
        : `${name}: ${table} has ${rows} rows, the live one ${liveRows}; ${different} differ (${hash}, ${liveHash})`,
    );
  }
  if (tables.length === 0) print(`${name}: the live one was of another version and is not compared`);
  print(`${name}: ${events} events folded, ${isSwapped ? 'in place' : 'nothing was changed'}`);
  return differing;
}

async function mustBeStopped(db: Kysely<AnyDatabase>, name: string): Promise<void> {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and application_name = 'mobilesync' limit 1
  `.execute(db);
  if (rows.length > 0) throw new NotNow(`${name} can be rebuilt only while the server is stopped.`);
}

if (import.meta.main) await runAsProcess((env) => runRebuild(env, process.argv.slice(2), console.log));
