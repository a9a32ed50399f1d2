/**
 * A read model: how a page of one tenant's events becomes rows. It sees events and its own tables, nothing else, so
 * that it can be rebuilt at any time without an effect on anyone.
 */
import type { Kysely, Transaction } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';

// biome-ignore lint/suspicious/noExplicitAny: each projection knows only its own tables
export type AnyDatabase = any;

export interface Migration {
  readonly name: string;
  up(db: Kysely<AnyDatabase>): Promise<void>;
}

/**
 * What the page changed, for those who wait: topics (a collection, an account's folders), and the positions at which
 * their rows now stand, in order; at least one.
 */
export type Touched = ReadonlyMap<string, readonly Position[]>;

export interface Projection {
  /** Name of its checkpoint. */
  readonly name: string;
  /** Raised when the same events shall give other rows: the read model is rebuilt. */
  readonly version: number;
  readonly migrations: readonly Migration[];
  /** Folds the events, all of one tenant and in order, and writes what results in few statements. */
  project(
    trx: Transaction<AnyDatabase>,
    tenant: TenantId,
    events: readonly RecordedEvent[],
  ): Promise<Touched | undefined>;
}
