/** A tenant's events in pages that stay small in memory, whatever the events weigh. */
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import type { EventLog, StoredEvent } from '../event-log/port.ts';
import { LogsDiffer } from './difference.ts';

/** Events of a page, unless told. */
const most = 1_000;
const first = 200;
const least = 16;
const bytesWanted = 4_000_000;

/**
 * The events after the one position up to the other, at most `max` a page; the next page is read while one is worked on.
 * @throws LogsDiffer where the log ends before.
 */
export async function* pages(
  log: Pick<EventLog, 'readAll'>,
  tenant: TenantId,
  after: Position,
  upTo: Position,
  max = most,
): AsyncGenerator<readonly StoredEvent[]> {
  let size = Math.min(first, max);
  const read = (from: Position): Promise<StoredEvent[]> => {
    const page = log.readAll(tenant, from, Math.min(size, upTo - from));
    // Who stops in the middle never asks for it.
    page.catch(() => {});
    return page;
  };
  let at = after;
  let next = at < upTo ? read(at) : undefined;
  while (next) {
    const page = await next;
    const last = page.at(-1);
    if (!last) throw new LogsDiffer(tenant, at + 1, `there is no event, and the head is ${upTo}`);
    at = last.position;
    const bytes = page.reduce((all, { payload }) => all + payload.byteLength, 0);
    const fitting = Math.floor((bytesWanted * page.length) / (bytes + 1));
    size = Math.min(max, Math.max(least, fitting));
    next = at < upTo ? read(at) : undefined;
    yield page;
  }
}
