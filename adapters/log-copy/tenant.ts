/** One tenant's events, from one log into another: compared where both have them, copied where one has not. */
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { EventLog } from '../event-log/port.ts';
import { appendAsStored } from './as-stored.ts';
import { LogsDiffer, mustBeSame } from './difference.ts';
import { pages } from './pages.ts';
import type { StreamEnds } from './stream-ends.ts';

export interface LogPair {
  readonly from: EventLog;
  readonly to: EventLog;
  /** Over `to`. */
  readonly ends: StreamEnds;
  /** Told of events that were copied or compared. */
  readonly onEvents: (count: number) => void;
  /** Events a page at most, where not as many as their weight allows. */
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares the first events of both logs, up to a position that both have: each event to the byte, and each chain.
 * @throws LogsDiffer at the first that differs
 */
export async function compareAll(pair: LogPair, tenant: TenantId, upTo: Position): Promise<void> {
  for await (const page of pages(pair.from, tenant, NO_POSITION, upTo, pair.pageSize)) {
    pair.signal?.throwIfAborted();
    mustBeSame(page, await pair.to.readAll(tenant, before(page[0]!.position), page.length));
    await pair.ends.prove(tenant, page);
    pair.onEvents(page.length);
  }
}

/**
 * Compares the last event that the target holds: as its hash covers its stream's whole past, another history is found.
 * @throws LogsDiffer
 */
export async function compareHead(
  { from, to }: Pick<LogPair, 'from' | 'to'>,
  tenant: TenantId,
  head: Position,
): Promise<void> {
  if (head === NO_POSITION) return;
  const [ours, theirs] = await Promise.all([from, to].map((log) => log.readAll(tenant, before(head), 1)));
  if (ours!.length === 0) throw new LogsDiffer(tenant, head, 'the target holds an event that the source has not');
  mustBeSame(ours!, theirs!);
}

/**
 * Copies the events behind the target's head up to a position of the source. Each is proven to continue its stream
 * before it is stored, and read back after it.
 * @throws LogsDiffer at the first that is not the same; nothing is overwritten
 */
export async function copyTenant(pair: LogPair, tenant: TenantId, upTo: Position): Promise<void> {
  const { from, to, ends, pageSize, onEvents, signal } = pair;
  let readBack: Promise<void> | undefined;
  for await (const page of pages(from, tenant, await to.head(tenant), upTo, pageSize)) {
    signal?.throwIfAborted();
    await ends.prove(tenant, page);
    await appendAsStored(to, tenant, page);
    // While the next page is appended.
    await readBack;
    readBack = to.readAll(tenant, before(page[0]!.position), page.length).then((there) => {
      mustBeSame(page, there);
      onEvents(page.length);
    });
    // Who stops in the middle never asks for it.
    readBack.catch(() => {});
  }
  await readBack;
}

const before = (position: Position): Position => (position - 1) as Position;
