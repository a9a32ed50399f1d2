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
import { hasEnded, processSpace } from './process-space.ts';
import { preferred } from './rendezvous.ts';
import { NodeRows, type Renewed } from './rows.ts';

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
  /** Told of every renewal and claim that failed; it is tried again by itself. */
  readonly onError: (error: unknown) => void;
}

/** Renewals without an answer, at most. */
const underWayMax = 3;
const stopWithinMs = 1_000;

export class NodeLeases implements Ownership, NodeList {
  readonly changes = new Subject<OwnershipChange>();
  readonly #options: NodeLeasesOptions;
  readonly #rows: NodeRows;
  readonly #leaseMs: number;
  readonly #renewEveryMs: number;
  readonly #nowMs: () => number;
  readonly #mine = new Set<TenantId>();
  /** Fall to another node: handed over as soon as nothing holds them. */
  readonly #leaving = new Set<TenantId>();
  /** Were another node's when they were asked for. */
  readonly #notMine = new Set<TenantId>();
  readonly #holds = new Map<TenantId, number>();
  #id = randomUUID();
  #validUntilMs = Number.NEGATIVE_INFINITY;
  /** What `changes` told last of those in `#mine`. */
  #isToldValid = false;
  #others: Renewed['others'] = [];
  #isWorking = true;
  /** A claim or a release had no answer. */
  #isUnsure = false;
  #underWay = 0;
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
      await this.#take(tenants.filter((tenant) => !this.#mine.has(tenant)));
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
    return this.#mine.has(tenant) && this.#nowMs() < this.#validUntilMs;
  }

  isAlone(): boolean {
    return this.#others.length === 0;
  }

  async claim(tenant: TenantId): Promise<boolean> {
    if (this.#mine.has(tenant) || this.#notMine.has(tenant)) return this.isMine(tenant);
    await this.#serially(async () => {
      if (!this.#mine.has(tenant)) await this.#claim([tenant]);
    });
    return this.isMine(tenant);
  }

  hold(tenant: TenantId): Hold | undefined {
    if (!this.isMine(tenant) || this.#leaving.has(tenant)) return undefined;
    const id = this.#id;
    this.#holds.set(tenant, (this.#holds.get(tenant) ?? 0) + 1);
    let isOver = false;
    return {
      isValid: () => !isOver && id === this.#id && this.isMine(tenant),
      release: () => {
        if (isOver) return;
        isOver = true;
        const left = (this.#holds.get(tenant) ?? 1) - 1;
        if (left > 0) this.#holds.set(tenant, left);
        else this.#holds.delete(tenant);
        if (left <= 0 && this.#leaving.has(tenant)) void this.#serially(() => this.#handOver());
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
    return { nodes: this.#others.length + 1, tenants: this.#nowMs() < this.#validUntilMs ? this.#mine.size : 0 };
  }

  resign(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    for (const tenant of this.#mine) this.#leaving.add(tenant);
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
    this.#beat = setTimeout(() => {
      this.#beatLater();
      if (this.#underWay < underWayMax) void this.#renew();
    }, this.#renewEveryMs);
    this.#beat.unref();
  }

  async #renew(): Promise<void> {
    if (this.#isStopped) return;
    this.#underWay++;
    try {
      const id = this.#id;
      const renewed = await this.#renewed();
      if (this.#isStopped) return;
      if (!renewed) await this.#serially(async () => id === this.#id && (await this.#beginAnew()));
      else if (renewed.is_anyone_expired || renewed.is_anything_free || this.#leaving.size > 0 || this.#isUnsure) {
        await this.#serially(() => this.#look(renewed.is_anyone_expired));
      }
    } catch (error) {
      this.#options.onError(error);
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
    if (this.#mine.size > 0) this.changes.next({ tenants: [...this.#mine], isMine: true });
  }

  #toldInvalid(): void {
    if (!this.#isToldValid || this.#nowMs() < this.#validUntilMs) return;
    this.#isToldValid = false;
    if (this.#mine.size > 0) this.changes.next({ tenants: [...this.#mine], isMine: false });
  }

  /** Whoever looked found this node expired: what it had may be others' by now. */
  async #beginAnew(): Promise<void> {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#toldInvalid();
    this.#mine.clear();
    this.#leaving.clear();
    this.#notMine.clear();
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
    if (this.#isUnsure) {
      // What was claimed or left in a statement without an answer: the row tells.
      const unknown = (await this.#inTime(this.#rows.of(this.#id))).filter((tenant) => !this.#mine.has(tenant));
      this.#isUnsure = false;
      this.#gained(unknown);
    }
    await this.#take(await this.#inTime(this.#rows.free()));
    await this.#handOver();
  }

  async #take(tenants: readonly TenantId[]): Promise<void> {
    const nodes = this.#candidates();
    await this.#claim(tenants.filter((tenant) => preferred(tenant, nodes) === this.#id));
  }

  async #claim(tenants: readonly TenantId[]): Promise<void> {
    if (tenants.length === 0 || !this.#isWorking || this.#isStopped) return;
    const claimed = await this.#sure(this.#rows.claim(tenants, this.#id));
    for (const tenant of tenants) this.#notMine.add(tenant);
    this.#gained(claimed);
  }

  #gained(tenants: readonly TenantId[]): void {
    if (tenants.length === 0) return;
    for (const tenant of tenants) {
      this.#notMine.delete(tenant);
      this.#mine.add(tenant);
    }
    this.#prefer(tenants);
    if (this.#isToldValid) this.changes.next({ tenants, isMine: true });
  }

  /** Which of the own tenants fall to another node, now that there are others, or now that these are own. */
  #prefer(gained?: readonly TenantId[]): void {
    if (!gained) {
      this.#leaving.clear();
      this.#notMine.clear();
    }
    if (this.#others.length === 0) return;
    const nodes = this.#candidates();
    for (const tenant of gained ?? this.#mine) {
      const to = preferred(tenant, nodes);
      if (to !== undefined && to !== this.#id) this.#leaving.add(tenant);
    }
  }

  #candidates(): string[] {
    const working = this.#others.flatMap(({ id, isWorking }) => (isWorking ? [id] : []));
    return this.#isWorking ? [...working, this.#id] : working;
  }

  async #handOver(): Promise<void> {
    const idle = [...this.#leaving].filter((tenant) => !this.#holds.has(tenant));
    if (idle.length === 0 || this.#isStopped) return;
    for (const tenant of idle) {
      this.#leaving.delete(tenant);
      this.#mine.delete(tenant);
      this.#notMine.add(tenant);
    }
    if (this.#isToldValid) this.changes.next({ tenants: idle, isMine: false });
    await this.#sure(this.#rows.release(idle, this.#id));
    this.#tell('left tenants');
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

const late = Symbol('late');

async function within<T>(ms: number, work: Promise<T>): Promise<T | typeof late> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<typeof late>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
