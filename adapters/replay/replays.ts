/** Recorded exchanges run again: one, a device's in a span of time, all that failed, and all there are before an upgrade. */
import { LRUCache } from 'lru-cache';
import type { AccountId, DeviceKey, ExchangeId, TenantId } from '../../domain/shared/ids.ts';
import { UnknownEvent } from '../../domain/shared/upcast.ts';
import { SealBroken } from '../crypto/envelope.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import type { Exchange, ExchangeBody, ExchangeQuery, ExchangeReader, Verdict } from '../exchange-record/port.ts';
import { type CommitDeps, type CommittedCommand, type Committer, commitMissing } from './commit.ts';
import { compare, skipped } from './compare.ts';
import { NotReplayable, type Replayed, type Sandbox, type SandboxRun } from './port.ts';
import { recordedEvents } from './recorded-events.ts';

export interface ReplaysOptions {
  readonly record: Pick<ExchangeReader, 'find' | 'list' | 'body'>;
  readonly sandbox: () => Sandbox;
  /** Gives events as they are stored: long bodies stay names. */
  readonly stored: Pick<EventStore, 'readAll'>;
  /** Where what is missing is applied; absent where nothing may be. */
  readonly commit?: CommitDeps;
}

export interface Span {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  /** ISO 8601, inclusive. */
  readonly from: string;
  /** ISO 8601, exclusive. */
  readonly to: string;
}

/** Whose exchanges, everyone's unless told. */
export interface Since {
  readonly tenant?: TenantId;
  readonly account?: AccountId;
  /** ISO 8601, inclusive. */
  readonly from: string;
  /** ISO 8601, exclusive. */
  readonly to: string;
}

/** A replay, with what of it was applied, or would be. */
export interface ReplayedCommit extends Replayed {
  readonly commands: readonly CommittedCommand[];
}

const pageSize = 100;
/** Devices whose last request is remembered in a run over many. */
const sandboxesMax = 500;
const failures: readonly Verdict[] = ['failed', 'refused', 'withheld', 'unknownKey'];

export class Replays {
  readonly #options: ReplaysOptions;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Undefined for an exchange that there is not. With `by` also what it missed, applied unless that is dry. */
  async one(id: ExchangeId, by?: Committer): Promise<ReplayedCommit | undefined> {
    const exchange = await this.#options.record.find(id);
    return exchange && (await this.#replay(exchange, (body) => this.#options.sandbox().run(exchange, body), by));
  }

  /** A device's exchanges in order, each on what those before it came to. */
  async *span({ tenant, account, device, from, to }: Span): AsyncIterable<Replayed> {
    const sandbox = this.#options.sandbox();
    // Until something differs the log itself is what would have become.
    let isApart = false;
    for await (const exchange of this.#all({ tenant, account, device, from, to })) {
      const replayed = await this.#replay(exchange, (body) =>
        isApart ? sandbox.goOn(exchange, body) : sandbox.run(exchange, body),
      );
      if (replayed.outcome === 'skipped') isApart = false;
      else if (replayed.events.length > 0) isApart = true;
      yield replayed;
    }
  }

  /** Everything that went wrong, in order. */
  async *failures({ tenant, account, from, to }: Since, by?: Committer): AsyncIterable<ReplayedCommit> {
    const query = { ...(tenant ? { tenant } : {}), ...(account ? { account } : {}), from, to, suspicious: true };
    for await (const exchange of this.#all(query)) {
      if (!exchange.verdicts.some((verdict) => failures.includes(verdict))) continue;
      yield await this.#replay(exchange, (body) => this.#options.sandbox().run(exchange, body), by);
    }
  }

  /** Everything that was recorded in full, in order. */
  async *everything({ tenant, account, from, to }: Since): AsyncIterable<Replayed> {
    const sandboxes = new LRUCache<DeviceKey, Sandbox>({ max: sandboxesMax });
    const query = { ...(tenant ? { tenant } : {}), ...(account ? { account } : {}), from, to, withBody: true };
    for await (const exchange of this.#all(query)) {
      const sandbox = sandboxes.get(exchange.device) ?? this.#options.sandbox();
      sandboxes.set(exchange.device, sandbox);
      yield await this.#replay(exchange, (body) => sandbox.run(exchange, body));
    }
  }

  async #replay(
    exchange: Exchange,
    run: (body: ExchangeBody) => Promise<SandboxRun>,
    by?: Committer,
  ): Promise<ReplayedCommit> {
    const body = exchange.hasBody ? await this.#options.record.body(exchange) : undefined;
    if (!body) return { ...skipped(exchange, notKept(exchange)), commands: [] };
    try {
      const ran = await run(body);
      const events = await recordedEvents(this.#options.stored, exchange);
      const replayed = compare({ exchange, body, events }, ran);
      const { commit } = this.#options;
      const commands = by && commit ? await commitMissing(commit, exchange, ran.carriedOut, events, by) : [];
      return { ...replayed, commands };
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) throw error;
      return { ...skipped(exchange, reason), commands: [] };
    }
  }

  async *#all(query: Omit<ExchangeQuery, 'limit' | 'after'>): AsyncIterable<Exchange> {
    for (let after: ExchangeId | undefined; ; ) {
      const page = await this.#options.record.list({ ...query, ...(after ? { after } : {}), limit: pageSize });
      yield* page;
      if (page.length < pageSize) return;
      after = page.at(-1)?.id;
    }
  }
}

/** Undefined for what would befall the next exchange too: the database is not there, or the like. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof NotReplayable) return error.message;
  if (error instanceof UnknownEvent) return `The log holds an event that this build does not know: ${error.message}.`;
  if (error instanceof SealBroken) return 'Something that it looked at was changed in the database; verify names it.';
  return undefined;
}

function notKept({ hasBody }: Exchange): string {
  return hasBody
    ? 'Its request was kept and is no more, or the key of the account is gone.'
    : 'Only facts were kept of it, since nothing was odd and nobody watched the device.';
}
