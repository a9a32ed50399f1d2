/** From a moment to its place in the log. */
import { type Instant, NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { EventStore } from '../event-log/event-store.port.ts';

/**
 * The position of the last event recorded at or before the moment; 0 when there is none. Found by halves, so it costs
 * some twenty reads of one event however long the log is. Positions are given in the order of the commits and times by
 * the clocks of the processes: where clocks differed, the answer may be off by what was stored in that difference.
 */
export async function positionAt(
  store: Pick<EventStore, 'readAll' | 'head'>,
  tenant: TenantId,
  moment: Instant,
): Promise<Position> {
  const momentMs = Date.parse(moment);
  // Everything up to `low` is not later; everything from `high` on is.
  let low: number = NO_POSITION;
  let high = (await store.head(tenant)) + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const [event] = await store.readAll(tenant, (middle - 1) as Position, 1);
    if (event && Date.parse(event.recordedAt) <= momentMs) low = event.position;
    else high = middle;
  }
  return low as Position;
}
