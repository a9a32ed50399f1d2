/**
 * `npm run simulator`: the office simulator as a process of its own, for trying out several nodes, which then see one
 * office: `OFFICE_URL` tells them where it is. The demo of a single server starts the same one itself.
 */
import path from 'node:path';
import { systemClock } from '../adapters/clock.ts';
import { type OfficeSimulator, startOfficeSimulator } from '../adapters/office-24sevenoffice/simulator/start.ts';
import { runAsProcess } from './cli/command-line.ts';
import { type Config, ConfigError, readConfig } from './config.ts';

const help = [
  'Usage: npm run simulator',
  '',
  'A simulated 24SevenOffice, for trying out: people and data of the demo, kept below DATA_DIR. It asks nobody on its',
  'screens who they are, so let only our own nodes reach it. They find it by OFFICE_URL.',
  '',
  'Environment variables, their defaults and their meaning:',
  '',
  '  HOST        127.0.0.1  where HTTP listens',
  '  PORT        8090       where HTTP listens; 0 takes a free one',
  '  DATA_DIR    .data      its records are kept in office/ below it',
  '  DEMO_USERS  0          more demo people, as many as the nodes have',
];

/** The office of the demo, which knows as many people as the demo has. Default of host and port: loopback, any. */
export async function startDemoOffice(
  { dataDir, demoUsers }: Pick<Config, 'dataDir' | 'demoUsers'>,
  where: { readonly host?: string; readonly port?: number } = {},
): Promise<OfficeSimulator> {
  const directory = path.join(dataDir, 'office');
  // The vendor's hourly quota is for one company of ordinary size, not for a load test.
  const quotaPerHour = demoUsers > 0 ? null : undefined;
  const simulator = await startOfficeSimulator({ nowMs: systemClock.nowMs, directory, quotaPerHour, ...where });
  simulator.addEmptyPeople(demoUsers);
  return simulator;
}

/** Serves until SIGTERM or SIGINT. Answers with the exit code. @throws ConfigError */
async function runSimulator(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    for (const line of help) console.log(line);
    return 0;
  }
  const config = readConfig({ ...env, PORT: env.PORT?.trim() || '8090' });
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  const simulator = await startDemoOffice(config, config).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new ConfigError(`PORT ${config.port} is in use already; choose another.`);
    throw error;
  });
  console.log(`ready ${simulator.url}`);
  await stopped;
  await simulator.close();
  return 0;
}

if (import.meta.main) await runAsProcess((env) => runSimulator(env, process.argv.slice(2)));
