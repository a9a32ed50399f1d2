/**
 * Proves a log against its anchors while somebody else walks it: that the anchors are ours and the same in both
 * places, and that every event still stands where it stood. What does not fit is named by `diagnose`.
 */
import { NO_POSITION, type Position, type TenantId } from '../../../domain/shared/ids.ts';
import type { KeyRing } from '../../crypto.port.ts';
import type { Finding } from '../finding.ts';
import type { EventLog, StoredEvent } from '../port.ts';
import { type Anchor, type AnchorSeal, inForce, rolled, traceBytes, unrolled } from './anchor.ts';
import { diagnose } from './diagnose.ts';
import type { AnchorPlace } from './port.ts';

export interface AnchorProofOptions {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly places: readonly AnchorPlace[];
  /** Where the master key is at hand: without it anybody's anchors count. */
  readonly seal?: AnchorSeal;
  /** With it the events that do not fit are opened: a seal is bound to the place it was made for. */
  readonly keys?: KeyRing;
}

export interface AnchorProof {
  /** Of every event, in the order of positions. */
  step(event: StoredEvent): void;
  /** After the last event. `found`: what the walk itself found; it is not said twice. */
  finish(found: readonly Finding[]): Promise<Finding[]>;
}

/** @returns a proof over the anchors there are now. */
export async function anchorProof(tenant: TenantId, options: AnchorProofOptions): Promise<AnchorProof> {
  const { log, places, seal, keys } = options;
  const findings: Finding[] = [];
  const kept = await Promise.all(
    places.map(async (place) => {
      const all = await place.read(tenant);
      const ours = seal ? all.filter((anchor) => seal.isOurs(anchor)) : all;
      for (const { position } of all.filter((anchor) => !ours.includes(anchor)))
        findings.push({ kind: 'anchor forged', tenant, position, place: place.name });
      return { name: place.name, anchors: inForce(ours).filter(({ restored }) => !restored) };
    }),
  );
  findings.push(...lacking(tenant, kept));
  const anchors = [...new Map(kept.flatMap((one) => one.anchors).map((one) => [one.mac, one])).values()]
    .filter(({ position }) => position > 0)
    .sort((one, other) => one.position - other.position);

  let [next, hash]: [number, Uint8Array] = [0, unrolled];
  let good: Position = NO_POSITION;
  let isBroken = false;
  const compare = (): void => {
    const anchor = anchors[next++]!;
    if (Buffer.from(hash).toString('hex') === anchor.hash) good = anchor.position;
    else isBroken = true;
  };
  return {
    step(event) {
      while (!isBroken && next < anchors.length && anchors[next]!.position < event.position) compare();
      if (!isBroken) hash = rolled(hash, event.hash);
    },
    async finish(found) {
      while (!isBroken && next < anchors.length) compare();
      if (!isBroken) return findings;
      const trace = traceBehind(good, anchors);
      return [...findings, ...(await diagnose(tenant, { log, keys, after: good, trace, found }))];
    },
  };
}

/** Put together by position: two processes may have anchored the same events. */
function traceBehind(good: Position, anchors: readonly Anchor[]): Buffer {
  const parts = anchors
    .filter(({ position }) => position > good)
    .map(({ position, trace }) => ({ position, bytes: Buffer.from(trace, 'base64') }));
  const length = ((parts.at(-1)?.position ?? good) - good) * traceBytes;
  const all = Buffer.concat(parts.map(({ bytes }) => bytes));
  // Positions that the traces do not fill are nobody's we know: without the master key anyone can write an anchor.
  if (length > all.length) return all;
  const trace = Buffer.alloc(length);
  for (const { position, bytes } of parts) {
    const start = (position - good) * traceBytes - bytes.length;
    bytes.copy(trace, Math.max(0, start), Math.max(0, -start));
  }
  return trace;
}

/** Anchors that one place has and another lacks. The second place may not have heard of the newest yet. */
function lacking(
  tenant: TenantId,
  kept: readonly { readonly name: AnchorPlace['name']; readonly anchors: readonly Anchor[] }[],
): Finding[] {
  const [first] = kept;
  return kept.flatMap(({ name, anchors }) => {
    const has = new Set(anchors.map(({ mac }) => mac));
    const newest = anchors.at(-1)?.position ?? 0;
    return kept
      .filter((other) => other.name !== name)
      .flatMap((other) => other.anchors)
      .filter(
        ({ mac, position }) => !has.has(mac) && (name === first?.name || anchors.length === 0 || position <= newest),
      )
      .map(({ position }): Finding => ({ kind: 'anchor missing', tenant, position, place: name }));
  });
}
