/** A restored log is believed when it holds by its chains and by the anchors made up to its end. */
import type { Manifest } from '../../adapters/backup/manifest.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { isMasterOf, postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal, standingAt } from '../../adapters/event-log/anchors/anchor.ts';
import type { AnchorPlace } from '../../adapters/event-log/anchors/port.ts';
import { anchorTable } from '../../adapters/event-log/anchors/table.ts';
import type { LogCensus } from '../../adapters/event-log/census.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { ConfigError } from '../config.ts';
import { derivedSecret } from '../master-key.ts';
import { LogProof } from '../services/log-proof.ts';
import type { Print } from './command-line.ts';

export interface ProofOptions {
  readonly log: EventLog;
  readonly census: LogCensus;
  /** In base64. */
  readonly master: string;
  /** With the positions up to which the log was brought back. */
  readonly tenants: Manifest['tenants'];
  readonly files: AnchorPlace;
  readonly force: boolean;
  readonly print: Print;
}

/**
 * @param pool of the one connection whose transaction brought the log back; it is the caller's to give up.
 * @throws ConfigError when the restored log does not hold.
 */
export async function mustHold(pool: Pool, options: ProofOptions): Promise<void> {
  const { log, census, master, tenants, files, force, print } = options;
  const owner = masterKeyFromBase64(master);
  if ((await isMasterOf(pool, owner)) === false)
    throw new ConfigError('It was sealed under another master key: give the one it had.');
  const seal = new AnchorSeal(derivedSecret(master, 'anchors'));
  const heads = new Map(tenants.map(({ tenant, position }) => [tenant as TenantId, position]));
  const table = anchorTable(pool);
  const place: AnchorPlace = {
    ...table,
    async read(tenant) {
      const kept = [await table.read(tenant), await files.read(tenant)];
      // What was anchored after the backup speaks of events that are given up now.
      return standingAt(
        kept.map((anchors) => anchors.filter((one) => seal.isOurs(one))),
        heads.get(tenant) ?? 0,
      );
    },
  };
  const proof = new LogProof({
    ...{ log, census, places: [place], seal },
    keys: keyRing({ table: postgresKeyTable({ pool }), master: owner }),
  });
  let findings = 0;
  for await (const line of proof.verify([...heads.keys()])) {
    if (line.kind === 'finding') print(`${line.finding.tenant}: ${line.text}`);
    if (line.kind === 'done') findings = line.findings;
  }
  if (findings > 0 && !force)
    throw new ConfigError(`The log of it does not hold (${findings} findings): nothing was restored.`);
}
