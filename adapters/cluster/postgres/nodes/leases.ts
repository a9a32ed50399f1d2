/**
 * Which tenants a node has, by leases: rows that name it, and that count while its own row lives (`life.ts`). Only once
 * that is gone what the node had can be claimed. A tenant falls to one of the living nodes by its name; one that falls
 * to another goes there when no work holds it.
 */
import type pg from 'pg';
import { Subject, type Subscription } from 'rxjs';
import type { TenantId } from '../../../../domain/shared/ids.ts';
import { within } from '../../../within.ts';
import type { Bulletin } from '../../bulletin.port.ts';
import type { NodeList, NodeStanding } from '../../nodes.port.ts';
import type { Hold, Ownership, OwnershipChange } from '../../ownership.port.ts';
import { type LifeOptions, NodeLife } from './life.ts';
import { OwnTenants } from './own-tenants.ts';
import { preferred } from './rendezvous.ts';
import { NodeRows, type Renewed } from './rows.ts';

export interface NodeLeasesOptions extends LifeOptions {
  readonly pool: Pick<pg.Pool, 'query'>;
  readonly bulletin: Pick<Bulletin, 'post' | 'heard' | 'gaps'>;
}

const stopWithinMs = 1_000;

export class NodeLeases implements Ownership, NodeList {
  readonly changes = new Subject<OwnershipChange>();
  readonly #options: NodeLeasesOptions;
  readonly #rows: NodeRows;
  readonly #life: NodeLife;
  readonly #tenants = new OwnTenants();
  /** Left in a statement that has no answer yet. */
  readonly #givenUp = new Set<TenantId>();
  #isWorking = true;
  /** A claim or a release had no answer. */
  #isUnsure = false;
  /** One look at who has what at a time. */
  #looking: Promise<void> = Promise.resolve();
  #heard: Subscription[] = [];

  constructor(options: NodeLeasesOptions) {
    this.#options = options;
    this.#rows = new NodeRows(options.pool);
    this.#life = new NodeLife(this.#rows, options, {
      isWorking: () => this.#isWorking,
      turned: (isValid) => this.#told(this.#tenants.all(), isValid),
      othersChanged: () => this.#prefer(),
      renewed: (renewed) => this.#renewed(renewed),
      foundExpired: (id) => this.#serially(async () => id === this.id && (await this.#beginAnew())),
    });
  }

  /** This life of the node: another one begins when it was found expired. */
  get id(): string {
    return this.#life.id;
  }

  async start(tenants: readonly TenantId[]): Promise<void> {
    await this.#life.begin();
    const { bulletin } = this.#options;
    const look = () => void this.#life.look();
    const nodes = bulletin.heard.subscribe(({ topic }) => topic === 'nodes' && look());
    this.#heard = [nodes, bulletin.gaps.subscribe(look)];
    await this.#serially(async () => {
      await this.#take(await this.#free());
      await this.#take(tenants.filter((tenant) => !this.#tenants.has(tenant)));
    });
    this.#tell('came');
    this.#life.beat();
  }

  async stop(): Promise<void> {
    if (this.#life.isOver) return;
    this.#life.stop();
    for (const subscription of this.#heard) subscription.unsubscribe();
    await within(stopWithinMs, this.#looking);
    await this.#life.end();
    this.#tell('went');
    this.changes.complete();
  }

  isMine(tenant: TenantId): boolean {
    return this.#tenants.has(tenant) && this.#life.isValid;
  }

  isAlone(): boolean {
    return this.#life.others.length === 0;
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
    const { id } = this;
    const letGo = this.#tenants.hold(tenant);
    let isOver = false;
    return {
      isValid: () => !isOver && id === this.id && this.isMine(tenant),
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
      isThis: row.id === this.id,
    }));
  }

  counts(): { readonly nodes: number; readonly tenants: number } {
    return { nodes: this.#life.others.length + 1, tenants: this.#life.isValid ? this.#tenants.size : 0 };
  }

  resign(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    for (const tenant of this.#tenants.all()) this.#tenants.leave(tenant);
    void this.#serially(() => this.#handOver()).then(() => this.#life.look());
  }

  async #renewed({ is_anyone_expired, is_anything_free }: Renewed): Promise<void> {
    const isToDo = is_anyone_expired || is_anything_free || this.#tenants.hasLeaving || this.#isUnsure;
    if (isToDo) await this.#serially(() => this.#look(is_anyone_expired));
  }

  /** What it had may be others' by now. */
  async #beginAnew(): Promise<void> {
    this.#life.invalidate();
    this.#tenants.clear();
    this.#givenUp.clear();
    await this.#life.beginAnew();
    await this.#take(await this.#free());
  }

  /** The tenants nobody has are taken by whom they fall to; own ones that fall to another go there. */
  async #look(isAnyoneExpired: boolean): Promise<void> {
    if (isAnyoneExpired) {
      await this.#life.inTime(this.#rows.deleteExpired(this.id));
      await this.#life.renew();
    }
    if (this.#isUnsure) await this.#makeSure();
    await this.#take(await this.#free());
    await this.#handOver();
  }

  /** What was claimed or left in a statement without an answer: the rows tell. */
  async #makeSure(): Promise<void> {
    this.#isUnsure = false;
    const own = await this.#sure(this.#rows.of(this.id));
    const unknown = own.filter((tenant) => !this.#tenants.has(tenant) && !this.#givenUp.has(tenant));
    await this.#release(own.filter((tenant) => this.#givenUp.has(tenant)));
    this.#givenUp.clear();
    this.#gained(unknown);
  }

  #free(): Promise<TenantId[]> {
    return this.#life.inTime(this.#rows.free());
  }

  async #take(tenants: readonly TenantId[]): Promise<void> {
    const nodes = this.#candidates();
    await this.#claim(tenants.filter((tenant) => preferred(tenant, nodes) === this.id));
  }

  async #claim(tenants: readonly TenantId[]): Promise<void> {
    if (tenants.length === 0 || !this.#isWorking || this.#life.isOver) return;
    const claimed = await this.#sure(this.#rows.claim(tenants, this.id));
    this.#gained(claimed);
    this.#tenants.notGained(tenants);
  }

  #gained(tenants: readonly TenantId[]): void {
    this.#tenants.gained(tenants);
    this.#prefer(tenants);
    if (this.#life.isToldValid) this.#told(tenants, true);
  }

  /** Which of the own tenants fall to another node, now that there are others, or now that these are own. */
  #prefer(gained?: readonly TenantId[]): void {
    if (!gained) this.#tenants.forgetOthers();
    if (this.isAlone()) return;
    const nodes = this.#candidates();
    for (const tenant of gained ?? this.#tenants.all()) {
      const to = preferred(tenant, nodes);
      if (to !== undefined && to !== this.id) this.#tenants.leave(tenant);
    }
  }

  #candidates(): string[] {
    const working = this.#life.others.flatMap(({ id, isWorking }) => (isWorking ? [id] : []));
    return this.#isWorking ? [...working, this.id] : working;
  }

  async #handOver(): Promise<void> {
    const idle = this.#tenants.idle();
    if (idle.length === 0 || this.#life.isOver) return;
    this.#tenants.lost(idle);
    if (this.#life.isToldValid) this.#told(idle, false);
    await this.#release(idle);
    this.#tell('left tenants');
  }

  async #release(tenants: readonly TenantId[]): Promise<void> {
    if (tenants.length === 0) return;
    for (const tenant of tenants) this.#givenUp.add(tenant);
    await this.#sure(this.#rows.release(tenants, this.id));
    for (const tenant of tenants) this.#givenUp.delete(tenant);
  }

  /** Once its answer is missing, also one that comes late after all, the rows are looked at. */
  async #sure<T>(change: Promise<T>): Promise<T> {
    try {
      return await this.#life.inTime(change);
    } catch (error) {
      const unsure = () => {
        this.#isUnsure = true;
      };
      unsure();
      void change.then(unsure, unsure);
      throw error;
    }
  }

  #serially(work: () => Promise<unknown>): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      await work();
    });
    this.#looking = this.#looking.catch(this.#options.onError);
    return this.#looking;
  }

  #told(tenants: readonly TenantId[], isMine: boolean): void {
    if (tenants.length > 0) this.changes.next({ tenants, isMine });
  }

  #tell(what: string): void {
    this.#options.bulletin.post('nodes', what, `${what} ${this.id}`);
  }
}
