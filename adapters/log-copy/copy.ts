/**
 * A whole log into another, while others append to it: rounds of what is new, several tenants at a time. What is there
 * already is what an earlier run copied; so a run that was cut goes on where it was, in another `LogCopy`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { NO_POSITION, type Position, type TenantId } from '../../domain/shared/ids.ts';
import type { EventLog } from '../event-log/port.ts';
import { LogsDiffer } from './difference.ts';
import { Meter, type Progress } from './meter.ts';
import { StreamEnds } from './stream-ends.ts';
import { compareAll, compareHead, copyTenant, type LogPair } from './tenant.ts';

/** Whoever is asked to copy less than this goes on at once: the source hardly grows meanwhile. */
const nearlyNothing = 500;
const tenantsTogether = 4;
const lookAgainMs = 1_000;

export interface LogCopyOptions {
  readonly from: EventLog;
  readonly to: EventLog;
  /** Only this one. */
  readonly tenant?: TenantId | undefined;
  /** Events a page at most, where not as many as their weight allows. */
  readonly pageSize?: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Ends between two pages, with what it was aborted with. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a tenant is. */
export interface Standing {
  readonly tenant: TenantId;
  /** Of the source. */
  readonly head: Position;
  /** Of the target. */
  readonly held: Position;
}

export class LogCopy {
  readonly #options: LogCopyOptions;
  readonly #ends: StreamEnds;

  constructor(options: LogCopyOptions) {
    this.#options = options;
    this.#ends = new StreamEnds(options.to);
  }

  /** Where every tenant stands now, in the order of names. @throws LogsDiffer when the target holds what the source has not. */
  async standings(): Promise<Standing[]> {
    const { from, to, tenant } = this.#options;
    const isAsked = (one: { readonly tenant: TenantId }) => tenant === undefined || one.tenant === tenant;
    // The target first: what is appended to the source meanwhile makes it longer, not shorter.
    const held = new Map((await to.tenants()).filter(isAsked).map((one) => [one.tenant, one.head]));
    const heads = new Map((await from.tenants()).filter(isAsked).map((one) => [one.tenant, one.head]));
    for (const [name, position] of held) {
      const head = heads.get(name) ?? NO_POSITION;
      if (position > head) throw new LogsDiffer(name, head + 1, 'the target holds an event that the source has not');
    }
    return [...heads]
      .map(([name, head]): Standing => ({ tenant: name, head, held: held.get(name) ?? NO_POSITION }))
      .sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  }

  /** Compares what the target holds: the last event of every tenant, or all of them. @throws LogsDiffer */
  async compare(isWhole: boolean): Promise<Standing[]> {
    const standings = await this.standings();
    const total = isWhole ? standings.reduce((all, { held }) => all + held, 0) : 0;
    await this.#each('compared', standings, total, new StreamEnds(this.#options.to), (pair, { tenant, held }) =>
      isWhole ? compareAll(pair, tenant, held) : compareHead(pair, tenant, held),
    );
    return standings;
  }

  /** Copies what the source holds now and the target does not; answers with how many events that were. @throws LogsDiffer */
  async round(): Promise<number> {
    const behind = (await this.standings()).filter(({ head, held }) => held < head);
    const total = behind.reduce((all, { head, held }) => all + head - held, 0);
    await this.#each('copied', behind, total, this.#ends, (pair, { tenant, head }) => copyTenant(pair, tenant, head));
    return total;
  }

  /** Rounds until one has hardly anything to do; answers with how many events were copied. @throws LogsDiffer */
  async catchUp(): Promise<number> {
    let all = 0;
    for (;;) {
      const copied = await this.round();
      all += copied;
      if (copied < nearlyNothing) return all;
    }
  }

  /** Keeps the target up with the source until aborted. @throws LogsDiffer */
  async follow(onRound: (copied: number) => void): Promise<void> {
    const { signal } = this.#options;
    while (signal?.aborted !== true) {
      const copied = await this.round();
      if (copied > 0) onRound(copied);
      // Aborted: the loop ends.
      else await pause(lookAgainMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Nobody may append to either any more. @throws LogsDiffer when they are not one and the same. */
  async mustBeEqual(): Promise<Standing[]> {
    const standings = await this.compare(false);
    for (const { tenant, head, held } of standings)
      if (head !== held) throw new LogsDiffer(tenant, held + 1, `there is no event, and the head is ${head}`);
    return standings;
  }

  async #each(
    what: Progress['what'],
    standings: readonly Standing[],
    total: number,
    ends: StreamEnds,
    work: (pair: LogPair, standing: Standing) => Promise<void>,
  ): Promise<void> {
    const { from, to, pageSize, onProgress } = this.#options;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, ...(this.#options.signal ? [this.#options.signal] : [])]);
    const meter = new Meter(what, total, standings.length, onProgress);
    const pair: LogPair = { from, to, ends, pageSize, signal, onEvents: (count) => meter.add(count) };
    const waiting = [...standings];
    const worker = async (): Promise<void> => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        signal.throwIfAborted();
        await work(pair, one);
        meter.tenantDone();
      }
    };
    // The first that fails ends the others between two pages, and none works on behind the answer.
    const workers = Array.from({ length: tenantsTogether }, () =>
      worker().catch((error: unknown) => stop.abort(error)),
    );
    await Promise.all(workers);
    if (stop.signal.aborted) throw stop.signal.reason;
  }
}
