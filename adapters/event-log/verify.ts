/**
 * Walks a tenant's log and says, event by event, where what is stored is no longer what was appended: by the chain of
 * every stream, the order of revisions and positions, the ends of streams as the store counts them, and the anchors.
 * Reads only.
 */
import { NO_POSITION, type Position, type StreamName, type TenantId } from '../../domain/shared/ids.ts';
import type { AnchorProof } from './anchors/proof.ts';
import type { LogCensus, StreamEnd } from './census.ts';
import { chainHash } from './chain.ts';
import { emptyHead } from './event-store.port.ts';
import type { Finding, FindingKind } from './finding.ts';
import { Holes, type MissingRevision } from './holes.ts';
import type { EventLog, StoredEvent } from './port.ts';

export interface VerifyReport {
  readonly events: number;
  readonly streams: number;
  readonly findings: number;
}

export interface VerifyOptions {
  readonly log: Pick<EventLog, 'readAll' | 'head'>;
  /** Tells where streams end by what the log keeps beside the order of its events. */
  readonly census?: Pick<LogCensus, 'streamEnds'>;
  /** Proves the log against its anchors too. */
  readonly anchors?: (tenant: TenantId) => Promise<AnchorProof>;
  readonly pageSize?: number;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress?: (events: number, position: Position) => void;
}

/** How many lost events of one hole are named one by one. */
const maxNamed = 1_000;

/** How far apart two exchanged events of a stream are still told from two changed ones. */
const doubtWindow = 64;

/**
 * About 200 bytes of memory a stream; time is reading and one SHA-256 an event. Where the anchors do not fit, what
 * follows the last that does is read again, with about 100 bytes an event.
 */
export async function verifyTenant(tenant: TenantId, options: VerifyOptions): Promise<VerifyReport> {
  const { log, census, pageSize = 1_000, onFinding, onProgress } = options;
  const walks = new Map<StreamName, StreamWalk>();
  const holes = new Holes();
  const findings: Finding[] = [];
  let events = 0;
  let last: Position = NO_POSITION;
  const report = (finding: Finding): void => {
    findings.push(finding);
    onFinding(finding);
  };

  // Before the walk: what is appended meanwhile is seen by it, and was not counted or anchored yet.
  const anchors = await options.anchors?.(tenant);
  const head = await log.head(tenant);
  const walkOn = async (): Promise<void> => {
    for (;;) {
      const page = await log.readAll(tenant, last, pageSize);
      for (const event of page) {
        holes.add(last + 1, Math.min(event.position - 1, head));
        last = event.position;
        const walk = walks.get(event.stream) ?? startOf(tenant, event.stream);
        walks.set(event.stream, walk);
        step(walk, event, report);
        anchors?.step(event);
      }
      events += page.length;
      if (page.length > 0) onProgress?.(events, last);
      if (page.length < pageSize) return;
    }
  };
  await walkOn();

  const ends: StreamEnd[] = [];
  const uncounted = new Map(walks);
  if (census) {
    for await (const end of census.streamEnds(tenant, [...walks.values()])) {
      if (end.revision !== walks.get(end.stream)?.revision) ends.push(end);
      uncounted.delete(end.stream);
    }
    // A stream that went on since is longer than we have seen, and not cut off.
    if (ends.length > 0) await walkOn();
  }
  holes.add(last + 1, head);
  const missing = [...walks.values()].flatMap((walk) => finish(walk, report));
  for (const { stream, revision } of ends) {
    const walk = walks.get(stream);
    const end = walk?.revision ?? -1;
    for (let lost = end + 1; lost <= revision && lost <= end + maxNamed; lost++)
      missing.push({ kind: 'cut off', stream, revision: lost, after: walk?.position ?? 0, before: Infinity });
  }
  for (const finding of holes.findings(tenant, missing)) report(finding);
  if (census) {
    for (const { stream, revision } of ends) {
      const end = walks.get(stream)?.revision ?? -1;
      if (end > revision) report({ kind: 'uncounted', tenant, stream, revision: end });
    }
    for (const [stream, { revision }] of uncounted) report({ kind: 'uncounted', tenant, stream, revision });
  }
  for (const finding of (await anchors?.finish(findings)) ?? []) report(finding);
  return { events, streams: walks.size, findings: findings.length };
}

type Report = (finding: Finding) => void;

/** Where the walk stands in one stream. */
interface StreamWalk {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  revision: number;
  /** Of the last event. */
  position: number;
  /** As stored with the last event. */
  hash: Uint8Array;
  /** Revisions passed over so far. */
  holes?: Map<number, MissingRevision>;
  /**
   * Events since the one that did not continue the chain from `base`, and which of them did not continue it from the
   * one before: they are changed, or turn out to be in the wrong order only.
   */
  doubt?: { readonly base: Uint8Array; readonly events: StoredEvent[]; readonly broken: StoredEvent[] };
}

function startOf(tenant: TenantId, stream: StreamName): StreamWalk {
  return { tenant, stream, revision: emptyHead.revision, position: NO_POSITION, hash: emptyHead.hash };
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
    walk.holes ??= new Map();
    const bounds = { kind: 'missing', stream: event.stream, after: walk.position, before: event.position } as const;
    for (let lost = walk.revision + 1; lost < revision && lost <= walk.revision + maxNamed; lost++)
      walk.holes.set(lost, { ...bounds, revision: lost });
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
        walk.position = event.position;
        walk.hash = order.at(-1)!.hash;
        return;
      }
    }
    if (doubt.events.length >= doubtWindow) settle(walk, report);
  }
  walk.revision = revision;
  walk.position = event.position;
  walk.hash = hash;
}

/** What the stream passed over and never came to. */
function finish(walk: StreamWalk, report: Report): MissingRevision[] {
  settle(walk, report);
  return [...(walk.holes?.values() ?? [])];
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
