/**
 * The event log: what all stores of events can give, and no more. Append to streams with an expected revision, read a
 * stream, read everything of a tenant after a position, hear of commits. Payloads are opaque bytes here: encryption
 * and versions of events live above, in `event-store.ts`. A log never changes what it has stored.
 */
import type { Observable } from 'rxjs';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../domain/shared/ids.ts';

/** An event ready to be stored. `hash` continues the chain of its stream (see `chain.ts`). */
export interface UnstoredEvent {
  readonly id: EventId;
  readonly type: string;
  readonly schemaVersion: number;
  readonly recordedAt: Instant;
  readonly payload: Uint8Array;
  readonly hash: Uint8Array;
}

export interface StoredEvent extends UnstoredEvent {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
}

/** One append to one stream. `expectedRevision` -1 says the stream must not exist yet. */
export interface StreamWrite {
  readonly stream: StreamName;
  readonly expectedRevision: number;
  readonly events: readonly UnstoredEvent[];
}

/** Where the last event of one write stands; the others lie directly before it. `repeated`: all of them were there already, from an earlier equal call. */
export interface Commit {
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
  readonly repeated: boolean;
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly commits: readonly Commit[] }
  /** The stream of write `index` has moved on: `missed` are its events after the expected revision, in order. */
  | {
      readonly kind: 'conflict';
      readonly index: number;
      readonly missed: readonly StoredEvent[];
      /** Commits of earlier writes that stay stored; empty where the log is atomic over several streams. */
      readonly commits: readonly Commit[];
    };

/**
 * Told after a commit, never before; `head` is the tenant's last position then, as far as this process knows. `events`
 * are in order when known. What one process stores itself it is told in order; what another stored it may be told
 * later than its own that follows, with the `head` that it was told last.
 */
export interface CommitNotice {
  readonly tenant: TenantId;
  readonly head: Position;
  readonly events?: readonly StoredEvent[];
  /** Another process stored them. */
  readonly isByOther?: boolean;
}

export interface EventLog {
  /**
   * Appends the writes in order and stops at the first conflict. A write all of whose event ids are stored in its
   * stream already is a repeat: it answers with the first result and stores nothing, whatever revision it expects.
   * @throws AppendRejected on an empty write, a repeated id inside the call, an id stored elsewhere, a payload over
   *   `maxPayloadBytes`.
   */
  append(tenant: TenantId, writes: readonly StreamWrite[]): Promise<AppendOutcome>;
  /** The events of a stream in order, from `from` (default 0), at most `limit`. An unknown stream is empty. */
  readStream(tenant: TenantId, stream: StreamName, options?: { from?: number; limit?: number }): Promise<StoredEvent[]>;
  /** Several whole streams in one round trip; streams without events are absent from the map. */
  readStreams(tenant: TenantId, streams: readonly StreamName[]): Promise<Map<StreamName, StoredEvent[]>>;
  /** The tenant's events with `position > after`, in commit order, at most `limit`. None is ever skipped. */
  readAll(tenant: TenantId, after: Position, limit: number): Promise<StoredEvent[]>;
  /** The position of the tenant's last event; 0 when there is none. */
  head(tenant: TenantId): Promise<Position>;
  /** Every tenant with events, with its head. */
  tenants(): Promise<{ tenant: TenantId; head: Position }[]>;
  /** Hot; a wake-up only. Correctness never depends on hearing it. */
  readonly commits: Observable<CommitNotice>;
  /**
   * Resolves once `commits` has told of everything that anyone stored before the call, so that whatever is remembered
   * since is not older than an answer that any node gave; undefined when nobody else stores. Absent where nobody can.
   */
  heard?(tenant: TenantId): Promise<void> | undefined;
  close(): Promise<void>;
}

export const maxPayloadBytes = 1_000_000;

/** The caller broke the contract of `append`; nothing was stored. */
export class AppendRejected extends Error {
  override readonly name = 'AppendRejected';
}

/** The log was moved elsewhere, or is being moved: nothing is appended to it any more. */
export class LogSealed extends Error {
  override readonly name = 'LogSealed';
}

/** What a log keeps beside the order of its events is not what the events say; `verify` says more. */
export class LogDamaged extends Error {
  override readonly name: string = 'LogDamaged';
}
