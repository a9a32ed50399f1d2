/**
 * A read model: how a page of one tenant's events becomes rows. It sees events and its own tables, nothing else, so
 * that it can be rebuilt at any time without an effect on anyone.
 */
import type { Kysely, RawBuilder } from 'kysely';
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

/** What `sql` makes. The text is always the same: what varies is in parameters (arrays and `unnest`). */
export type Statement = RawBuilder<unknown>;

/** The events of one tenant to fold, in order and without a gap, and where what results goes. */
export interface Page {
  readonly tenant: TenantId;
  /** The projection's checkpoint: its rows hold everything up to here, or the page is given up when it is written. */
  readonly from: Position;
  readonly events: readonly RecordedEvent[];
  /**
   * For reads of the projection's own rows as they were before the page. Outside any transaction: when another runner
   * wrote meanwhile the checkpoint tells, and nothing of this page is written.
   */
  readonly read: Kysely<AnyDatabase>;
  /**
   * A write that is executed together with all other projections' in one statement. They all see the rows as they were
   * before that statement, so no two of them may touch the same row.
   */
  later(statement: Statement): void;
  /** A write that must be executed before those: it costs the page a transaction. They keep their order. */
  first(statement: Statement): void;
  /** Called once the page is written, never when it was given up: for what is kept in memory. */
  written(effect: () => void): void;
}

export interface Projection {
  /** Name of its checkpoint. */
  readonly name: string;
  /** Raised when the same events shall give other rows: the read model is rebuilt. */
  readonly version: number;
  readonly migrations: readonly Migration[];
  /** Folds the page's events and hands over, in few statements, what results. */
  project(page: Page): Promise<Touched | undefined>;
  /** For a rebuild, where it pays to write an item once that changed ten times. */
  gather?(): Gathering;
}

/** Folds page after page and hands over only when told. */
export interface Gathering {
  /** Reads as `project` does; what was handed over must be readable by then. */
  add(page: Pick<Page, 'tenant' | 'events' | 'read'>): Promise<void>;
  /** Rows that wait to be written. */
  readonly size: number;
  /** Hands over at most `limit` of them. */
  write(page: Pick<Page, 'tenant' | 'later'>, limit: number): Promise<void>;
}
