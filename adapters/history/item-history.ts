/** The life of one item: its own events and those of its record in the office, in the order of the log. */
import type { ConflictEvent } from '../../domain/conflict/events.ts';
import { type Erased, erasureStream, subjectOf } from '../../domain/erasure/events.ts';
import { stepOf } from '../../domain/item/history.ts';
import type { ItemState } from '../../domain/item/state.ts';
import type { MergeEventData } from '../../domain/matching/events.ts';
import {
  type ItemId,
  NO_POSITION,
  type Position,
  type StreamName,
  type SubjectId,
  type TenantId,
} from '../../domain/shared/ids.ts';
import { itemStream, itemSubject, parseItemStream } from '../../domain/shared/streams.ts';
import { type LinkEvent, linkStream } from '../../domain/writeback/events.ts';
import { linkStepOf } from '../../domain/writeback/history.ts';
import { type Link, noLink } from '../../domain/writeback/link.ts';
import type { ItemLogReader } from '../../projections/item-log/read.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';
import { ActorNames, forgotten } from './actors.ts';
import { entryOf, type HistoryEntry, nothingTold, type Told } from './entry.ts';

/** An item that is or was somebody's. */
export interface LocatedItem {
  readonly tenant: TenantId;
  readonly item: ItemId;
  readonly stream: StreamName;
}

export type KeysAbove = (tenant: TenantId, subject: SubjectId) => Promise<readonly SubjectId[]>;

export class ItemHistories {
  readonly #store: Pick<EventStore, 'loadMany' | 'load'>;
  readonly #log: Pick<ItemLogReader, 'locate'>;
  readonly #keysAbove: KeysAbove;

  /** @param keysAbove the subject, and whoever's erasure erases it. */
  constructor(
    store: Pick<EventStore, 'loadMany' | 'load'>,
    log: Pick<ItemLogReader, 'locate'>,
    keysAbove: KeysAbove = async (_, subject) => [subject],
  ) {
    this.#store = store;
    this.#log = log;
    this.#keysAbove = keysAbove;
  }

  /** Null for an item that nobody has or had. */
  async locate(item: ItemId): Promise<LocatedItem | null> {
    const found = await this.#log.locate(item);
    return found && { tenant: found.tenant, item, stream: itemStream(found.kind, item) };
  }

  /** The events after the position, the oldest first. Values are opened as they are reached. */
  async *entries({ tenant, item, stream }: LocatedItem, after: Position = NO_POSITION): AsyncIterable<HistoryEntry> {
    const link = linkStream(item);
    const pages = await this.#store.loadMany(tenant, [stream, link]);
    const own = [stream, link].flatMap((name) => pages.get(name)?.events ?? []);
    const erased = own.some(({ type }) => type === 'Forgotten') ? await this.#erasureOf(tenant, item) : [];
    const events = [...own, ...erased].sort((a, b) => a.position - b.position);
    const names = new ActorNames(this.#store);
    const life = new Life();
    for (const event of events) {
      const told = life.next(event);
      if (event.position <= after) continue;
      const isKnown = event.type !== 'Forgotten';
      const who = isKnown ? await names.of(tenant, event.meta.actor, event.position) : forgotten;
      yield entryOf(event, who, told);
    }
  }

  /** When and by whom its key was destroyed, or the key of its owner: what came first did it. */
  async #erasureOf(tenant: TenantId, item: ItemId): Promise<RecordedEvent[]> {
    const above = await this.#keysAbove(tenant, itemSubject(item));
    const { events } = await this.#store.load(tenant, erasureStream);
    const first = events.find(
      ({ type, data }) => type === 'SubjectErased' && above.includes(subjectOf(data as Erased)),
    );
    return first ? [first] : [];
  }
}

/** Events that stand in the stream of an item whatever its class. */
function noteOf({ type, data }: RecordedEvent): string | null {
  if (type === 'ConflictDecided') {
    const { conflict, for: side, policy } = data as ConflictEvent['data'];
    return `the conflict at revision ${conflict} was decided for ${side}${policy ? ` by the policy ${policy}` : ''}`;
  }
  if (type === 'ItemsMerged') {
    const { other, matchedBy } = data as MergeEventData['ItemsMerged'];
    return `merged with ${other ?? 'what a device added'}, found alike by ${matchedBy.join(', ')}`;
  }
  if (type === 'SubjectErased') {
    const erased = data as Erased;
    const of = erased.subject === 'person' ? 'with all of the person' : 'by itself';
    return `erased ${of}: ${erased.events} events can no longer be read`;
  }
  if (type === 'ItemsUnmerged') return `parted again from ${(data as MergeEventData['ItemsUnmerged']).other}`;
  if (type === 'ItemForwarded') return `became one with ${(data as MergeEventData['ItemForwarded']).to}`;
  return null;
}

/** Folds both streams as the events come. */
class Life {
  #state: ItemState | null = null;
  #link: Link = noLink;

  next(event: RecordedEvent): Told {
    if (event.type === 'Forgotten') return nothingTold;
    if (event.stream === erasureStream) return { ...nothingTold, note: noteOf(event) };
    if (parseItemStream(event.stream)) {
      const { state, ...step } = stepOf(this.#state, event);
      this.#state = state;
      return { ...step, office: null, note: noteOf(event) };
    }
    const { link, changes, ...office } = linkStepOf(this.#link, event as unknown as LinkEvent);
    this.#link = link;
    return { ...nothingTold, changes, office };
  }
}
