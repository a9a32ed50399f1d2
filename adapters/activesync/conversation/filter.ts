/** MS-ASCMD 2.2.3.68.2 FilterType: which items of a folder a device wants to hold. */
import type { ItemKind } from '../../../domain/item/fields.ts';

export interface FilterFacts {
  readonly deleted: boolean;
  readonly ends_at: Date | null;
  readonly open: boolean;
}

export interface ItemFilter {
  passes(row: FilterFacts): boolean;
  /** Two filters with the same name pass the same items; a window of time gets a new name every day. */
  readonly name: string;
}

const dayMs = 86_400_000;
/** Days back by FilterType 1 to 7; months are counted as 31 days so that nothing vanishes early. */
const daysBack: Readonly<Record<number, number>> = { 1: 1, 2: 3, 3: 7, 4: 14, 5: 31, 6: 93, 7: 186 };

/** Appointments know types 4 to 7, tasks know 8; whatever else is asked is everything. */
export function itemFilter(kind: ItemKind, filterType: number, nowMs: number): ItemFilter {
  const days = kind === 'appointment' && filterType >= 4 ? daysBack[filterType] : undefined;
  if (days !== undefined) {
    const cutoffMs = (Math.floor(nowMs / dayMs) - days) * dayMs;
    return {
      name: `ends>=${cutoffMs / dayMs}`,
      passes: (row) => !row.deleted && (row.ends_at === null || row.ends_at.getTime() >= cutoffMs),
    };
  }
  if (kind === 'task' && filterType === 8) return { name: 'open', passes: (row) => !row.deleted && row.open };
  return { name: 'all', passes: (row) => !row.deleted };
}
