/** `npm run verify [-- <tenant>…]`: proves the event log by its chains and anchors, and names what does not hold. */
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { isMasterOf, postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal } from '../../adapters/event-log/anchors/anchor.ts';
import { anchorFiles } from '../../adapters/event-log/anchors/files.ts';
import { anchorTable } from '../../adapters/event-log/anchors/table.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { ConfigError } from '../config.ts';
import { derivedSecret, mustBeMaster } from '../master-key.ts';
import { LogProof } from '../services/log-proof.ts';
import {
  anchorDirOf,
  type CliEnvironment,
  dataDirOf,
  environmentHelp,
  knownMasterKey,
  mustExist,
  type Print,
  parseOptions,
  runAsProcess,
} from './command-line.ts';
import { type OpenedLog, openHomeLog } from './open-log.ts';

const help = [
  'Usage: npm run verify [-- <tenant>…]',
  '',
  'Proves the event log against its hash chains and its anchors, tenant by tenant, and names every event that does not',
  'hold. Reads only, also beside a running server. Exit code 0 when all holds, 1 when something was found.',
  '',
  'With the master key it also proves that the anchors are genuine, and tells events that were forged from those whose',
  'hashes were only computed anew.',
  '',
  ...environmentHelp,
  '  ANCHOR_DIR    anchors beside the database; DATA_DIR/anchors',
  '  MASTER_KEY    unless it is kept in DATA_DIR',
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
  let opened: OpenedLog | undefined;
  try {
    opened = await openHomeLog(env, database.pool);
    const { log, census } = opened;
    const master = await knownMasterKey(env);
    if (master === undefined) print('without the master key, anchors are not proven to be genuine');
    else mustBeMaster(await isMasterOf(database.pool, masterKeyFromBase64(master)), env.MASTER_KEY, dataDirOf(env));
    const proof = new LogProof({
      log,
      places: [anchorTable(database.pool), anchorFiles(anchorDirOf(env))],
      census,
      ...(master === undefined
        ? {}
        : {
            seal: new AnchorSeal(derivedSecret(master, 'anchors')),
            keys: keyRing({ table: postgresKeyTable(database), master: masterKeyFromBase64(master) }),
          }),
    });
    const known = await proof.tenants();
    const stranger = tenants.find((tenant) => !known.includes(tenant as TenantId));
    if (stranger !== undefined) throw new ConfigError(`There are no events of a tenant ${stranger}.`);
    const chosen = tenants.length > 0 ? known.filter((tenant) => tenants.includes(tenant)) : known;
    let findings = 0;
    for await (const line of proof.verify(chosen)) {
      if (line.kind === 'finding') print(`${line.finding.tenant}: ${line.text}`);
      if (line.kind === 'progress') print(`${line.tenant}: ${line.events} events read`);
      if (line.kind === 'tenant')
        print(`${line.tenant}: ${line.events} events in ${line.streams} streams, ${count(line.findings)}`);
      if (line.kind === 'done') findings = line.findings;
    }
    print(findings === 0 ? 'everything holds' : count(findings));
    return findings === 0 ? 0 : 1;
  } finally {
    await opened?.close();
    await database.close();
  }
}

function count(findings: number): string {
  return findings === 1 ? '1 finding' : `${findings} findings`;
}

if (import.meta.main) await runAsProcess((env) => runVerify(env, process.argv.slice(2), console.log));
