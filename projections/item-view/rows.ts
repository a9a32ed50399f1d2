/** What the events of an item make of its rows: one in the folder where it is, a tombstone in each that it left. */
import type { Erased } from '../../domain/erasure/events.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import { evolve, type ItemEventAt, type ItemState } from '../../domain/item/state.ts';
import type { CollectionId, Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import type { ItemViewTable } from './table.ts';

/** What filters ask of an item: the end of an appointment's last occurrence, and whether a task is open. */
export type ItemFacts = (kind: ItemKind, fields: Fields) => { endsAt: Instant | null; open: boolean };

export type Row = Omit<ItemViewTable, 'tenant' | 'content'>;

export interface Draft {
  readonly row: Row;
  /** Undefined in tombstones. */
  readonly fields?: Fields;
}

/** An event at its place in the log; `Forgotten` when its key was destroyed. */
export interface PlacedEvent extends ItemEventAt {
  readonly position: Position;
}

/** Takes a row that an event changed; most are overtaken by later ones, so it is made when it is wanted. */
export type PutRow = (collection: CollectionId, draft: () => Draft) => void;

/** Folds one event of an item's stream: the state after it, with the rows it changed told to `put`. */
export function foldRow(
  before: ItemState | null,
  event: PlacedEvent,
  { item, kind, facts }: { readonly item: ItemId; readonly kind: ItemKind; readonly facts: ItemFacts },
  put: PutRow,
): ItemState | null {
  if (event.type === 'Forgotten') {
    if (before) put(before.collection, () => ({ row: tombstone(item, before, event, true) }));
    return null;
  }
  const state = evolve(before, event);
  if (!state || state === before) return state;
  if (before && before.collection !== state.collection) {
    put(before.collection, () => ({ row: tombstone(item, before, event, false) }));
  }
  put(state.collection, () =>
    state.removed
      ? { row: tombstone(item, state, event, true) }
      : { row: liveRow(item, kind, state, event, facts), fields: state.fields },
  );
  return state;
}

function liveRow(item: ItemId, kind: ItemKind, state: ItemState, event: PlacedEvent, facts: ItemFacts): Row {
  const { endsAt, open } = facts(kind, state.fields);
  const { owner, collection, version } = state;
  const ends_at = endsAt === null ? null : new Date(endsAt);
  return {
    item,
    kind,
    owner,
    collection,
    version,
    position: event.position,
    deleted: false,
    current: true,
    ends_at,
    open,
  };
}

function tombstone(
  item: ItemId,
  state: Pick<ItemState, 'kind' | 'owner' | 'collection'>,
  event: PlacedEvent,
  current: boolean,
): Row {
  const { kind, owner, collection } = state;
  const { position, revision: version } = event;
  return { item, kind, owner, collection, version, position, deleted: true, current, ends_at: null, open: true };
}

/** What is left of an erased item, so that devices take it away: told by the erasure, since its events say nothing. */
export function erasedRow(erased: Erased & { subject: 'item' }, event: PlacedEvent): Row | undefined {
  const { item, kind, collection, owner } = erased;
  if (collection === null || owner === null) return undefined;
  const state = { kind, owner, collection } as Pick<ItemState, 'kind' | 'owner' | 'collection'>;
  return tombstone(item as ItemId, state, event, true);
}
