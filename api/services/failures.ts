/** What went wrong lately, the like together, each with what it means and what to do. */

import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { explained } from '../../adapters/exchange-record/causes.ts';
import type { Verdict, WithheldItem } from '../../adapters/exchange-record/port.ts';
import type { ExchangeRecorder } from '../../adapters/exchange-record/recorder.ts';
import type { ExchangeStore } from '../../adapters/exchange-record/store.port.ts';
import type { ExchangeId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import type { WriteBackQueue } from '../../projections/writeback/read.ts';
import type { Person } from './directory.ts';
import type { Names, Whose } from './names.ts';

export interface Failure {
  readonly cause: string;
  readonly verdict: Verdict | null;
  readonly meaning: string;
  readonly todo: string;
  readonly times: number;
  /** How many devices; for what the office refused, how many people. */
  readonly devices: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** The latest; null for what the office refused. */
  readonly exchange: ExchangeId | null;
  readonly item: ItemId | null;
  /** The office's own word. */
  readonly reason: string | null;
}

export interface WithheldFailure extends WithheldItem, Whose {}

export interface FailureReport {
  /** The most frequent first. */
  readonly failures: readonly Failure[];
  /** The latest first, at most as many as asked for. */
  readonly withheld: readonly WithheldFailure[];
}

export interface FailuresOptions {
  readonly store: ExchangeStore;
  readonly recorder: ExchangeRecorder;
  readonly names: Pick<Names, 'whose'>;
  readonly refusals: Pick<WriteBackQueue, 'refusals'>;
  readonly events: Pick<EventStore, 'readAll'>;
}

export class Failures {
  readonly #options: FailuresOptions;

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  /** @param since ISO 8601. */
  async since(since: string, person: Person | undefined, withheldMax: number): Promise<FailureReport> {
    const { store, recorder, names } = this.#options;
    await recorder.flush();
    const whose = person ? { tenant: person.tenant, account: person.account.id } : {};
    const [causes, items, office] = await Promise.all([
      store.causes({ ...whose, from: since }),
      store.withheldSince({ ...whose, from: since, limit: withheldMax }),
      this.#refusals(since, whose),
    ]);
    const failures = causes.flatMap(({ cause, example, ...counts }): Failure[] => {
      const { verdict, meaning, todo } = explained(cause);
      // The ordinary course beside something odd is not what went wrong.
      if (verdict === null) return [];
      return [{ cause, verdict, meaning, todo, ...counts, exchange: example, item: null, reason: null }];
    });
    const withheld: WithheldFailure[] = [];
    for (const item of items) withheld.push({ ...item, ...(await names.whose(item)) });
    return { failures: [...failures, ...office].toSorted((a, b) => b.times - a.times), withheld };
  }

  async #refusals(since: string, whose: Parameters<WriteBackQueue['refusals']>[0]): Promise<Failure[]> {
    const found: Failure[] = [];
    for (const { tenant, reason, times, accounts, first, last, item } of await this.#options.refusals.refusals(whose)) {
      const lastAt = await this.#recordedAt(tenant, last);
      if (lastAt === undefined || lastAt < since) continue;
      const cause = /^[a-z]\w{0,40}$/i.test(reason) ? `office.${reason}` : 'office.refused';
      const { verdict, meaning, todo } = explained(cause);
      const firstAt = first === last ? lastAt : ((await this.#recordedAt(tenant, first)) ?? lastAt);
      const counts = { times, devices: accounts, firstAt, lastAt };
      found.push({ cause, verdict, meaning, todo, ...counts, exchange: null, item, reason: reason || null });
    }
    return found;
  }

  async #recordedAt(tenant: TenantId, position: Position): Promise<string | undefined> {
    const [event] = await this.#options.events.readAll(tenant, (position - 1) as Position, 1);
    return event?.recordedAt;
  }
}
