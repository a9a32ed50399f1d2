/** Replays as support sees them: with names, and summed up. */
import type { CommittedCommand, Committer } from '../../adapters/replay/commit.ts';
import type { Replayed } from '../../adapters/replay/port.ts';
import type { ReplayedCommit, Replays, Since, Span } from '../../adapters/replay/replays.ts';
import { howOf, type ReplaySummary, Summary } from '../../adapters/replay/summary.ts';
import type { AccountId, DeviceKey, ExchangeId, TenantId } from '../../domain/shared/ids.ts';
import type { Names, Whose } from './names.ts';

export interface ReplayView extends Omit<Replayed, 'exchange'>, Whose {
  readonly exchange: ExchangeId;
  readonly at: string;
  readonly command: string;
  /** Of the record, before. */
  readonly recordedCauses: readonly string[];
  /** What differs, in one line; '' for nothing. */
  readonly how: string;
  /** What it missed, and what became, or would become, of that. */
  readonly commands: readonly CommittedCommand[];
}

export interface SummaryView extends Omit<ReplaySummary, 'devices'> {
  readonly devices: readonly (ReplaySummary['devices'][number] & Whose)[];
}

/** A line of a long run: one replay, and at its end all of them summed up. */
export type ReplayLine = { readonly replay: ReplayView } | { readonly summary: SummaryView };

export class ReplayService {
  readonly #replays: Replays;
  readonly #names: Pick<Names, 'whose'>;

  constructor(replays: Replays, names: Pick<Names, 'whose'>) {
    this.#replays = replays;
    this.#names = names;
  }

  /** Undefined for an exchange that there is not. */
  async one(id: ExchangeId, by: Committer): Promise<ReplayView | undefined> {
    const replayed = await this.#replays.one(id, by);
    return replayed && (await this.#view(replayed));
  }

  span(span: Span): AsyncIterable<ReplayLine> {
    return this.#lines(this.#replays.span(span));
  }

  failures(since: Since, by: Committer): AsyncIterable<ReplayLine> {
    return this.#lines(this.#replays.failures(since, by));
  }

  everything(since: Since): AsyncIterable<ReplayLine> {
    return this.#lines(this.#replays.everything(since));
  }

  async *#lines(replays: AsyncIterable<Replayed | ReplayedCommit>): AsyncIterable<ReplayLine> {
    const summary = new Summary();
    const tenants = new Map<DeviceKey, { tenant: TenantId; account: AccountId }>();
    for await (const replayed of replays) {
      summary.add(replayed);
      tenants.set(replayed.exchange.device, replayed.exchange);
      yield { replay: await this.#view(replayed) };
    }
    const { devices, ...rest } = summary.result;
    const named = [];
    for (const one of devices) {
      const of = tenants.get(one.device) as { tenant: TenantId; account: AccountId };
      named.push({ ...one, ...(await this.#names.whose({ ...of, device: one.device })) });
    }
    yield { summary: { ...rest, devices: named } };
  }

  async #view(replayed: Replayed | ReplayedCommit): Promise<ReplayView> {
    const { exchange, ...rest } = replayed;
    const isSame = rest.outcome === 'same' || rest.outcome === 'skipped';
    return {
      ...rest,
      ...(await this.#names.whose(exchange)),
      exchange: exchange.id,
      at: exchange.at,
      command: exchange.command,
      recordedCauses: exchange.causes,
      how: isSame ? '' : howOf(replayed),
      commands: 'commands' in replayed ? replayed.commands : [],
    };
  }
}
