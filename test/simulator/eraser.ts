/** Erases items of a simulated world, whose log and keys lie in memory: only the read models are in PostgreSQL. */
import type pg from 'pg';
import { Erasure } from '../../adapters/erasure/erasure.ts';
import { Traces } from '../../adapters/erasure/postgres/traces.ts';
import { walkedCensus } from '../../adapters/event-log/census.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import type { ItemId, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export function eraserOf(simulated: SimulatedWorld, pool: pg.Pool): Erasure {
  const { world, keys, blobs, log } = simulated;
  const { now, commandId, nonce, folders, items } = world.engine.deps;
  return new Erasure({
    ...{ store: world.store, keys, blobs, items, folders, now, commandId, nonce },
    traces: new MemoryTraces(pool),
    census: walkedCensus(log),
    endAccount: async () => {},
    forgetElsewhere: async () => {},
    settled: async (tenant) => {
      await world.runner.waitFor(tenant, await log.head(tenant), 5_000);
    },
  });
}

class MemoryTraces extends Traces {
  override async subjectsBelow(_: TenantId, subject: SubjectId): Promise<SubjectId[]> {
    return [subject];
  }

  override async openWriteBacks(): Promise<{ open: number; refused: string | null }> {
    return { open: 0, refused: null };
  }

  override async rewriteDeadRows(): Promise<string[]> {
    return [];
  }
}

/** Every item that the log knows of. */
export async function itemsOf(log: EventLog, tenant: TenantId): Promise<ItemId[]> {
  const streams = new Set<StreamName>();
  for (const { stream } of await log.readAll(tenant, 0 as never, 1_000_000)) streams.add(stream);
  return [...streams].flatMap((stream) => parseItemStream(stream)?.item ?? []);
}
