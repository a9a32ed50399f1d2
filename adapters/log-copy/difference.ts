/** Where two logs that should hold the same do not, and the sentence that says so. */
import type { TenantId } from '../../domain/shared/ids.ts';
import type { StoredEvent } from '../event-log/port.ts';

/** The logs do not hold the same. The message is the sentence for the operator; nothing was overwritten. */
export class LogsDiffer extends Error {
  override readonly name = 'LogsDiffer';
  readonly tenant: TenantId;
  /** Of the first event that differs. */
  readonly position: number;

  constructor(tenant: TenantId, position: number, what: string) {
    super(`${tenant}, position ${position}: ${what}`);
    this.tenant = tenant;
    this.position = position;
  }
}

const fields = ['position', 'stream', 'revision', 'id', 'type', 'schemaVersion', 'recordedAt'] as const;

/** What differs between an event and what stands in its place; undefined when they are the same, to the byte. */
export function difference(event: StoredEvent, other: StoredEvent): string | undefined {
  for (const field of fields)
    if (event[field] !== other[field]) return `the ${field} is ${other[field]} and not ${event[field]}`;
  if (Buffer.compare(event.hash, other.hash) !== 0) return 'the hash is another';
  if (Buffer.compare(event.payload, other.payload) !== 0) return 'the payload is another';
  return undefined;
}

/** @throws LogsDiffer naming the first of `events` that is not what stands in its place. */
export function mustBeSame(events: readonly StoredEvent[], there: readonly StoredEvent[]): void {
  for (const [place, event] of events.entries()) {
    const other = there[place];
    const what = other === undefined ? 'there is no event' : difference(event, other);
    if (what !== undefined) throw new LogsDiffer(event.tenant, event.position, what);
  }
}
