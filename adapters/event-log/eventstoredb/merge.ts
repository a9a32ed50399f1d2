/** A stream as its links and the tenant's latest events say it: what both hold is there once, and nothing is missing. */
import type { StoredEvent } from '../port.ts';

/**
 * The events from the revision `from` on, at most `limit`. `linked` are those that links point to, in order from
 * `from` on; `latest` are later ones that may have links or not.
 * @returns undefined when some are missing between: links were written while both were read.
 */
export function mergeStream(
  linked: readonly StoredEvent[],
  latest: readonly StoredEvent[],
  from: number,
  limit: number = Number.POSITIVE_INFINITY,
): StoredEvent[] | undefined {
  const merged = [...linked];
  const end = () => merged.at(-1)?.revision ?? from - 1;
  for (const event of [...latest].sort((a, b) => a.revision - b.revision)) {
    if (event.revision <= end()) continue;
    if (event.revision > end() + 1) {
      if (merged.length < limit) return undefined;
      break;
    }
    merged.push(event);
  }
  if (merged.some(({ revision }, index) => revision !== from + index)) return undefined;
  return merged.length > limit ? merged.slice(0, limit) : merged;
}
