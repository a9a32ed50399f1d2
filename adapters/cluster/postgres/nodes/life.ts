/**
 * A node's lease on its life. It renews its row while it lives; whoever finds a row expired deletes it. By then the
 * node itself has long stopped to regard its lease as valid: it counts from before it asked, on a clock that nobody
 * sets, and to an earlier end.
 */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { late, within } from '../../../within.ts';
import { hasEnded, processSpace } from './process-space.ts';
import type { NodeRows, Renewed } from './rows.ts';

export interface LifeOptions {
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

/** What follows from it. */
export interface LifeListener {
  isWorking(): boolean;
  /** The lease is valid from now on, or no more. */
  turned(isValid: boolean): void;
  /** Other nodes have come, gone, or stopped working. */
  othersChanged(): void;
  renewed(renewed: Renewed): Promise<void>;
  /** Somebody found this node expired: it is to begin anew, with nothing. */
  foundExpired(id: string): Promise<void>;
}

/**
 * Renewals that the database has not ended, at most: each holds a connection, and while a synchronous standby is away
 * none of them ends.
 */
const underWayMax = 4;
/** After one that failed: what is lost by then is had again the sooner. */
const retryMs = 500;
const endWithinMs = 1_000;

export class NodeLife {
  readonly #rows: NodeRows;
  readonly #options: LifeOptions;
  readonly #listener: LifeListener;
  readonly #leaseMs: number;
  readonly #renewEveryMs: number;
  readonly #nowMs: () => number;
  #id = randomUUID();
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #isToldValid = false;
  #others: Renewed['others'] = [];
  #underWay = 0;
  /** Renewals in a row that failed. */
  #failures = 0;
  #beat: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(rows: NodeRows, options: LifeOptions, listener: LifeListener) {
    this.#rows = rows;
    this.#options = options;
    this.#listener = listener;
    this.#leaseMs = options.leaseMs ?? 6_000;
    this.#renewEveryMs = options.renewEveryMs ?? 2_000;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Another one after it was found expired. */
  get id(): string {
    return this.#id;
  }

  get isValid(): boolean {
    return this.#nowMs() < this.#validUntilMs;
  }

  /** What `turned` was told last. */
  get isToldValid(): boolean {
    return this.#isToldValid;
  }

  /** Other nodes that live. */
  get others(): Renewed['others'] {
    return this.#others;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends what is known to have ended without a word, and begins. */
  async begin(): Promise<void> {
    const space = this.#options.processSpace ?? (await processSpace());
    const before = (await this.#rows.inSpace(space)).filter(({ pid }) => pid === process.pid || hasEnded(pid));
    if (before.length > 0) await this.#rows.delete(before.map(({ id }) => id));
    await this.#register(space);
  }

  async beginAnew(): Promise<void> {
    this.#id = randomUUID();
    await this.#register(this.#options.processSpace ?? (await processSpace()));
  }

  /** Renews by itself from now on. */
  beat(): void {
    if (this.#isOver) return;
    clearTimeout(this.#beat);
    this.#beat = setTimeout(
      () => {
        this.beat();
        if (this.#underWay < underWayMax) void this.look();
      },
      this.#failures > 0 ? Math.min(retryMs, this.#renewEveryMs) : this.#renewEveryMs,
    );
    this.#beat.unref();
  }

  /** Renews now, and has done what is to be done then. */
  async look(): Promise<void> {
    if (this.#isOver) return;
    try {
      const id = this.#id;
      const renewed = await this.renew();
      this.#failures = 0;
      if (this.#isOver) return;
      if (renewed) await this.#listener.renewed(renewed);
      else await this.#listener.foundExpired(id);
    } catch (error) {
      if (this.#failures++ > 0) return;
      this.#options.onError(error);
      this.beat();
    }
  }

  /** Undefined when somebody found this node expired. */
  async renew(): Promise<Renewed | undefined> {
    const id = this.#id;
    const sentMs = this.#nowMs();
    this.#underWay++;
    const asked = this.#rows.renew(id, this.#leaseMs, this.#listener.isWorking()).finally(() => {
      this.#underWay--;
    });
    const renewed = await this.inTime(asked);
    if (id !== this.#id) return renewed;
    if (!renewed.is_there) return undefined;
    this.#extend(sentMs);
    const isOther = JSON.stringify(renewed.others) !== JSON.stringify(this.#others);
    this.#others = renewed.others;
    if (isOther) this.#listener.othersChanged();
    return renewed;
  }

  /** Nothing is valid any more, before anybody else finds that. */
  invalidate(): void {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#tellInvalid();
  }

  /** Renews no more. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#beat);
  }

  /** Everything the node had is free. Where that has no answer in time, its lease ends by itself. */
  async end(): Promise<void> {
    this.invalidate();
    clearTimeout(this.#end);
    await within(endWithinMs, this.#rows.delete([this.#id]).catch(this.#options.onError));
  }

  async inTime<T>(asked: Promise<T>): Promise<T> {
    const answer = await within(this.#leaseMs, asked);
    if (answer === late) throw new Error('The database did not answer in time.');
    return answer;
  }

  async #register(space: string): Promise<void> {
    const sentMs = this.#nowMs();
    const node = { id: this.#id, host: os.hostname(), pid: process.pid, processSpace: space };
    await this.inTime(this.#rows.insert({ ...node, version: this.#options.version }, this.#leaseMs));
    this.#extend(sentMs);
    // Whoever registers after this one finds it, and this one finds whoever did before.
    await this.renew();
  }

  #extend(sentMs: number): void {
    const untilMs = sentMs + this.#leaseMs - (this.#options.marginMs ?? 1_000);
    if (untilMs <= Math.max(this.#validUntilMs, this.#nowMs()) || this.#isOver) return;
    this.#validUntilMs = untilMs;
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.#tellInvalid(), Math.max(0, untilMs - this.#nowMs()));
    this.#end.unref();
    if (this.#isToldValid) return;
    this.#isToldValid = true;
    this.#listener.turned(true);
  }

  #tellInvalid(): void {
    if (!this.#isToldValid || this.isValid) return;
    this.#isToldValid = false;
    this.#listener.turned(false);
  }
}
