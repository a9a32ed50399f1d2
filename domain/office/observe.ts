/**
 * What a complete listing of a collection says, held against what was last seen of it. Works on ids and hashes alone,
 * so that a crawl in which nothing changed costs one comparison a record.
 */
import type { ItemId } from '../shared/ids.ts';
import type { CrawlState } from './crawl-state.ts';

/** A record as last seen. `missing`: how many complete listings in a row have lacked it. */
export interface Known {
  readonly item: ItemId;
  readonly record: string;
  readonly hash: string;
  readonly missing: number;
}

export interface Seen {
  readonly id: string;
  readonly hash: string;
}

export type Observation<K extends Known, S extends Seen> =
  /** Too much is gone to be believed: nothing is to be done with this listing. */
  | { readonly kind: 'suspicious'; readonly missing: number; readonly of: number }
  | {
      readonly kind: 'observed';
      readonly added: readonly S[];
      readonly changed: readonly { readonly known: K; readonly seen: S }[];
      /** Was missing and is there again, unchanged. */
      readonly returned: readonly K[];
      /** Lacking for the first time. */
      readonly missed: readonly K[];
      /** Lacking for the second time: gone. */
      readonly gone: readonly K[];
    };

/** A listing that loses more than this is not believed: the larger of 5 records and 30 % of those known. */
const shrinkMaxRecords = 5;
const shrinkMaxShare = 0.3;
/** An empty listing of a collection that had at least this many is never believed. */
const emptyMinKnown = 3;

export function observe<K extends Known, S extends Seen>(
  known: readonly K[],
  seen: readonly S[],
  state: CrawlState,
): Observation<K, S> {
  const lacking = new Map(known.map((one) => [one.record, one]));
  const added: S[] = [];
  const changed: { known: K; seen: S }[] = [];
  const returned: K[] = [];
  for (const record of seen) {
    const before = lacking.get(record.id);
    if (!before) {
      added.push(record);
      continue;
    }
    lacking.delete(record.id);
    if (before.hash !== record.hash) changed.push({ known: before, seen: record });
    else if (before.missing > 0) returned.push(before);
  }
  const gone = [...lacking.values()];
  if (isSuspicious(gone.length, known.length, seen.length, state))
    return { kind: 'suspicious', missing: gone.length, of: known.length };
  return {
    kind: 'observed',
    added,
    changed,
    returned,
    missed: gone.filter((one) => one.missing === 0),
    gone: gone.filter((one) => one.missing > 0),
  };
}

function isSuspicious(missing: number, of: number, seen: number, state: CrawlState): boolean {
  if (state.kind === 'confirmed' && missing <= state.missing) return false;
  return missing > Math.max(shrinkMaxRecords, of * shrinkMaxShare) || (seen === 0 && of >= emptyMinKnown);
}
