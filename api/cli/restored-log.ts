/** What a log that was brought back needs before anyone is served: anchors, words of erasures, epochs, read models. */
import { randomUUID } from 'node:crypto';
import { raiseEpochs } from '../../adapters/activesync/conversation/raise-epochs.ts';
import type { LedgerEntry } from '../../adapters/backup/ledger.ts';
import type { Manifest } from '../../adapters/backup/manifest.ts';
import { endRestore } from '../../adapters/backup/under-way.ts';
import { systemClock } from '../../adapters/clock.ts';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKeyFromBase64 } from '../../adapters/crypto/master-key.ts';
import { postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal } from '../../adapters/event-log/anchors/anchor.ts';
import { Anchors } from '../../adapters/event-log/anchors/anchors.ts';
import type { AnchorPlace } from '../../adapters/event-log/anchors/port.ts';
import { anchorTable } from '../../adapters/event-log/anchors/table.ts';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import type { Pool } from '../../adapters/postgres/pool.ts';
import { erasureStream, erasureSubject } from '../../domain/erasure/events.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import { rebuild } from '../../projections/runner/rebuild.ts';
import { allEvents, allProjections } from '../catalogue.ts';
import { derivedSecret } from '../master-key.ts';
import type { Print } from './command-line.ts';

/** What was erased; without its word where only its keys are known to be gone. */
export type Gone = Pick<LedgerEntry, 'tenant' | 'subjects' | 'at'> & Partial<Pick<LedgerEntry, 'erased' | 'why'>>;

/** From here on the restored log is the log. Done again it does no harm. */
export async function goOn(
  pool: Pool,
  options: {
    readonly log: EventLog;
    readonly master: string;
    readonly files: AnchorPlace;
    readonly tenants: Manifest['tenants'];
    readonly erased: readonly Gone[];
    readonly remark: Print;
  },
): Promise<void> {
  const { log, master, files, erased, remark } = options;
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKeyFromBase64(master), maxCached: 200_000 });
  const store = createEventStore({ log, keys, clock: systemClock.instant, events: allEvents() });
  const seal = new AnchorSeal(derivedSecret(master, 'anchors'));
  const places = [anchorTable(pool), files];
  const onError = (error: unknown) => remark(`not anchored: ${(error as Error).message}`);
  const anchors = new Anchors({ log, seal, places, clock: systemClock, onError });
  const tenants = new Set([...options.tenants.map(({ tenant }) => tenant as TenantId), ...(await files.tenants())]);
  for (const tenant of tenants) await anchors.restored(tenant);
  for (const entry of erased) if (entry.erased) await tellErased(store, entry);
  const deps = { log, store, now: systemClock.instant, commandId: commandIdFrom, nonce: randomUUID };
  const raised = await raiseEpochs(deps);
  remark(`${raised.conversations} conversations and ${raised.hierarchies} hierarchies go on in epoch ${raised.epoch}`);
  const db = createKysely<AnyDatabase>(pool);
  for (const projection of allProjections(keys)) {
    const { events } = await rebuild({ db, store, projection });
    remark(`${projection.name}: ${events} events folded`);
  }
  await anchors.stop(60_000);
  await endRestore(pool);
}

/** The word of the erasure was given up with the log; it is said again, so that history and devices hear of it. */
async function tellErased(store: EventStore, { tenant, at, erased, subjects, why }: Gone): Promise<void> {
  const { head, events } = await store.load(tenant, erasureStream);
  if (events.some((one) => one.meta.at === at && JSON.stringify(one.data) === JSON.stringify(erased))) return;
  const event = { type: 'SubjectErased', version: 1, data: erased } as const;
  const meta = {
    at,
    actor: why?.actor ?? { kind: 'system' },
    cause: { command: 'erase', ...(why?.reason === undefined ? {} : { reason: why.reason }) },
    commandId: commandIdFrom(['restored erasure', at, ...subjects, randomUUID()]),
  } as const;
  const subject = erasureSubject;
  await store.append(tenant, [{ stream: erasureStream, head, subject, owner: subject, events: [{ event, meta }] }]);
}
