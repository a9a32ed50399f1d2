import type { CollectionId } from '../../domain/shared/ids.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import type { Exchange } from '../exchange-record/port.ts';

/** One item that a device deleted. */
export interface Deletion {
  readonly collection: CollectionId;
  readonly atMs: number;
}

/** More would be held back whatever came before. */
const deletionsMax = 1_000;

/**
 * What the device had deleted when the exchange came, as far back as the guard against mass deletes looks; nothing for a
 * request that deletes nothing. What it had emptied is not in the index, and does not count.
 */
export async function recentDeletions(
  log: Pick<ItemLogReader, 'find'>,
  { tenant, device, position, at, collections, verdicts }: Exchange,
  withinMinutes: number,
): Promise<Deletion[]> {
  const isDeleting = collections.some(({ commands }) => commands.delete + commands.change > 0);
  if (!isDeleting && !verdicts.includes('failed')) return [];
  const last = { after: (position + 1) as typeof position, order: 'desc', limit: deletionsMax } as const;
  const found = await log.find(tenant, { device, actor: 'device', verbs: ['Removed'] }, last);
  const sinceMs = Date.parse(at) - withinMinutes * 60_000;
  return found.flatMap(({ collection, recordedAt }) => {
    const atMs = Date.parse(recordedAt);
    return collection !== null && atMs > sinceMs ? [{ collection, atMs }] : [];
  });
}
