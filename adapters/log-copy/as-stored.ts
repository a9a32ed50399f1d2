/** Events that were stored before, stored in another log as they are: with their ids, hashes, revisions, positions. */
import type { TenantId } from '../../domain/shared/ids.ts';
import {
  AppendRejected,
  type EventLog,
  type StoredEvent,
  type StreamWrite,
  type UnstoredEvent,
} from '../event-log/port.ts';
import { LogsDiffer, mustBeSame } from './difference.ts';

export interface AppendLimits {
  readonly events: number;
  /** Of payloads. */
  readonly bytes: number;
}

/** What every log takes in one append, with what it stores beside the payloads. */
export const appendLimits: AppendLimits = { events: 500, bytes: 600_000 };

/**
 * Appends the tenant's next events, in the order of their positions, in as few calls as the limits allow; each call
 * is all or nothing where the log is atomic over streams. What the log holds of them already, as after a call that
 * was cut, is compared and not appended again. Nobody else may append for the tenant meanwhile.
 * @throws LogsDiffer when the log holds something else there, or lacks what comes before; nothing is overwritten.
 */
export async function appendAsStored(
  log: Pick<EventLog, 'append' | 'head' | 'readAll'>,
  tenant: TenantId,
  events: readonly StoredEvent[],
  limits: AppendLimits = appendLimits,
): Promise<void> {
  const [first] = events;
  if (!first) return;
  mustFollow(tenant, events);
  const head = await log.head(tenant);
  if (head < first.position - 1)
    throw new LogsDiffer(tenant, head + 1, `there is no event, and ${first.position} was to follow`);
  const known = events.slice(0, head - first.position + 1);
  if (known.length > 0) {
    const there = await log.readAll(tenant, (first.position - 1) as typeof head, known.length);
    mustBeSame(known, there);
  }
  for (const batch of batches(events.slice(known.length), limits)) await appendBatch(log, tenant, batch);
}

async function appendBatch(
  log: Pick<EventLog, 'append'>,
  tenant: TenantId,
  batch: readonly StoredEvent[],
): Promise<void> {
  const runs = runsOf(batch);
  const outcome = await log.append(tenant, runs.map(writeOf)).catch((error: unknown) => {
    throw error instanceof AppendRejected ? new LogsDiffer(tenant, batch[0]!.position, error.message) : error;
  });
  if (outcome.kind === 'conflict') {
    const [event] = runs[outcome.index]!;
    const { stream, revision, position } = event!;
    throw new LogsDiffer(tenant, position, `stream ${stream} does not end at revision ${revision - 1}`);
  }
  for (const [index, commit] of outcome.commits.entries()) {
    const { position, revision } = runs[index]!.at(-1)!;
    if (commit.position !== position || commit.revision !== revision)
      throw new LogsDiffer(
        tenant,
        position,
        `the log put it at position ${commit.position}, revision ${commit.revision} of ${commit.stream}: somebody else appends to it`,
      );
  }
}

/** @throws LogsDiffer where a position is missing or comes twice, or the event is another tenant's. */
function mustFollow(tenant: TenantId, events: readonly StoredEvent[]): void {
  let next: number = events[0]!.position;
  for (const event of events) {
    if (event.tenant !== tenant) throw new LogsDiffer(tenant, event.position, `the event is of ${event.tenant}`);
    if (event.position !== next) throw new LogsDiffer(tenant, next, `missing: ${event.position} follows`);
    next++;
  }
}

function* batches(events: readonly StoredEvent[], limits: AppendLimits): Generator<StoredEvent[]> {
  let batch: StoredEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = event.payload.byteLength;
    if (batch.length > 0 && (batch.length >= limits.events || bytes + size > limits.bytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The events in their order, those of one stream that stand side by side together. */
function runsOf(events: readonly StoredEvent[]): StoredEvent[][] {
  const runs: StoredEvent[][] = [];
  for (const event of events) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (last && last.stream === event.stream && last.revision + 1 === event.revision) run!.push(event);
    else runs.push([event]);
  }
  return runs;
}

function writeOf(run: readonly StoredEvent[]): StreamWrite {
  const { stream, revision } = run[0]!;
  const events = run.map(({ id, type, schemaVersion, recordedAt, payload, hash }): UnstoredEvent => {
    return { id, type, schemaVersion, recordedAt, payload, hash };
  });
  return { stream, expectedRevision: revision - 1, events };
}
