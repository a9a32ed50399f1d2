/**
 * Makes anchors: every hour, every 10,000 events of a tenant, when the server stops and when somebody asks. Each goes
 * on from the one before, so what it costs is reading the new events once. Of several nodes the tenant's owner makes
 * them; the others take them over, so that the directory of each is a witness of its own.
 */
import type { Subscription } from 'rxjs';
import { NO_POSITION, type Position, type TenantId } from '../../../domain/shared/ids.ts';
import type { Clock } from '../../clock.ts';
import type { Ownership } from '../../cluster/ownership.port.ts';
import type { EventLog } from '../port.ts';
import { type Anchor, type AnchorSeal, inForce, rolled, standingAt, traceBytes, unrolled } from './anchor.ts';
import type { AnchorPlace } from './port.ts';

export interface AnchorsOptions {
  readonly log: Pick<EventLog, 'readAll' | 'tenants' | 'commits' | 'head'>;
  readonly seal: AnchorSeal;
  /** Written in this order; the others are brought up to the first. */
  readonly places: readonly AnchorPlace[];
  readonly clock: Clock;
  /** Whose logs this node anchors by itself; all of them unless told. */
  readonly ownership?: Pick<Ownership, 'isMine'>;
  readonly everyMs?: number;
  readonly everyEvents?: number;
  readonly onError: (error: unknown, tenant?: TenantId) => void;
}

const hourMs = 3_600_000;
/** A first look soon after the start: what was appended before a crash is anchored then. */
const firstAfterMs = 15_000;
const pageSize = 1_000;

/** The log ends before an anchor, or the anchors of the two places contradict each other: verify says more. */
export class AnchorsContradict extends Error {
  override readonly name = 'AnchorsContradict';
}

/** Without `mac` before the first. */
type Last = Pick<Anchor, 'position' | 'count' | 'hash'> & { readonly mac?: string };

export class Anchors {
  readonly #options: AnchorsOptions;
  readonly #everyEvents: number;
  readonly #last = new Map<TenantId, Last>();
  readonly #running = new Map<TenantId, Promise<unknown>>();
  readonly #subscription: Subscription;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(options: AnchorsOptions) {
    this.#options = options;
    this.#everyEvents = options.everyEvents ?? 10_000;
    this.#subscription = options.log.commits.subscribe(({ tenant, head }) => {
      const last = this.#last.get(tenant);
      if (last && head - last.position >= this.#everyEvents && this.#isMine(tenant)) this.#inBackground(tenant);
    });
  }

  start(): void {
    this.#plan(firstAfterMs);
  }

  /** Anchors what is new, as far as the time allows; the rest is anchored after the next start. */
  async stop(withinMs = 1_500): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#subscription.unsubscribe();
    const untilMs = this.#options.clock.nowMs() + withinMs;
    await this.#all(() => this.#options.clock.nowMs() < untilMs);
  }

  /**
   * Anchors the tenant's log as it is now; undefined when nothing is new.
   * @throws AnchorsContradict
   */
  async anchor(tenant: TenantId): Promise<Anchor | undefined> {
    return this.#alone(tenant, () => this.#anchor(tenant));
  }

  /** Says that the log was brought back to where it is now on purpose: what was anchored behind that is given up. */
  async restored(tenant: TenantId): Promise<void> {
    const { log, seal, places, clock } = this.#options;
    const head = await log.head(tenant);
    const known = await Promise.all(places.map((place) => this.#ours(place, tenant)));
    const standing = standingAt(known, head);
    const marker = (after: number): Anchor => {
      const { position, count, hash } = standing[after - 1] ?? beginning;
      return seal.sealed({ tenant, position, count, hash, trace: '', at: clock.instant(), restored: true });
    };
    const end = marker(standing.length);
    for (const [index, place] of places.entries()) {
      const held = inForce(known[index] ?? []).filter(({ restored }) => !restored);
      const differs = held.findIndex(({ mac }, nth) => mac !== standing[nth]?.mac);
      const same = differs < 0 ? held.length : differs;
      // Back to where both were one, and from there on what the restored log was anchored by.
      await place.append([...(differs < 0 ? [] : [marker(same)]), ...standing.slice(same), end]);
    }
    this.#last.set(tenant, end);
    await this.anchor(tenant);
  }

  #isMine(tenant: TenantId): boolean {
    return this.#options.ownership?.isMine(tenant) ?? true;
  }

  /** Whoever asks while others are at it wants what came since. */
  async #alone<T>(tenant: TenantId, work: () => Promise<T>): Promise<T> {
    for (let running = this.#running.get(tenant); running; running = this.#running.get(tenant)) {
      await running.catch(() => undefined);
    }
    const done = work()
      .catch((error: unknown) => {
        // One place may have it and the other not: the next time both are looked at again.
        this.#last.delete(tenant);
        throw error;
      })
      .finally(() => this.#running.delete(tenant));
    this.#running.set(tenant, done);
    return done;
  }

  #plan(afterMs: number): void {
    this.#cancelTimer = this.#options.clock.after(afterMs, async () => {
      await this.#all(() => !this.#isStopped);
      if (!this.#isStopped) this.#plan(this.#options.everyMs ?? hourMs);
    });
  }

  async #all(goesOn: () => boolean): Promise<void> {
    try {
      for (const { tenant, head } of await this.#options.log.tenants()) {
        if (!goesOn()) return;
        if (this.#last.get(tenant)?.position === head) continue;
        const work = this.#isMine(tenant) ? this.anchor(tenant) : this.#alone(tenant, () => this.#takeOver(tenant));
        await work.catch((error: unknown) => this.#options.onError(error, tenant));
      }
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #inBackground(tenant: TenantId): void {
    if (this.#running.has(tenant)) return;
    void this.anchor(tenant).catch((error: unknown) => this.#options.onError(error, tenant));
  }

  async #anchor(tenant: TenantId): Promise<Anchor | undefined> {
    const last = await this.#takeOver(tenant);
    const made = await this.#make(tenant, last, await this.#options.log.head(tenant));
    const newest = made.at(-1);
    this.#last.set(tenant, newest ?? last);
    return newest;
  }

  /** Makes the anchors from `last` to `head`. */
  async #make(tenant: TenantId, last: Last, head: Position): Promise<Anchor[]> {
    const { log, seal, places, clock } = this.#options;
    const made: Anchor[] = [];
    let { position, count } = last;
    let hash: Uint8Array = Buffer.from(last.hash, 'hex');
    let trace: Uint8Array[] = [];
    while (position < head) {
      const page = await log.readAll(tenant, position, Math.min(pageSize, this.#everyEvents - trace.length));
      for (const event of page) {
        if (event.position > head) break;
        hash = rolled(hash, event.hash);
        trace.push(event.hash.subarray(0, traceBytes));
        position = event.position;
        count++;
      }
      const isAtEnd = page.length === 0 || position >= head;
      if (trace.length > 0 && (isAtEnd || trace.length >= this.#everyEvents)) {
        const anchor = seal.sealed({
          ...{ tenant, position, count, at: clock.instant() },
          hash: Buffer.from(hash).toString('hex'),
          trace: Buffer.concat(trace).toString('base64'),
        });
        for (const place of places) await place.append([anchor]);
        made.push(anchor);
        trace = [];
      }
      if (page.length === 0) break;
    }
    return made;
  }

  /** The newest there is, which all of this node's places have then, whoever made it. */
  async #takeOver(tenant: TenantId): Promise<Last> {
    const known = this.#last.get(tenant);
    const [first, ...others] = this.#options.places;
    const news = known?.mac === undefined ? undefined : await first?.readAfter(tenant, known.mac);
    if (!known || !news || news.some(({ restored }) => restored)) {
      const last = await this.#lastOf(tenant);
      this.#last.set(tenant, last);
      return last;
    }
    const ours = news.filter((anchor) => this.#options.seal.isOurs(anchor));
    for (const place of ours.length > 0 ? others : []) {
      // Nodes may share it.
      const held = (await place.readAfter(tenant, known.mac ?? '')) ?? (await place.read(tenant));
      const has = new Set(held.map(({ mac }) => mac));
      const lacking = ours.filter(({ mac }) => !has.has(mac));
      if (lacking.length > 0) await place.append(lacking);
    }
    const last = newestOf(ours.map((anchor) => [anchor])) ?? known;
    this.#last.set(tenant, last);
    return last;
  }

  /** The newest of either place; what a crash kept out of the other is written there. */
  async #lastOf(tenant: TenantId): Promise<Last> {
    const { places, log } = this.#options;
    const [first, ...others] = await Promise.all(
      places.map(async (place) => ({ place, anchors: await this.#ours(place, tenant) })),
    );
    for (const { place, anchors } of others) {
      const newest = anchors.at(-1)?.mac;
      const from = (first?.anchors.findIndex(({ mac }) => mac === newest) ?? -1) + 1;
      const lacking = newest !== undefined && from === 0 ? [] : (first?.anchors.slice(from) ?? []);
      if (lacking.length > 0) await place.append(lacking);
    }
    const last = newestOf([first, ...others].map((one) => inForce(one?.anchors ?? []))) ?? beginning;
    if ((await log.head(tenant)) < last.position)
      throw new AnchorsContradict(`the log ends before position ${last.position}, which was anchored`);
    return last;
  }

  async #ours(place: AnchorPlace, tenant: TenantId): Promise<Anchor[]> {
    return (await place.read(tenant)).filter((anchor) => this.#options.seal.isOurs(anchor));
  }
}

const beginning: Last = { position: NO_POSITION, count: 0, hash: Buffer.from(unrolled).toString('hex') };

function newestOf(lists: readonly (readonly Anchor[])[]): Anchor | undefined {
  const newest = lists.flatMap((anchors) => anchors.at(-1) ?? []);
  return newest.sort((one, other) => other.position - one.position)[0];
}
