/** `npm run verify [-- <tenant>…]`: proves the event log against its hash chains and names what does not hold. */
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import { streamEnds } from '../../adapters/event-log/postgres/stream-ends.ts';
import { verifyTenant } from '../../adapters/event-log/verify.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import type { CliEnvironment } from './migrate.ts';

/** Answers with the exit code: 0 when all holds, 1 when something was found. */
export async function runVerify(
  env: CliEnvironment,
  tenants: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const database = await connectDatabase({
    databaseUrl: env.DATABASE_URL,
    dataDir: env.DATA_DIR ?? '.data',
    applicationName: 'mobilesync verify',
    max: 2,
    log: print,
  });
  const log = postgresEventLog({ pool: database.pool });
  try {
    const all =
      tenants.length > 0 ? (tenants as readonly TenantId[]) : (await log.tenants()).map(({ tenant }) => tenant);
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

if (import.meta.main) process.exitCode = await runVerify(process.env, process.argv.slice(2), console.log);
