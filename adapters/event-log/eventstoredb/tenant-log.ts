/** The log of one tenant: appends through a queue, one at a time, and reads of what is stored when they begin. */
import { NO_POSITION, type Position, type StreamName } from '../../../domain/shared/ids.ts';
import { type Lanes, lanes } from '../../lanes.ts';
import { type AppendOutcome, AppendRejected, type StoredEvent, type StreamWrite } from '../port.ts';
import type { Announcer } from './announcer.ts';
import { fitCount } from './batch.ts';
import { type Decision, decide } from './decide.ts';
import { IndexDamaged } from './failure.ts';
import { Knowledge, type KnowledgeOptions } from './knowledge.ts';
import { mergeStream } from './merge.ts';
import { Records, type RecordsOptions } from './records.ts';
import { SharedCall } from './shared-call.ts';
import type { ReadEvent } from './wire.ts';

export interface TenantLogOptions extends Omit<KnowledgeOptions, 'records'>, RecordsOptions {
  readonly announcer: Announcer;
  /** How long other nodes are given to link what they stored. */
  readonly graceMs: number;
}

interface Call {
  readonly writes: readonly StreamWrite[];
  /** By `performance.now`. */
  readonly cameAtMs: number;
}

const perRead = 500;
const maxWaiting = 5_000;
/** Appends wait while more events than this have no links: a cold node must read them all. */
const maxUnlinked = 4_000;
const maxReadTries = 5;
/** Links at once would stand before the next append of the same writer; and those of one stream go together so. */
const linkDelayMs = 100;

export class TenantLog {
  readonly #options: TenantLogOptions;
  readonly #records: Records;
  readonly #queue: Lanes<Call, AppendOutcome>;
  readonly #refreshed: SharedCall;
  #opened: Promise<Knowledge> | undefined;
  #current: Knowledge | undefined;
  #calls = 0;
  /** Events on their way to the store: they are told of when the store has answered, and all at once. */
  #underWay: ReadonlySet<string> = new Set();

  constructor(options: TenantLogOptions) {
    this.#options = options;
    this.#records = new Records(options);
    const { maxAppendBytes } = options;
    this.#queue = lanes({
      ...{ lanes: 1, maxWaiting },
      take: (calls) => fitCount(calls, maxAppendBytes),
      work: (calls) => this.#store(calls),
    });
    this.#refreshed = new SharedCall(() => this.#readOn());
  }

  /** Nothing is under way, so it may be forgotten. */
  get isIdle(): boolean {
    return this.#calls === 0 && (this.#current?.tail.unlinked ?? 0) === 0;
  }

  append(writes: readonly StreamWrite[]): Promise<AppendOutcome> {
    return this.#busy(() => this.#queue.run('', { writes, cameAtMs: performance.now() }));
  }

  head(): Promise<Position> {
    return this.#busy(async () => {
      // Asked of every tenant at a start: who was not opened here stays so.
      if (!this.#opened) return ((await this.#records.last())?.event.position ?? NO_POSITION) as Position;
      await this.#refreshed.run();
      return (await this.#open()).tail.head as Position;
    });
  }

  /** Resolves once everything was told of that anyone stored before: whoever remembers something may have closed this. */
  heardAll(): Promise<void> {
    return this.#busy(() => this.#refreshed.run());
  }

  readStream(stream: StreamName, from: number, limit?: number): Promise<StoredEvent[]> {
    return this.#busy(() => this.#readStream(stream, from, limit));
  }

  readAll(after: Position, limit: number): Promise<StoredEvent[]> {
    return this.#busy(async () => this.#records.filled(await this.#records.after(after, limit)));
  }

  /** An event that another node stored, or this one; told in the order of positions. */
  async heard(read: ReadEvent): Promise<void> {
    if (this.#underWay.has(read.event.id)) return;
    const [event] = await this.#records.filled([read]);
    const known = this.#current;
    if (!known) return this.#options.announcer.tell(this.#options.tenant, [event!]);
    if (read.event.position > known.tail.head + 1) await this.#refreshed.run();
    this.#add(known, [event!], this.#graceEnd(), read.linked);
  }

  /** Ends what goes on behind the appends. */
  async close(): Promise<void> {
    await this.#queue.idle();
    await this.#current?.linker.close();
  }

  async #busy<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
    }
  }

  #graceEnd(): number {
    return performance.now() + this.#options.graceMs;
  }

  #open(): Promise<Knowledge> {
    this.#opened ??= this.#openNow().catch((error) => {
      this.#forget();
      throw error;
    });
    return this.#opened;
  }

  async #openNow(): Promise<Knowledge> {
    const last = await this.#records.last();
    const known = new Knowledge({ ...this.#options, records: this.#records }, last?.linked ?? 0);
    this.#current = known;
    for (let isWhole = false; !isWhole; ) {
      const page = await this.#records.after(known.tail.head, perRead);
      known.add(await this.#records.filled(page), this.#graceEnd(), 0);
      isWhole = page.length < perRead;
    }
    this.#options.announcer.tell(this.#options.tenant, known.tail.after(known.tail.linked));
    return known;
  }

  #forget(): void {
    void this.#current?.linker.close();
    this.#current = undefined;
    this.#opened = undefined;
  }

  /** What was stored since: after it, all that was stored before it began is known. */
  async #readOn(): Promise<void> {
    const known = await this.#open();
    for (;;) {
      const page = await this.#records.after(known.tail.head, perRead);
      this.#add(known, await this.#records.filled(page), this.#graceEnd(), page.at(-1)?.linked ?? 0);
      if (page.length < perRead) return;
    }
  }

  #add(known: Knowledge, events: readonly StoredEvent[], dueAtMs: number, linked: number): void {
    this.#options.announcer.tell(this.#options.tenant, known.add(events, dueAtMs, linked));
  }

  async #readStream(stream: StreamName, from: number, limit?: number): Promise<StoredEvent[]> {
    for (let tries = 1; ; tries++) {
      const { tail } = await this.#open();
      const [before, knownTo] = [tail.of(stream), tail.head];
      const [linked] = await Promise.all([this.#records.linked(stream, from, limit), this.#refreshed.run()]);
      // What came since may be linked, and gone from the tail, later than the links were read.
      const merged = tail.holdsAfter(knownTo) && mergeStream(linked, [...before, ...tail.of(stream)], from, limit);
      if (merged) return merged;
      if (tries === maxReadTries) throw new IndexDamaged(`links of ${stream} of ${this.#options.tenant} are missing`);
    }
  }

  async #store(calls: readonly Call[]): Promise<PromiseSettledResult<AppendOutcome>[]> {
    const { connection, tenant } = this.#options;
    let until = Math.min(...calls.map(({ cameAtMs }) => cameAtMs)) + connection.patienceMs;
    const writes = calls.map((call) => call.writes);
    for (let isFresh = false; ; ) {
      const known = await this.#open();
      if (await this.#waitedForLinks(known)) until = performance.now() + connection.patienceMs;
      const what = await known.of(writes, (stream) => this.#readStream(stream, 0));
      if (what.head !== known.tail.head) continue;
      const { decisions, events } = decide(tenant, writes, what);
      if (events.length > 0) {
        if (!(await this.#append(known, events, what.head, until))) {
          isFresh = true;
          continue;
        }
      } else if (!isFresh && decisions.some(({ kind }) => kind === 'conflict')) {
        // Somebody else may have stored what this call expects.
        await this.#refreshed.run();
        isFresh = true;
        continue;
      }
      return Promise.allSettled(decisions.map((decision) => this.#outcome(decision)));
    }
  }

  /** @returns false when the log did not end at `head` any more: nothing was stored, and what came is known now. */
  async #append(known: Knowledge, events: readonly StoredEvent[], head: number, until: number): Promise<boolean> {
    this.#underWay = new Set(events.map(({ id }) => id));
    try {
      const patienceMs = Math.max(0, until - performance.now());
      if (await this.#records.append(events, head, known.tail.linked, patienceMs)) {
        this.#add(known, events, performance.now() + linkDelayMs, 0);
        return true;
      }
    } catch (error) {
      // What may be stored nevertheless was not told of yet.
      this.#refreshed.run().catch(() => {});
      throw error;
    } finally {
      this.#underWay = new Set();
    }
    await this.#refreshed.run();
    // Nobody came before: what was known here is not in the store. An earlier state of it was put in its place.
    if (known.tail.head === head) this.#forget();
    return false;
  }

  /** Patience is for a store that writes none: many events put back at once have many links. */
  async #waitedForLinks({ tail, linker }: Knowledge): Promise<boolean> {
    const { connection } = this.#options;
    let [least, until] = [tail.unlinked, performance.now() + connection.patienceMs];
    if (least <= maxUnlinked) return false;
    while (tail.unlinked > maxUnlinked) {
      linker.hurry();
      await linker.settled();
      if (tail.unlinked < least) [least, until] = [tail.unlinked, performance.now() + connection.patienceMs];
      else if (performance.now() > until) throw connection.unavailable(new Error('links cannot be written'));
      if (tail.unlinked > maxUnlinked) await connection.pause(100);
    }
    return true;
  }

  async #outcome(decision: Decision): Promise<AppendOutcome> {
    if (decision.kind === 'rejected') throw new AppendRejected(decision.reason);
    if (decision.kind === 'appended') return { kind: 'appended', commits: decision.commits };
    const { index, stream, after } = decision;
    return { kind: 'conflict', index, missed: await this.#readStream(stream, after + 1), commits: [] };
  }
}
