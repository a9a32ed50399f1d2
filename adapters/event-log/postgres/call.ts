/** Writes as the parameters of the functions in `append.sql`, and their results as events. */
import type { Position, Revision, TenantId } from '../../../domain/shared/ids.ts';
import { hashBytes } from '../check.ts';
import type { Commit, StoredEvent, StreamWrite } from '../port.ts';

export interface Call {
  readonly tenant: TenantId;
  readonly writes: readonly StreamWrite[];
}

/** Whether a call is one event, which has a function of its own. */
export function isSingle(calls: readonly Call[]): boolean {
  return calls.length === 1 && calls[0]!.writes.length === 1 && calls[0]!.writes[0]!.events.length === 1;
}

export function singleParameters({ tenant, writes }: Call): unknown[] {
  const { stream, expectedRevision, events } = writes[0]!;
  const { id, type, schemaVersion, recordedAt, payload, hash } = events[0]!;
  return [tenant, stream, expectedRevision, id, type, schemaVersion, recordedAt, payload, hash];
}

/** Numbers, ids and instants need no quoting in an array. */
const literal = (values: readonly (number | string)[]): string => `{${values.join()}}`;

/** The names of the calls' tenants, once each, in the order in which their counters are locked. */
export function tenantsOf(calls: readonly Call[]): TenantId[] {
  return [...new Set(calls.map((call) => call.tenant))].sort();
}

export function batchParameters(calls: readonly Call[]): unknown[] {
  const names = tenantsOf(calls);
  const indexes = new Map(names.map((name, index) => [name, index]));
  const totals = names.map(() => 0);
  const write = { tenants: [] as string[], streams: [] as string[], expected: [] as number[], counts: [] as number[] };
  const owners: number[] = [];
  const places: number[] = [];
  const streams: string[] = [];
  const revisions: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const versions: number[] = [];
  const times: string[] = [];
  const starts: number[] = [];
  const sizes: number[] = [];
  const bytes: Uint8Array[] = [];
  let start = 1;
  for (const { tenant, writes } of calls) {
    const owner = indexes.get(tenant)!;
    for (const { stream, expectedRevision, events } of writes) {
      write.tenants.push(tenant);
      write.streams.push(stream);
      write.expected.push(expectedRevision);
      write.counts.push(events.length);
      let revision = expectedRevision;
      for (const event of events) {
        owners.push(owner + 1);
        places.push(++totals[owner]!);
        streams.push(stream);
        revisions.push(++revision);
        ids.push(event.id);
        types.push(event.type);
        versions.push(event.schemaVersion);
        times.push(event.recordedAt);
        starts.push(start);
        sizes.push(event.payload.byteLength);
        bytes.push(event.payload, event.hash);
        start += event.payload.byteLength + hashBytes;
      }
    }
  }
  return [
    names,
    literal(totals),
    write.tenants,
    write.streams,
    literal(write.expected),
    literal(write.counts),
    literal(owners),
    literal(places),
    streams,
    literal(revisions),
    literal(ids),
    types,
    literal(versions),
    literal(times),
    literal(starts),
    literal(sizes),
    Buffer.concat(bytes),
  ];
}

export function oneByOneParameters({ tenant, writes }: Call): unknown[] {
  const events = writes.flatMap((write) => write.events);
  return [
    tenant,
    writes.map((write) => write.stream),
    literal(writes.map((write) => write.expectedRevision)),
    literal(writes.map((write) => write.events.length)),
    literal(events.map((event) => event.id)),
    events.map((event) => event.type),
    literal(events.map((event) => event.schemaVersion)),
    literal(events.map((event) => event.recordedAt)),
    literal(events.map((event) => event.payload.byteLength)),
    Buffer.concat(events.flatMap((event) => [event.payload, event.hash])),
  ];
}

/** The events of writes that were all stored, the first at `before` + 1. */
export function storedEvents({ tenant, writes }: Call, before: number): StoredEvent[] {
  const stored: StoredEvent[] = [];
  for (const { stream, expectedRevision, events } of writes) {
    let last = expectedRevision;
    for (const { id, type, schemaVersion, recordedAt, payload, hash } of events) {
      const revision = ++last as Revision;
      const position = (before + stored.length + 1) as Position;
      stored.push({ tenant, position, stream, revision, id, type, schemaVersion, recordedAt, payload, hash });
    }
  }
  return stored;
}

export function newCommits({ writes }: Call, before: number): Commit[] {
  let position = before;
  return writes.map(({ stream, expectedRevision, events }) => {
    position += events.length;
    const revision = (expectedRevision + events.length) as Revision;
    return { stream, revision, position: position as Position, repeated: false };
  });
}
