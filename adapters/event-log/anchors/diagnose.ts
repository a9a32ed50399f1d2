/**
 * Names the events of a stretch that does not fit its anchor. The trace of the anchors says which events stood there;
 * a forger who computed the hashes of a stream anew made all of its later events look changed, so the seals are asked
 * which of them really are: a seal opens only at the place in the stream it was made for.
 */
import type { Position, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { SealBroken } from '../../crypto/envelope.ts';
import type { KeyRing } from '../../crypto.port.ts';
import type { Finding } from '../finding.ts';
import { extend } from '../holes.ts';
import type { EventLog, StoredEvent } from '../port.ts';
import { sealContext, splitPayload } from '../sealed.ts';
import { align } from './align.ts';
import { traceBytes } from './anchor.ts';

export interface Stretch {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly keys?: KeyRing;
  /** The last position that is proven. */
  readonly after: Position;
  /** Of all events that were anchored behind it. */
  readonly trace: Uint8Array;
  /** What is found already. */
  readonly found: readonly Finding[];
}

interface Brief {
  readonly position: Position;
  readonly stream: StreamName;
  readonly revision: number;
  /** Where it stood when it was anchored; undefined for one that did not. */
  stood?: number;
  isSame: boolean;
}

/** For which revision the event was sealed; `changed`: for none near; `unknown`: its key is not at hand. */
type Truth = number | 'changed' | 'unknown';

const pageSize = 1_000;
/** How far from its place an event is looked for. */
const shiftMax = 64;

/** Names what was changed, moved, put in or taken out behind the last position that is proven. */
export async function diagnose(tenant: TenantId, stretch: Stretch): Promise<Finding[]> {
  const { log, keys, after, found } = stretch;
  const trace = namesIn(stretch.trace);
  const briefs: Brief[] = [];
  const names: string[] = [];
  for (let last = after; ; ) {
    const page = await log.readAll(tenant, last, pageSize);
    for (const { position, stream, revision, hash } of page) {
      briefs.push({ position, stream, revision, isSame: false });
      names.push(nameOf(hash));
    }
    if (page.length === 0) break;
    last = page.at(-1)!.position;
  }

  const { same, moved, replaced, missing, added } = align(trace, names);
  for (const [place, at] of [...same, ...moved]) Object.assign(briefs[at]!, { stood: after + 1 + place, isSame: true });
  for (const [place, at] of replaced) briefs[at]!.stood = after + 1 + place;

  const isKnown = knownIn(found);
  const findings: Finding[] = [];
  const report = (finding: Finding): void => {
    if (!isKnown(finding)) findings.push(finding);
  };
  for (const [, at] of moved) report(named(tenant, 'reordered', briefs[at]!));
  for (const at of added) report(named(tenant, 'added', briefs[at]!));

  const gone = new Set(missing.map((place) => after + 1 + place));
  const suspects = new Set(replaced.map(([, at]) => briefs[at]!));
  const streams = Map.groupBy(briefs, ({ stream }) => stream);
  for (const stream of new Set([...suspects].map((brief) => brief.stream))) {
    const events = streams.get(stream)!.sort((one, other) => one.revision - other.revision);
    const truths = new Map<Brief, Truth>();
    for (const brief of events) if (suspects.has(brief)) truths.set(brief, await truthOf(tenant, brief, log, keys));
    for (const finding of inStream(tenant, events, truths, gone)) report(finding);
  }
  const ranges: [number, number][] = [];
  for (const position of gone) extend(ranges, position);
  const end = briefs.at(-1)?.position ?? after;
  for (const [from, to] of ranges) {
    const place = { tenant, position: from as Position, through: to as Position };
    report({ kind: from > end ? 'cut off' : 'missing', ...place });
  }
  if (findings.length === 0 && found.length === 0) {
    const through = (after + trace.length) as Position;
    findings.push({ kind: 'unproven', tenant, position: (after + 1) as Position, through });
  }
  return findings;
}

/** What was done to one stream. Takes the positions it can name out of `gone`. */
function inStream(
  tenant: TenantId,
  events: readonly Brief[],
  truths: ReadonlyMap<Brief, Truth>,
  gone: Set<number>,
): Finding[] {
  const findings: Finding[] = [];
  let shift = 0;
  const revisions = events.map((brief) => {
    const truth = truths.get(brief);
    if (brief.isSame) shift = 0;
    else if (typeof truth === 'number') shift = truth - brief.revision;
    return brief.revision + shift;
  });
  const inOrder = revisions.toSorted((one, other) => one - other);
  const present = new Set(revisions);
  const first = events[0]!.revision;
  for (let lost = first; lost <= inOrder.at(-1)!; lost++) {
    if (present.has(lost)) continue;
    const next = revisions.findIndex((revision) => revision > lost);
    const [low, high] = [events[next - 1]?.stood ?? 0, events[next]?.stood ?? Number.POSITIVE_INFINITY];
    const position = [...gone].find((one) => low < one && one < high);
    if (position !== undefined) gone.delete(position);
    const at = position === undefined ? {} : { position: position as Position };
    findings.push({ kind: 'missing', tenant, stream: events[0]!.stream, revision: lost, ...at });
  }
  for (const [index, brief] of events.entries()) {
    const truth = truths.get(brief);
    if (truth === undefined) continue;
    if (typeof truth === 'number' && inOrder[index] !== revisions[index])
      findings.push(named(tenant, 'reordered', brief));
    else if (truth === 'changed') findings.push(named(tenant, 'changed', brief));
    // What follows a finding in its stream differs because of it; what none precedes was changed itself.
    else if (findings.length === 0) findings.push(named(tenant, 'changed', brief));
  }
  return findings;
}

async function truthOf(
  tenant: TenantId,
  { position, revision }: Brief,
  log: Pick<EventLog, 'readAll'>,
  keys: KeyRing | undefined,
): Promise<Truth> {
  if (!keys) return 'unknown';
  const [event] = await log.readAll(tenant, (position - 1) as Position, 1);
  if (!event) return 'unknown';
  let parts: ReturnType<typeof splitPayload>;
  try {
    parts = splitPayload(event.payload);
  } catch {
    return 'changed';
  }
  const key = (await keys.find(tenant, [parts.subject])).get(parts.subject);
  if (!key) return 'unknown';
  const opens = (at: number): boolean => {
    try {
      key.open(parts.sealed, sealContext({ ...event, revision: at as StoredEvent['revision'] }));
      return true;
    } catch (error) {
      if (error instanceof SealBroken) return false;
      throw error;
    }
  };
  if (opens(revision)) return revision;
  for (let shift = 1; shift <= shiftMax; shift++) {
    if (opens(revision + shift)) return revision + shift;
    if (revision >= shift && opens(revision - shift)) return revision - shift;
  }
  return 'changed';
}

function named(tenant: TenantId, kind: Finding['kind'], { stream, revision, position }: Brief): Finding {
  return { kind, tenant, stream, revision, position };
}

function knownIn(found: readonly Finding[]): (finding: Finding) => boolean {
  const positions = found.flatMap(({ position, through }) =>
    position === undefined ? [] : [[position, through ?? position]],
  );
  const places = new Set(found.map(({ stream, revision }) => `${stream} ${revision}`));
  return ({ stream, revision, position = 0, through = position }) =>
    (stream !== undefined && places.has(`${stream} ${revision}`)) ||
    positions.some(([from, to]) => from! <= position && through <= to!);
}

const nameOf = (hash: Uint8Array): string => Buffer.from(hash.subarray(0, traceBytes)).toString('hex');

function namesIn(trace: Uint8Array): string[] {
  const names: string[] = [];
  for (let at = 0; at < trace.length; at += traceBytes) names.push(nameOf(trace.subarray(at, at + traceBytes)));
  return names;
}
