/** An item as its events make it. */
import { applyDelta } from '../conflict/paths.ts';
import type { AccountId, CollectionId } from '../shared/ids.ts';
import { type ItemEventData, parseItemType } from './events.ts';
import type { Fields, ItemKind } from './fields.ts';

export interface ItemState {
  readonly kind: ItemKind;
  readonly owner: AccountId;
  readonly collection: CollectionId;
  readonly removed: boolean;
  /** The revision of the last event that changed what people see; the item's version. */
  readonly version: number;
  /** Kept when removed, so that the item can come back. */
  readonly fields: Fields;
}

export interface ItemEventAt {
  readonly type: string;
  readonly data: unknown;
  readonly revision: number;
}

/** Folds one event; null is an item that does not exist yet. Events of other streams leave the state as it is. */
export function evolve(state: ItemState | null, event: ItemEventAt): ItemState | null {
  const type = parseItemType(event.type);
  if (!type) return state;
  if (type.verb === 'Added') {
    const data = event.data as ItemEventData['Added'];
    const { collection, owner, fields } = data;
    return { kind: type.kind, owner, collection, fields, removed: false, version: event.revision };
  }
  if (!state) throw new Error(`${event.type} comes before the item was added`);
  switch (type.verb) {
    case 'Changed':
      return {
        ...state,
        fields: applyDelta(state.fields, event.data as ItemEventData['Changed']),
        version: event.revision,
      };
    case 'Moved':
      return { ...state, collection: (event.data as ItemEventData['Moved']).to, version: event.revision };
    case 'Removed':
      return { ...state, removed: true, version: event.revision };
    case 'ConflictKept':
      return state;
  }
}

export function fold(events: readonly ItemEventAt[]): ItemState | null {
  let state: ItemState | null = null;
  for (const event of events) state = evolve(state, event);
  return state;
}
