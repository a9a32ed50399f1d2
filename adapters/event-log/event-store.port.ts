/**
 * The event store as the rest of the program uses it: typed events in clear, above the raw log. It seals payloads
 * with the subject's key, chains hashes, upcasts old versions, and answers `Forgotten` where a key was destroyed.
 */
import type { Observable } from 'rxjs';
import type { DomainEvent, EventMeta } from '../../domain/shared/event.ts';
import type { EventId, Position, Revision, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import type { Commit, CommitNotice } from './port.ts';

/** An event read back: opened, upcast to the present version. `type` is `Forgotten` when its key was destroyed. */
export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  readonly id: EventId;
  readonly tenant: TenantId;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
  readonly recordedAt: string;
  readonly type: E['type'] | 'Forgotten';
  readonly data: E['data'];
  readonly meta: EventMeta;
}

/** The end of a stream as last seen: what an append expects, with the chain's hash to continue from. */
export interface StreamHead {
  readonly revision: number;
  readonly hash: Uint8Array;
}

export interface StreamPage {
  readonly events: readonly RecordedEvent[];
  readonly head: StreamHead;
}

export interface DomainWrite {
  readonly stream: StreamName;
  readonly head: StreamHead;
  /**
   * Whose key seals the payloads, made on first use. `owner` wraps it: erasing the owner erases the subject too.
   * Subject and owner are the same for streams sealed by the person's own key.
   */
  readonly subject: SubjectId;
  readonly owner: SubjectId;
  readonly events: readonly { readonly event: DomainEvent; readonly meta: EventMeta }[];
}

export type WriteOutcome =
  /** In the order of the writes; `heads` are the new ends. `recorded` holds the events as stored now or earlier. */
  | {
      readonly kind: 'appended';
      readonly commits: readonly Commit[];
      /** For a repeated write the stream's end as it stands now, which may lie after the write. */
      readonly heads: readonly StreamHead[];
      readonly recorded: readonly (readonly RecordedEvent[])[];
    }
  | { readonly kind: 'conflict'; readonly index: number };

export interface EventStore {
  /**
   * Event ids are derived from `meta.commandId`, the stream and the event's index among those of its command in the
   * write; see `EventLog.append` for repeats.
   */
  append(tenant: TenantId, writes: readonly DomainWrite[]): Promise<WriteOutcome>;
  /** The stream's events from the revision `from` on (default 0), and its head. */
  load(tenant: TenantId, stream: StreamName, options?: { readonly from?: number }): Promise<StreamPage>;
  loadMany(tenant: TenantId, streams: readonly StreamName[]): Promise<Map<StreamName, StreamPage>>;
  readAll(tenant: TenantId, after: Position, limit: number): Promise<RecordedEvent[]>;
  head(tenant: TenantId): Promise<Position>;
  tenants(): Promise<{ tenant: TenantId; head: Position }[]>;
  readonly commits: Observable<CommitNotice>;
  /** As `EventLog.heard`. */
  heard?(tenant: TenantId): Promise<void> | undefined;
  /**
   * What this process just stored, opened, told in the same turn as `commits`: saves whoever follows the log a read. Events
   * of one tenant are in order within a notice; notices may overtake each other. Absent where it would cost.
   */
  readonly recorded?: Observable<{ readonly tenant: TenantId; readonly events: readonly RecordedEvent[] }>;
}

/** The head of a stream without events. */
export const emptyHead: StreamHead = { revision: -1, hash: new Uint8Array(32) };
