/** The commands that work on the database itself, also while no server runs. */
import type { CliCommand, CliInput } from '../command.ts';
import { runMigrate } from '../migrate.ts';
import { type Column, formatOf, printRows } from '../output.ts';
import { runRebuild } from '../rebuild.ts';
import { runVerify } from '../verify.ts';

export const verifyCommand: CliCommand = {
  name: 'verify',
  usage: '[<tenant>…]',
  summary: 'Proves the event log and its anchors, and names every event that does not hold',
  details: ['Exit code 1 when something was found. With the master key, forged anchors and events are told apart.'],
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

export const anchorCommand: CliCommand = {
  name: 'anchor',
  usage: '[<tenant>…] [--restored] [--json]',
  summary: 'Anchors what is new in the log now, in the database and beside it',
  details: [
    '  --restored  the database was brought back to an earlier point on purpose: what was anchored behind it is given up',
    '',
    'Example: npm run mobilesync -- anchor demo.example',
  ],
  options: { restored: { type: 'boolean' }, json: { type: 'boolean' } },
  positionals: { min: 0, max: 1_000 },
  async run({ admin, print }, input) {
    const { positionals, values } = input;
    const body = {
      ...(positionals.length > 0 ? { tenants: positionals } : {}),
      ...(values.restored === true ? { restored: true } : {}),
    };
    const { anchors } = await admin.post<{ anchors: Made[] }>('/anchors', body);
    printRows(print, anchors, anchorColumns, formatOf(input), 'nothing is new since the last anchors');
    return 0;
  },
};

interface Made {
  readonly tenant: string;
  readonly position: number;
  readonly count: number;
}

const anchorColumns: readonly Column<Made>[] = [
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'position', value: ({ position }) => String(position) },
  { name: 'events', value: ({ count }) => String(count) },
];

/** As they were typed, for programs that read their own. */
function argumentsOf({ positionals, values }: CliInput): string[] {
  return [...Object.entries(values).flatMap(([name, value]) => (value === true ? [`--${name}`] : [])), ...positionals];
}
