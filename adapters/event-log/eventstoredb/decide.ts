/**
 * What becomes of the calls of one tenant that go to the store together: pure. Each is decided in its order on what
 * is stored and on what the calls before it store; a call that conflicts or is rejected stores nothing.
 */
import type { EventId, Position, Revision, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import type { Commit, StoredEvent, StreamWrite } from '../port.ts';

/** Where an event stands that was stored before. */
export interface Place {
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
}

/** What the store holds up to `head`, as far as the calls ask for it. */
export interface Known {
  readonly head: number;
  /** The last revision of every stream that the calls name; -1 where there is none. */
  readonly ends: ReadonlyMap<StreamName, number>;
  /** Of those events of the calls that are stored. */
  readonly places: ReadonlyMap<EventId, Place>;
}

export type Decision =
  | { readonly kind: 'appended'; readonly commits: readonly Commit[] }
  | { readonly kind: 'conflict'; readonly index: number; readonly stream: StreamName; readonly after: number }
  | { readonly kind: 'rejected'; readonly reason: string };

export interface Decided {
  /** One for each call. */
  readonly decisions: readonly Decision[];
  /** What must be stored, in order, from `head` + 1 on, all or nothing. */
  readonly events: readonly StoredEvent[];
}

/** Stores nothing itself: `events` are to be appended where the log ends at `known.head`, and only there. */
export function decide(tenant: TenantId, calls: readonly (readonly StreamWrite[])[], known: Known): Decided {
  const events: StoredEvent[] = [];
  const ends = new Map(known.ends);
  const places = new Map(known.places);
  const decisions = calls.map((writes): Decision => {
    const added: StoredEvent[] = [];
    const commits: Commit[] = [];
    const own = new Map<StreamName, number>();
    for (const [index, { stream, expectedRevision, events: unstored }] of writes.entries()) {
      const found = unstored.flatMap(({ id }) => places.get(id) ?? []);
      if (found.length > 0) {
        if (found.length < unstored.length || found.some((place) => place.stream !== stream)) {
          const reason = `some ids of the write to ${stream} are stored already, elsewhere or in part`;
          return { kind: 'rejected', reason };
        }
        const { revision, position } = found.at(-1)!;
        commits.push({ stream, revision, position, repeated: true });
        continue;
      }
      let revision = own.get(stream) ?? ends.get(stream) ?? -1;
      if (revision !== expectedRevision) return { kind: 'conflict', index, stream, after: expectedRevision };
      for (const event of unstored) {
        const position = (known.head + events.length + added.length + 1) as Position;
        // Copied: whoever appends may use its bytes again, and the events stay at hand here.
        const bytes = { payload: Buffer.from(event.payload), hash: Buffer.from(event.hash) };
        added.push({ ...event, ...bytes, tenant, stream, revision: ++revision as Revision, position });
      }
      own.set(stream, revision);
      const { position } = added.at(-1)!;
      commits.push({ stream, revision: revision as Revision, position, repeated: false });
    }
    for (const [stream, revision] of own) ends.set(stream, revision);
    for (const { id, stream, revision, position } of added) places.set(id, { stream, revision, position });
    events.push(...added);
    return { kind: 'appended', commits };
  });
  return { decisions, events };
}
