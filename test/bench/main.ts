/** `npm run bench`: measures the real server, in a process of its own, with phones in this one. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Result } from './measure.ts';
import { machineLine, resultText } from './report.ts';
import { crawl } from './scenarios/crawl.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { firstSync } from './scenarios/first-sync.ts';
import { logScenario as log } from './scenarios/log.ts';
import { noChange } from './scenarios/no-change.ts';
import { rebuildScenario as rebuild } from './scenarios/rebuild.ts';
import { replicaScenario as replica } from './scenarios/replica.ts';
import type { Scenario, Settings } from './scenarios/scenario.ts';
import { setUp, setUpDemo } from './scenarios/set-up.ts';
import { throughput, throughputOffice } from './scenarios/throughput.ts';
import { Stage } from './stage.ts';

const onServer: readonly Scenario[] = [
  setUp,
  setUpDemo,
  firstSync,
  noChange,
  throughput,
  throughputOffice,
  crawl,
  fanOut,
];
const names = [...onServer.map(({ name }) => name), 'rebuild', 'log', 'replica'];

const signals = ['SIGINT', 'SIGTERM'] as const;

const usage = `Usage: npm run bench -- [options] [scenario …]

Scenarios: ${names.join(', ')}; all unless some are named.

  --quick         small counts, to try it out; the figures mean little
  --parked N      Pings at once; default: 10000, or 200 with --quick
  --json FILE     the results as JSON
  --profile DIR   a CPU profile of the server for each scenario
  --keep          leave the data directories where they are
  --help

log asks every event log that can be reached the same, in turns: in memory, PostgreSQL (an embedded one, or the one of
DATABASE_URL, in databases of its own that it drops) and EventStoreDB where EVENTSTORE_URL names one. replica
measures what it costs to wait for a standby in another data centre.

A full run takes about ten minutes and wants the machine for itself.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      parked: { type: 'string' },
      profile: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown) throw new Error(`there is no scenario ${unknown}; there are ${names.join(', ')}`);
  const wanted = new Set(positionals.length > 0 ? positionals : names);

  const { quick, keep, profile } = values;
  const parked = Number(values.parked ?? (quick ? 200 : 10_000));
  if (!Number.isInteger(parked) || parked < 1) throw new Error('--parked must be a whole number from 1 on');
  const settings = { quick, keep, profile, parked };

  const machine = await machineLine();
  console.log(`${machine}\n`);
  const results: Result[] = [];
  const failures: string[] = [];
  const attempt = async (name: string, run: () => AsyncIterable<Result>): Promise<void> => {
    if (!wanted.has(name)) return;
    try {
      for await (const result of run()) {
        results.push(result);
        console.log(`${resultText(result)}\n`);
      }
    } catch (error) {
      failures.push(name);
      console.error(`${name} failed: ${(error as Error).stack}\n`);
    }
  };
  for (const scenario of onServer) await attempt(scenario.name, () => onFreshServer(scenario, settings));
  await attempt('rebuild', () => rebuild(values));
  await attempt('log', () => log(values));
  await attempt('replica', () => replica(values));

  if (values.json) await writeFile(values.json, `${JSON.stringify({ machine, results, failures }, undefined, 2)}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

/** Each scenario has a server of its own: none is measured on what another left behind. */
async function* onFreshServer(
  scenario: Scenario,
  { keep, profile, ...settings }: Settings & { keep: boolean; profile?: string },
): AsyncGenerator<Result> {
  const opening = Stage.open({
    users: scenario.users(settings),
    office: scenario.office,
    exactRows: !settings.quick,
    profileDir: profile && path.resolve(profile, scenario.name),
    keep,
  });
  // A bench that is given up leaves no server and no database behind.
  const giveUp = (): void => {
    opening
      .then((opened) => opened.close())
      .then(
        () => process.exit(130),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
  };
  for (const signal of signals) process.once(signal, giveUp);
  let stage: Stage | undefined;
  try {
    stage = await opening;
    yield* scenario.run(stage, settings);
  } finally {
    for (const signal of signals) process.off(signal, giveUp);
    await stage?.close();
  }
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}
