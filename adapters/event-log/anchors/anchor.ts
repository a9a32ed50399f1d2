/**
 * An anchor says what a tenant's log was at a moment, so that whoever can rewrite the database and compute every hash
 * anew is still found: it is kept outside of the database too, and its MAC needs a key that is not in there.
 */
import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Instant, Position, TenantId } from '../../../domain/shared/ids.ts';
import { equalSecrets } from '../../secrets/equal.ts';

/** How an anchor is stored. */
export const anchorShape = z.object({
  tenant: z.string(),
  /** Of the last event it covers. */
  position: z.number().int().min(0),
  /** Events of the tenant up to there. */
  count: z.number().int().min(0),
  /** SHA-256 over the hashes of all events in the order of their positions, in hexadecimal; see `rolled`. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The first `traceBytes` of the hash of each event since the anchor before, in base64: they name what was changed. */
  trace: z.string(),
  at: z.string(),
  /** The log was brought back to this position on purpose: what was anchored behind it was given up. */
  restored: z.literal(true).optional(),
  /** HMAC-SHA-256 over all of it, in hexadecimal. */
  mac: z.string().regex(/^[0-9a-f]{64}$/),
});

export interface Anchor {
  readonly tenant: TenantId;
  readonly position: Position;
  readonly count: number;
  readonly hash: string;
  readonly trace: string;
  readonly at: Instant;
  readonly restored?: true;
  readonly mac: string;
}

/** Of each event's hash; enough to tell the events of one log apart. */
export const traceBytes = 6;

/** Before the first event. */
export const unrolled: Uint8Array = new Uint8Array(32);

/** The rolling hash after one more event. */
export function rolled(before: Uint8Array, eventHash: Uint8Array): Uint8Array {
  return createHash('sha256').update(before).update(eventHash).digest();
}

/** Makes and checks MACs under `key`: 32 bytes, derived from the master key, the same after every restart. */
export class AnchorSeal {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  sealed(anchor: Omit<Anchor, 'mac'>): Anchor {
    return { ...anchor, mac: this.#mac(anchor) };
  }

  isOurs(anchor: Anchor): boolean {
    return equalSecrets(anchor.mac, this.#mac(anchor));
  }

  #mac({ tenant, position, count, hash, trace, at, restored }: Omit<Anchor, 'mac'>): string {
    const said = JSON.stringify([tenant, position, count, hash, trace, at, restored ?? false]);
    return createHmac('sha256', this.#key).update(said).digest('hex');
  }
}

/** What is left of the anchors, in the order they were made, when those given up by a restore are taken out. */
export function inForce<A extends Pick<Anchor, 'position' | 'restored'>>(anchors: readonly A[]): A[] {
  const left: A[] = [];
  for (const anchor of anchors) {
    if (anchor.restored) while ((left.at(-1)?.position ?? 0) > anchor.position) left.pop();
    left.push(anchor);
  }
  return left;
}

/**
 * What was in force when the anchor `mac` was, now or before a restore gave it up: the history of a log that ends with
 * it. Undefined when it never was.
 */
function historyWith<A extends Pick<Anchor, 'position' | 'restored' | 'mac'>>(
  anchors: readonly A[],
  mac: string,
): A[] | undefined {
  for (let end = anchors.length; end > 0; end = anchors.findLastIndex(({ restored }, at) => restored && at < end)) {
    const standing = inForce(anchors.slice(0, end));
    if (standing.some((anchor) => anchor.mac === mac)) return standing;
  }
  return undefined;
}

/**
 * The anchors that a log brought back to `head` must fit, by what each place says; the first is the one that was
 * brought back with it. Markers of restores are left out.
 */
export function standingAt(places: readonly (readonly Anchor[])[], head: number): Anchor[] {
  const [first = [], ...others] = places;
  const upTo = (anchors: readonly Anchor[]) => anchors.filter((one) => !one.restored && one.position <= head);
  const own = upTo(inForce(first));
  const last = own.at(-1)?.mac;
  const theirs = others.flatMap((anchors) =>
    upTo(last === undefined ? inForce(anchors) : (historyWith(anchors, last) ?? [])),
  );
  const all = new Map([...own, ...theirs].map((anchor) => [anchor.mac, anchor]));
  return [...all.values()].sort((one, other) => one.position - other.position);
}
