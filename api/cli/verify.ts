/** `npm run verify [-- <tenant>…]`: proves the event log against its hash chains and names what does not hold. Reads only. */
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { streamEnds } from '../../adapters/event-log/postgres/stream-ends.ts';
import { verifyTenant } from '../../adapters/event-log/verify.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { ConfigError } from '../config.ts';
import {
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  mustExist,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';

const help = [
  'Usage: npm run verify [-- <tenant>…]',
  '',
  'Proves the event log against its hash chains, tenant by tenant, and names every event that does not hold. Reads',
  'only, also beside a running server. Exit code 0 when all holds, 1 when something was found.',
  '',
  ...environmentHelp,
];

/** Answers with the exit code: 0 when all holds, 1 when something was found. @throws ConfigError */
export async function runVerify(env: CliEnvironment, args: readonly string[], print: Print): Promise<number> {
  const { values, positionals: tenants } = parseOptions(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help) {
    for (const line of help) print(line);
    return 0;
  }
  await mustExist(env);
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: dataDirOf(env),
    applicationName: 'mobilesync verify',
    isShared: true,
    max: 2,
    log: print,
  });
  const log = postgresEventLog({ pool: database.pool });
  try {
    const known = (await log.tenants()).map(({ tenant }) => tenant);
    const stranger = tenants.find((tenant) => !known.includes(tenant as TenantId));
    if (stranger !== undefined) throw new ConfigError(`There are no events of a tenant ${stranger}.`);
    const all = tenants.length > 0 ? known.filter((tenant) => tenants.includes(tenant)) : known;
    let findings = 0;
    for (const tenant of all) {
      let told = 0;
      const report = await verifyTenant(tenant, {
        log,
        streamEnds: (one) => streamEnds(database.pool, one),
        onFinding: ({ kind, stream, revision, position }) => {
          const at = position === undefined ? '' : ` at position ${position}`;
          print(`${tenant}: ${kind}: stream ${stream} revision ${revision}${at}`);
        },
        onProgress: (events) => {
          if (events - told < 100_000) return;
          told = events;
          print(`${tenant}: ${events} events read`);
        },
      });
      findings += report.findings;
      print(`${tenant}: ${report.events} events in ${report.streams} streams, ${count(report.findings)}`);
    }
    print(findings === 0 ? 'everything holds' : count(findings));
    return findings === 0 ? 0 : 1;
  } finally {
    await log.close();
    await database.close();
  }
}

function count(findings: number): string {
  return findings === 1 ? '1 finding' : `${findings} findings`;
}

if (import.meta.main) await runAsProcess(() => runVerify(process.env, process.argv.slice(2), console.log));
