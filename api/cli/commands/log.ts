/** The commands that work on the database itself, also while no server runs. */
import type { CliCommand, CliInput } from '../command.ts';
import { runMigrate } from '../migrate.ts';
import { runRebuild } from '../rebuild.ts';
import { runVerify } from '../verify.ts';

export const verifyCommand: CliCommand = {
  name: 'verify',
  usage: '[<tenant>…]',
  summary: 'Proves the event log and names every event that does not hold',
  positionals: { min: 0, max: 1_000 },
  run: ({ env, print }, { positionals }) => runVerify(env, positionals, print),
};

export const rebuildCommand: CliCommand = {
  name: 'rebuild',
  usage: '<projection>… | --all [--dry-run]',
  summary: 'Makes read models anew from the log, compares them and puts them in place',
  options: { all: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
  positionals: { min: 0, max: 1_000 },
  run: ({ env, print }, input) => runRebuild(env, argumentsOf(input), print),
};

export const migrateCommand: CliCommand = {
  name: 'migrate',
  usage: '',
  summary: 'Brings the database to the present schema',
  run: ({ env, print }) => runMigrate(env, print),
};

/** As they were typed, for programs that read their own. */
function argumentsOf({ positionals, values }: CliInput): string[] {
  return [...Object.entries(values).flatMap(([name, value]) => (value === true ? [`--${name}`] : [])), ...positionals];
}
