/**
 * A node's lease on its life, and through it on the tenants it works for. It renews its row while it lives; whoever
 * finds a row expired deletes it, and only from then on what that node had can be claimed. By then the node itself has
 * long stopped to regard anything as its own: it counts from before it asked, on a clock that nobody sets, and to an
 * earlier end.
 */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import type pg from 'pg';
import { Subject, type Subscription } from 'rxjs';
import type { TenantId } from '../../../../domain/shared/ids.ts';
import type { Bulletin } from '../../bulletin.port.ts';
import type { NodeList, NodeStanding } from '../../nodes.port.ts';
import type { Hold, Ownership, OwnershipChange } from '../../ownership.port.ts';
import { OwnTenants } from './own-tenants.ts';
import { hasEnded, processSpace } from './process-space.ts';
import { preferred } from './rendezvous.ts';
import { NodeRows, type Renewed } from './rows.ts';
import { late, within } from './within.ts';

export interface NodeLeasesOptions {
  readonly pool: Pick<pg.Pool, 'query'>;
  readonly bulletin: Pick<Bulletin, 'post' | 'heard' | 'gaps'>;
  readonly version: string;
  /** How long a node counts as living after its last word; 6 s unless told. */
  readonly leaseMs?: number;
  /** 2 s unless told. */
  readonly renewEveryMs?: number;
  /** How much sooner than the database a node regards its lease as over; 1 s unless told. */
  readonly marginMs?: number;
  /** A clock that only goes forward. */
  readonly nowMs?: () => number;
  readonly processSpace?: string;
  /** Told of every claim that failed, and of the first renewal of a row; both are tried again by themselves. */
  readonly onError: (error: unknown) => void;
}

/** Renewals without an answer, at most. */
const underWayMax = 3;
/** After one that failed: what is lost by then is had again the sooner. */
const retryMs = 500;
const stopWithinMs = 1_000;

export class NodeLeases implements Ownership, NodeList {
  readonly changes = new Subject<OwnershipChange>();
  readonly #options: NodeLeasesOptions;
  readonly #rows: NodeRows;
  readonly #leaseMs: number;
  readonly #renewEveryMs: number;
  readonly #nowMs: () => number;
  readonly #tenants = new OwnTenants();
  /** Left in a statement that has no answer yet. */
  readonly #givenUp = new Set<TenantId>();
  #id = randomUUID();
  #validUntilMs = Number.NEGATIVE_INFINITY;
  /** What `changes` told last of those in `#mine`. */
  #isToldValid = false;
  #others: Renewed['others'] = [];
  #isWorking = true;
  /** A claim or a release had no answer. */
  #isUnsure = false;
  #underWay = 0;
  /** Renewals in a row that failed. */
  #failures = 0;
  /** One look at who has what at a time. */
  #looking: Promise<void> = Promise.resolve();
  #beat: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #heard: Subscription[] = [];
  #isStopped = true;

  constructor(options: NodeLeasesOptions) {
    this.#options = options;
    this.#rows = new NodeRows(options.pool);
    this.#leaseMs = options.leaseMs ?? 6_000;
    this.#renewEveryMs = options.renewEveryMs ?? 2_000;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** This life of the node: another one begins when it was found expired. */
  get id(): string {
    return this.#id;
  }

  async start(tenants: readonly TenantId[]): Promise<void> {
    this.#isStopped = false;
    const space = this.#options.processSpace ?? (await processSpace());
    const before = (await this.#rows.inSpace(space)).filter(({ pid }) => pid === process.pid || hasEnded(pid));
    if (before.length > 0) await this.#rows.delete(before.map(({ id }) => id));
    await this.#register(space);
    const { bulletin } = this.#options;
    const look = () => void this.#renew();
    const nodes = bulletin.heard.subscribe(({ topic }) => topic === 'nodes' && look());
    this.#heard = [nodes, bulletin.gaps.subscribe(look)];
    await this.#serially(async () => {
      await this.#take(await this.#inTime(this.#rows.free()));
      await this.#take(tenants.filter((tenant) => !this.#tenants.has(tenant)));
    });
    this.#tell('came');
    this.#beatLater();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#beat);
    for (const subscription of this.#heard) subscription.unsubscribe();
    await within(stopWithinMs, this.#looking);
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#toldInvalid();
    clearTimeout(this.#end);
    // Where that has no answer in time, its lease ends by itself.
    await within(stopWithinMs, this.#rows.delete([this.#id]).catch(this.#options.onError));
    this.#tell('went');
    this.changes.complete();
  }

  isMine(tenant: TenantId): boolean {
    return this.#tenants.has(tenant) && this.#nowMs() < this.#validUntilMs;
  }

  isAlone(): boolean {
    return this.#others.length === 0;
  }

  async claim(tenant: TenantId): Promise<boolean> {
    if (this.#tenants.isKnown(tenant)) return this.isMine(tenant);
    await this.#serially(async () => {
      if (!this.#tenants.isKnown(tenant)) await this.#claim([tenant]);
    });
    return this.isMine(tenant);
  }

  hold(tenant: TenantId): Hold | undefined {
    if (!this.isMine(tenant) || this.#tenants.isLeaving(tenant)) return undefined;
    const id = this.#id;
    const letGo = this.#tenants.hold(tenant);
    let isOver = false;
    return {
      isValid: () => !isOver && id === this.#id && this.isMine(tenant),
      release: () => {
        if (isOver) return;
        isOver = true;
        letGo();
        if (this.#tenants.isLeaving(tenant)) void this.#serially(() => this.#handOver());
      },
    };
  }

  async list(): Promise<NodeStanding[]> {
    return (await this.#rows.list()).map((row) => ({
      ...{ id: row.id, host: row.host, pid: row.pid, version: row.version, isWorking: row.is_working },
      startedAt: row.started_at.toISOString(),
      expiresInMs: row.expires_in_ms,
      tenants: row.tenants,
      lastGainedAt: row.last_gained_at?.toISOString() ?? null,
      isThis: row.id === this.#id,
    }));
  }

  counts(): { readonly nodes: number; readonly tenants: number } {
    return { nodes: this.#others.length + 1, tenants: this.#nowMs() < this.#validUntilMs ? this.#tenants.size : 0 };
  }

  resign(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    for (const tenant of this.#tenants.all()) this.#tenants.leave(tenant);
    void this.#serially(() => this.#handOver()).then(() => this.#renew());
  }

  async #register(space: string): Promise<void> {
    const { version } = this.#options;
    const sentMs = this.#nowMs();
    const node = { id: this.#id, host: os.hostname(), pid: process.pid, processSpace: space, version };
    await this.#inTime(this.#rows.insert(node, this.#leaseMs));
    this.#extend(sentMs);
    // Whoever registers after this one finds it, and this one finds whoever did before.
    await this.#renewed();
  }

  #beatLater(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#beat);
    this.#beat = setTimeout(
      () => {
        this.#beatLater();
        if (this.#underWay < underWayMax) void this.#renew();
      },
      this.#failures > 0 ? Math.min(retryMs, this.#renewEveryMs) : this.#renewEveryMs,
    );
    this.#beat.unref();
  }

  async #renew(): Promise<void> {
    if (this.#isStopped) return;
    this.#underWay++;
    try {
      const id = this.#id;
      const renewed = await this.#renewed();
      this.#failures = 0;
      if (this.#isStopped) return;
      if (!renewed) await this.#serially(async () => id === this.#id && (await this.#beginAnew()));
      else if (renewed.is_anyone_expired || renewed.is_anything_free || this.#tenants.hasLeaving || this.#isUnsure) {
        await this.#serially(() => this.#look(renewed.is_anyone_expired));
      }
    } catch (error) {
      if (this.#failures++ > 0) return;
      this.#options.onError(error);
      this.#beatLater();
    } finally {
      this.#underWay--;
    }
  }

  /** Undefined when somebody found this node expired. */
  async #renewed(): Promise<Renewed | undefined> {
    const id = this.#id;
    const sentMs = this.#nowMs();
    const renewed = await this.#inTime(this.#rows.renew(id, this.#leaseMs, this.#isWorking));
    if (id !== this.#id) return renewed;
    if (!renewed.is_there) return undefined;
    this.#extend(sentMs);
    const isOther = JSON.stringify(renewed.others) !== JSON.stringify(this.#others);
    this.#others = renewed.others;
    if (isOther) this.#prefer();
    return renewed;
  }

  #extend(sentMs: number): void {
    const untilMs = sentMs + this.#leaseMs - (this.#options.marginMs ?? 1_000);
    if (untilMs <= Math.max(this.#validUntilMs, this.#nowMs()) || this.#isStopped) return;
    this.#validUntilMs = untilMs;
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.#toldInvalid(), Math.max(0, untilMs - this.#nowMs()));
    this.#end.unref();
    if (this.#isToldValid) return;
    this.#isToldValid = true;
    if (this.#tenants.size > 0) this.changes.next({ tenants: this.#tenants.all(), isMine: true });
  }

  #toldInvalid(): void {
    if (!this.#isToldValid || this.#nowMs() < this.#validUntilMs) return;
    this.#isToldValid = false;
    if (this.#tenants.size > 0) this.changes.next({ tenants: this.#tenants.all(), isMine: false });
  }

  /** Whoever looked found this node expired: what it had may be others' by now. */
  async #beginAnew(): Promise<void> {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#toldInvalid();
    this.#tenants.clear();
    this.#givenUp.clear();
    this.#id = randomUUID();
    await this.#register(this.#options.processSpace ?? (await processSpace()));
    await this.#take(await this.#inTime(this.#rows.free()));
  }

  /** The tenants nobody has are taken by whom they fall to; own ones that fall to another go there. */
  async #look(isAnyoneExpired: boolean): Promise<void> {
    if (isAnyoneExpired) {
      await this.#inTime(this.#rows.deleteExpired(this.#id));
      await this.#renewed();
    }
    if (this.#isUnsure) await this.#makeSure();
    await this.#take(await this.#inTime(this.#rows.free()));
    await this.#handOver();
  }

  /** What was claimed or left in a statement without an answer: the rows tell. */
  async #makeSure(): Promise<void> {
    this.#isUnsure = false;
    const own = await this.#sure(this.#rows.of(this.#id));
    const unknown = own.filter((tenant) => !this.#tenants.has(tenant) && !this.#givenUp.has(tenant));
    await this.#release(own.filter((tenant) => this.#givenUp.has(tenant)));
    this.#givenUp.clear();
    this.#gained(unknown);
  }

  async #take(tenants: readonly TenantId[]): Promise<void> {
    const nodes = this.#candidates();
    await this.#claim(tenants.filter((tenant) => preferred(tenant, nodes) === this.#id));
  }

  async #claim(tenants: readonly TenantId[]): Promise<void> {
    if (tenants.length === 0 || !this.#isWorking || this.#isStopped) return;
    const claimed = await this.#sure(this.#rows.claim(tenants, this.#id));
    this.#gained(claimed);
    this.#tenants.notGained(tenants);
  }

  #gained(tenants: readonly TenantId[]): void {
    if (tenants.length === 0) return;
    this.#tenants.gained(tenants);
    this.#prefer(tenants);
    if (this.#isToldValid) this.changes.next({ tenants, isMine: true });
  }

  /** Which of the own tenants fall to another node, now that there are others, or now that these are own. */
  #prefer(gained?: readonly TenantId[]): void {
    if (!gained) this.#tenants.forgetOthers();
    if (this.#others.length === 0) return;
    const nodes = this.#candidates();
    for (const tenant of gained ?? this.#tenants.all()) {
      const to = preferred(tenant, nodes);
      if (to !== undefined && to !== this.#id) this.#tenants.leave(tenant);
    }
  }

  #candidates(): string[] {
    const working = this.#others.flatMap(({ id, isWorking }) => (isWorking ? [id] : []));
    return this.#isWorking ? [...working, this.#id] : working;
  }

  async #handOver(): Promise<void> {
    const idle = this.#tenants.idle();
    if (idle.length === 0 || this.#isStopped) return;
    this.#tenants.lost(idle);
    if (this.#isToldValid) this.changes.next({ tenants: idle, isMine: false });
    await this.#release(idle);
    this.#tell('left tenants');
  }

  async #release(tenants: readonly TenantId[]): Promise<void> {
    if (tenants.length === 0) return;
    for (const tenant of tenants) this.#givenUp.add(tenant);
    await this.#sure(this.#rows.release(tenants, this.#id));
    for (const tenant of tenants) this.#givenUp.delete(tenant);
  }

  /** Once its answer is missing, also one that comes late after all, the rows are looked at. */
  async #sure<T>(change: Promise<T>): Promise<T> {
    try {
      return await this.#inTime(change);
    } catch (error) {
      const unsure = () => {
        this.#isUnsure = true;
      };
      unsure();
      void change.then(unsure, unsure);
      throw error;
    }
  }

  async #inTime<T>(asked: Promise<T>): Promise<T> {
    const answer = await within(this.#leaseMs, asked);
    if (answer === late) throw new Error('The database did not answer in time.');
    return answer;
  }

  #serially(work: () => Promise<unknown>): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      await work();
    });
    this.#looking = this.#looking.catch(this.#options.onError);
    return this.#looking;
  }

  #tell(what: string): void {
    this.#options.bulletin.post('nodes', what, `${what} ${this.#id}`);
  }
}
