/**
 * A log that is not in the database, as the tables it would be there: a backup of either is the same files, and can be
 * put back into either.
 */
import { NO_POSITION, type Position, type StreamName, type TenantId } from '../../domain/shared/ids.ts';
import type { EventLog, StoredEvent } from '../event-log/port.ts';
import { copyHeader, copyRow, copyTrailer, int4, int8, text, timestamptz, uuid } from './copy-rows.ts';

/** How far a tenant's events are in the backup. */
export interface Cut {
  readonly tenant: TenantId;
  readonly position: Position;
}

export interface WrittenTable {
  readonly name: 'tenants' | 'streams' | 'events';
  readonly columns: readonly string[];
  /** What is written of it; `rows` is right at the end. */
  readonly chunks: AsyncIterable<Buffer>;
  readonly rows: () => number;
}

const eventColumns = [
  ...['tenant', 'position', 'stream', 'revision', 'id', 'type', 'schema_version', 'recorded_at', 'payload', 'hash'],
] as const;
const pageSize = 500;

/**
 * In the order in which they are to be written: the ends of streams are known when the events are read. Holds the name
 * and end of every stream of a tenant until all is written.
 * @throws Error while the events are read, where a position up to the cut is not in the log.
 */
export function* logTables(log: Pick<EventLog, 'readAll'>, cuts: readonly Cut[]): Generator<WrittenTable> {
  const ends = new Map<TenantId, Map<StreamName, number>>();
  async function* events(): AsyncGenerator<Buffer[]> {
    for (const { tenant, position } of cuts) {
      const streams = new Map<StreamName, number>();
      ends.set(tenant, streams);
      for await (const page of upTo(log, tenant, position)) {
        for (const { stream, revision } of page) streams.set(stream, revision);
        yield page.map(eventRow);
      }
    }
  }
  yield tableOf('events', eventColumns, events());
  yield tableOf(
    'streams',
    ['tenant', 'stream', 'revision'],
    pages(
      [...ends].flatMap(([tenant, streams]) =>
        [...streams].map(([stream, revision]) => copyRow([text(tenant), text(stream), int8(revision)])),
      ),
    ),
  );
  yield tableOf(
    'tenants',
    ['tenant', 'position'],
    pages(cuts.map(({ tenant, position }) => copyRow([text(tenant), int8(position)]))),
  );
}

async function* upTo(
  log: Pick<EventLog, 'readAll'>,
  tenant: TenantId,
  end: Position,
): AsyncGenerator<readonly StoredEvent[]> {
  for (let last = NO_POSITION; last < end; ) {
    const page = await log.readAll(tenant, last, Math.min(pageSize, end - last));
    for (const { position } of page) {
      if (position !== last + 1) break;
      last = position;
    }
    if (page.length === 0 || last !== page.at(-1)!.position)
      throw new Error(`the log holds no position ${last + 1} of ${tenant}, and ends at ${end}: verify says more`);
    yield page;
  }
}

function tableOf(
  name: WrittenTable['name'],
  columns: readonly string[],
  pagesOfRows: AsyncIterable<readonly Buffer[]> | Iterable<readonly Buffer[]>,
): WrittenTable {
  let count = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    yield copyHeader;
    for await (const rows of pagesOfRows) {
      count += rows.length;
      yield Buffer.concat(rows);
    }
    yield copyTrailer;
  }
  return { name, columns, chunks: chunks(), rows: () => count };
}

function* pages(rows: readonly Buffer[]): Generator<readonly Buffer[]> {
  for (let at = 0; at < rows.length; at += pageSize) yield rows.slice(at, at + pageSize);
}

function eventRow(event: StoredEvent): Buffer {
  const { tenant, position, stream, revision, id, type, schemaVersion, recordedAt, payload, hash } = event;
  return copyRow([
    ...[text(tenant), int8(position), text(stream), int8(revision), uuid(id), text(type), int4(schemaVersion)],
    ...[timestamptz(recordedAt), payload, hash],
  ]);
}
