/**
 * Walks a tenant's log and says, event by event, where what is stored is no longer what was appended: by the chain of
 * every stream, the order of revisions, and the ends of streams as the store counts them. Reads only.
 */
import { type EventId, NO_POSITION, type Position, type StreamName, type TenantId } from '../../domain/shared/ids.ts';
import { chainHash } from './chain.ts';
import { emptyHead } from './event-store.port.ts';
import type { EventLog, StoredEvent } from './port.ts';

export type FindingKind =
  /** The event, its hash, or the hash it continues from is not what was appended. */
  | 'changed'
  /** The stream goes on after a place that has no event. */
  | 'missing'
  /** The event stands in another's place, or after one that followed it. */
  | 'reordered'
  /** The stream ends before the revision the store counted. */
  | 'cut off'
  /** Events stand in a stream the store does not count, or beyond its count. */
  | 'uncounted';

export interface Finding {
  readonly kind: FindingKind;
  readonly tenant: TenantId;
  readonly stream: StreamName;
  readonly revision: number;
  /** Absent for an event that is not there. */
  readonly position?: Position;
  readonly id?: EventId;
}

export interface VerifyReport {
  readonly events: number;
  readonly streams: number;
  readonly findings: number;
}

export interface VerifyOptions {
  readonly log: Pick<EventLog, 'readAll'>;
  /** The last revision of every stream as counted beside the events, in pages; absent where a log counts nothing. */
  readonly streamEnds?: (tenant: TenantId) => AsyncIterable<{ readonly stream: StreamName; readonly revision: number }>;
  readonly pageSize?: number;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress?: (events: number, position: Position) => void;
}

/** How many lost events of one hole are named one by one. */
const maxNamed = 1_000;

/** How far apart two exchanged events of a stream are still told from two changed ones. */
const doubtWindow = 64;

/** About 200 bytes of memory a stream; time is reading and one SHA-256 an event. */
export async function verifyTenant(tenant: TenantId, options: VerifyOptions): Promise<VerifyReport> {
  const { log, streamEnds, pageSize = 1_000, onFinding, onProgress } = options;
  const walks = new Map<StreamName, StreamWalk>();
  let events = 0;
  let findings = 0;
  const report = (finding: Finding): void => {
    findings++;
    onFinding(finding);
  };

  for (let after: Position = NO_POSITION; ; ) {
    const page = await log.readAll(tenant, after, pageSize);
    for (const event of page) {
      const walk = walks.get(event.stream) ?? startOf(tenant, event.stream);
      walks.set(event.stream, walk);
      step(walk, event, report);
    }
    events += page.length;
    const last = page.at(-1);
    if (last) {
      after = last.position;
      onProgress?.(events, after);
    }
    if (page.length < pageSize) break;
  }
  for (const walk of walks.values()) finish(walk, report);

  if (streamEnds) {
    const uncounted = new Map(walks);
    for await (const { stream, revision } of streamEnds(tenant)) {
      const end = walks.get(stream)?.revision ?? -1;
      for (let lost = end + 1; lost <= revision && lost <= end + maxNamed; lost++)
        report({ kind: 'cut off', tenant, stream, revision: lost });
      if (end > revision) report({ kind: 'uncounted', tenant, stream, revision: end });
      uncounted.delete(stream);
    }
    for (const [stream, { revision }] of uncounted) report({ kind: 'uncounted', tenant, stream, revision });
  }
  return { events, streams: walks.size, findings };
}

type Report = (finding: Finding) => void;

/** Where the walk stands in one stream. */
interface StreamWalk {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  revision: number;
  /** As stored with the last event. */
  hash: Uint8Array;
  /** Revisions passed over so far. */
  holes?: Set<number>;
  /**
   * Events since the one that did not continue the chain from `base`, and which of them did not continue it from the
   * one before: they are changed, or turn out to be in the wrong order only.
   */
  doubt?: { readonly base: Uint8Array; readonly events: StoredEvent[]; readonly broken: StoredEvent[] };
}

function startOf(tenant: TenantId, stream: StreamName): StreamWalk {
  return { tenant, stream, revision: emptyHead.revision, hash: emptyHead.hash };
}

function step(walk: StreamWalk, event: StoredEvent, report: Report): void {
  const { revision, hash } = event;
  if (revision <= walk.revision) {
    walk.holes?.delete(revision);
    report(named('reordered', event));
    return;
  }
  if (revision > walk.revision + 1) {
    // Behind a hole nothing is known to continue from; the stored hash is taken as it stands.
    settle(walk, report);
    walk.holes ??= new Set();
    for (let lost = walk.revision + 1; lost < revision && lost <= walk.revision + maxNamed; lost++)
      walk.holes.add(lost);
  } else if (walk.doubt || !continues(walk.hash, event)) {
    const doubt = (walk.doubt ??= { base: walk.hash, events: [], broken: [] });
    const linked = doubt.events.length > 0 && continues(walk.hash, event);
    doubt.events.push(event);
    if (!linked) {
      doubt.broken.push(event);
      const order = orderOf(doubt.base, doubt.events);
      if (order) {
        for (const [place, one] of doubt.events.entries()) if (order[place] !== one) report(named('reordered', one));
        walk.doubt = undefined;
        walk.revision = revision;
        walk.hash = order.at(-1)!.hash;
        return;
      }
    }
    if (doubt.events.length >= doubtWindow) settle(walk, report);
  }
  walk.revision = revision;
  walk.hash = hash;
}

function finish(walk: StreamWalk, report: Report): void {
  settle(walk, report);
  const { tenant, stream, holes } = walk;
  for (const revision of holes ?? []) report({ kind: 'missing', tenant, stream, revision });
}

function settle(walk: StreamWalk, report: Report): void {
  for (const event of walk.doubt?.broken ?? []) report(named('changed', event));
  walk.doubt = undefined;
}

/** The events in the order in which they do continue the chain from `base`, if there is one. */
function orderOf(base: Uint8Array, events: readonly StoredEvent[]): StoredEvent[] | undefined {
  const left = new Set(events);
  const order: StoredEvent[] = [];
  let hash = base;
  for (const { revision } of events) {
    const next = [...left].find((event) => continues(hash, { ...event, revision }));
    if (!next) return undefined;
    left.delete(next);
    order.push(next);
    hash = next.hash;
  }
  return order;
}

function continues(hash: Uint8Array, event: StoredEvent): boolean {
  return Buffer.compare(chainHash(hash, event), event.hash) === 0;
}

function named(kind: FindingKind, { tenant, stream, revision, position, id }: StoredEvent): Finding {
  return { kind, tenant, stream, revision, position, id };
}
