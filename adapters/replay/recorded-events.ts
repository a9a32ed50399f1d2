import type { Position } from '../../domain/shared/ids.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';
import type { Exchange } from '../exchange-record/port.ts';

/** The command in the cause of what was applied later, because a replay showed that it was missing. */
export const replayCommand = 'replay';

const pageSize = 500;
/** Events lie behind the position that their exchange saw, as many others as a busy company makes meanwhile. */
const eventsMax = 20_000;
/** The clocks of those who record and of those who serve may differ by this. */
const marginMs = 10_000;

/** The events that an exchange stored, in order, as `store` reads them. */
export async function recordedEvents(
  store: Pick<EventStore, 'readAll'>,
  { id, tenant, position, at, durationMs }: Exchange,
): Promise<RecordedEvent[]> {
  const untilMs = Date.parse(at) + durationMs + marginMs;
  const found: RecordedEvent[] = [];
  let after: Position = position;
  for (let read = 0; read < eventsMax; ) {
    const page = await store.readAll(tenant, after, pageSize);
    found.push(...page.filter(({ meta }) => meta.cause?.exchange === id && meta.cause.command !== replayCommand));
    read += page.length;
    const last = page.at(-1);
    if (!last || page.length < pageSize || Date.parse(last.recordedAt) > untilMs) break;
    after = last.position;
  }
  return found;
}
