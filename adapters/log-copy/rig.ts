/** Logs for the specs of the copy: chained events by hand, and logs that die in the middle. */
import { randomUUID } from 'node:crypto';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { NO_POSITION } from '../../domain/shared/ids.ts';
import { chainHash } from '../event-log/chain.ts';
import { parseAddress } from '../event-log/eventstoredb/address.ts';
import { eventStoreLog } from '../event-log/eventstoredb/log.ts';
import type { EventLog, StoredEvent, UnstoredEvent } from '../event-log/port.ts';

const url = process.env.EVENTSTORE_URL;

/** An empty log in the store that `EVENTSTORE_URL` names; undefined where none is named. */
export const newEventStoreLog: (() => Promise<EventLog>) | undefined =
  url === undefined
    ? undefined
    : () => eventStoreLog({ address: parseAddress(url), prefix: `t${randomUUID().replaceAll('-', '').slice(0, 16)}` });

/** Appends one chained event to the stream, as the event store would; `payload` is its bytes as text. */
export async function note(log: EventLog, tenant: TenantId, stream: string, payload: string): Promise<void> {
  const name = stream as StreamName;
  const last = (await log.readStream(tenant, name)).at(-1);
  const revision = ((last?.revision ?? -1) + 1) as Revision;
  const unchained: Omit<UnstoredEvent, 'hash'> = {
    id: randomUUID() as EventId,
    type: 'Noted',
    schemaVersion: 1,
    recordedAt: '2026-03-29T01:00:00.120Z' as Instant,
    payload: Buffer.from(payload),
  };
  const hash = chainHash(last?.hash ?? new Uint8Array(32), { ...unchained, tenant, stream: name, revision });
  const events = [{ ...unchained, hash }];
  await log.append(tenant, [{ stream: name, expectedRevision: revision - 1, events }]);
}

/** Everything the tenant has, as plain bytes: what two logs must agree on. */
export async function everything(log: Pick<EventLog, 'readAll'>, tenant: TenantId): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (;;) {
    const after: Position = all.at(-1)?.position ?? NO_POSITION;
    const page = await log.readAll(tenant, after, 1_000);
    if (page.length === 0) return all;
    all.push(
      ...page.map((event) => ({ ...event, payload: Buffer.from(event.payload), hash: Buffer.from(event.hash) })),
    );
  }
}

/** The log with another way to append. */
export function appending(log: EventLog, append: EventLog['append']): EventLog {
  return {
    append,
    readStream: (tenant, stream, options) => log.readStream(tenant, stream, options),
    readStreams: (tenant, streams) => log.readStreams(tenant, streams),
    readAll: (tenant, after, limit) => log.readAll(tenant, after, limit),
    head: (tenant) => log.head(tenant),
    tenants: () => log.tenants(),
    commits: log.commits,
    close: () => log.close(),
  };
}

/** The process dies around the `nth` append from 0: before it is stored, or after it and before the answer. */
export function dying(log: EventLog, nth: number, when: 'before' | 'after'): EventLog {
  let count = 0;
  return appending(log, async (tenant, writes) => {
    const isLast = count++ === nth;
    if (isLast && when === 'before') throw new Died();
    const outcome = await log.append(tenant, writes);
    if (isLast) throw new Died();
    return outcome;
  });
}

export class Died extends Error {
  override readonly name = 'Died';
}
