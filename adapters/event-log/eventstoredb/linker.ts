/**
 * Writes the links of a tenant's events into the streams of their items, behind the appends. A link's id and place
 * follow from its event, so any node may write it, and a second time changes nothing: events of this node get their
 * links soon, those of others when they had time to do it themselves, as a node may have died before it did.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import type { StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { within } from '../../within.ts';
import type { Connection } from './connection.ts';
import { IndexDamaged } from './failure.ts';
import { type LogNames, recordId } from './names.ts';
import type { Tail, TailEntry } from './tail.ts';
import { linkTo } from './wire.ts';

export interface LinkerOptions {
  readonly tenant: TenantId;
  readonly connection: Connection;
  readonly names: LogNames;
  readonly tail: Tail;
  /** Of all tenants: appends of links that are under way at once. */
  readonly limit: LimitFunction;
  /** Links went on to another position. */
  readonly onLinked: () => Promise<void>;
  /** The links stay behind, which costs reads; they are tried again. */
  readonly onError: (error: unknown, tenant: TenantId) => void;
}

export const linkLimit = (): LimitFunction => pLimit(8);

const retryMs = 2_000;
const closesWithinMs = 1_000;

export class Linker {
  readonly #options: LinkerOptions;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: LinkerOptions) {
    this.#options = options;
  }

  /** There are events whose links are due then, by `performance.now`. */
  wakeAt(dueAtMs: number): void {
    if (this.#isClosed || this.#running || this.#wakesAtMs <= dueAtMs) return;
    clearTimeout(this.#timer);
    this.#wakesAtMs = dueAtMs;
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, dueAtMs - performance.now())).unref();
  }

  /** Writes what is due now. */
  #wake(): void {
    if (this.#isClosed || this.#running) return;
    clearTimeout(this.#timer);
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
    let retryAtMs = 0;
    this.#running = this.#run()
      .catch((error: unknown) => {
        retryAtMs = performance.now() + retryMs;
        if (!this.#isClosed && !this.#options.connection.isClosed) this.#options.onError(error, this.#options.tenant);
      })
      .finally(() => {
        this.#running = undefined;
        const next = Math.min(...this.#options.tail.waiting().map(({ dueAtMs }) => dueAtMs));
        if (Number.isFinite(next)) this.wakeAt(Math.max(next, retryAtMs));
      });
  }

  /** All that waits is due now. */
  hurry(): void {
    for (const entry of this.#options.tail.waiting()) entry.dueAtMs = 0;
    this.#wake();
  }

  /** Resolves when nothing is under way; what is not due stays. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** What is there gets its links now, as far as that takes no long time. */
  async close(): Promise<void> {
    this.hurry();
    await within(closesWithinMs, this.settled());
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    for (let due = this.#due(); due.length > 0 && !this.#isClosed; due = this.#due()) {
      const streams = Map.groupBy(due, ({ event }) => event.stream);
      const written = [...streams].map(([stream, entries]) => this.#options.limit(() => this.#write(stream, entries)));
      const results = await Promise.allSettled(written);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
      await this.#options.onLinked();
    }
  }

  /** What is due, with what stands before it in the same streams. */
  #due(): TailEntry[] {
    const waiting = this.#options.tail.waiting();
    const now = performance.now();
    const last = new Map<StreamName, number>();
    for (const { event, dueAtMs } of waiting) if (dueAtMs <= now) last.set(event.stream, event.revision);
    return waiting.filter(({ event }) => event.revision <= (last.get(event.stream) ?? -1));
  }

  async #write(stream: StreamName, entries: readonly TailEntry[]): Promise<void> {
    const { connection, names, tenant, tail } = this.#options;
    const name = names.stream(tenant, stream);
    const target = names.tenant(tenant);
    let left = entries;
    while (left.length > 0) {
      const links = left.map(({ event }) => linkTo(recordId(name, event.revision), target, event.position - 1));
      const before = left[0]!.event.revision - 1;
      if ((await connection.appendSurely(name, links, before)) === 'appended') break;
      // Another node wrote some of them meanwhile.
      const end = await connection.lastRevision(name);
      if (end < before) throw new IndexDamaged(`${name} ends at ${end}, and ${before} was there`);
      left = left.filter(({ event }) => event.revision > end);
    }
    tail.linkWritten(entries);
  }
}
