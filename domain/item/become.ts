import { difference, isEmpty } from '../conflict/paths.ts';
import type { DomainEvent } from '../shared/event.ts';
import type { CollectionId } from '../shared/ids.ts';
import { itemEvent } from './events.ts';
import type { Fields } from './fields.ts';
import type { ItemState } from './state.ts';

/** An item as somebody wants it to be, whatever was done to it meanwhile. */
export interface Wanted {
  readonly removed: boolean;
  readonly collection: CollectionId;
  /** Not looked at where the item shall be removed. */
  readonly fields: Fields;
}

/** The folders of the item's owner that are there: an item must not come back to where nobody sees it. */
export interface Homes {
  readonly folders: ReadonlySet<CollectionId>;
  /** The one that everyone has for items of this kind. */
  readonly standard: CollectionId;
}

/**
 * The events that make the item be as wanted; none when it is. Nobody is in conflict with them: their base is null.
 * Where the wanted folder is there no more, an item that comes back goes to the standard one, and another stays.
 */
export function becoming(current: ItemState, wanted: Wanted, homes?: Homes): DomainEvent[] {
  const { kind, owner } = current;
  const { removed, fields } = wanted;
  const isThere = !homes || homes.folders.has(wanted.collection);
  const collection = isThere ? wanted.collection : current.removed ? homes.standard : current.collection;
  if (removed) return current.removed ? [] : [itemEvent(kind, 'Removed', { base: null })];
  if (current.removed) return [itemEvent(kind, 'Added', { collection, owner, fields, restored: true })];
  const events: DomainEvent[] = [];
  if (current.collection !== collection) {
    events.push(itemEvent(kind, 'Moved', { from: current.collection, to: collection }));
  }
  const delta = difference(current.fields, fields);
  if (!isEmpty(delta)) events.push(itemEvent(kind, 'Changed', { base: null, ...delta }));
  return events;
}
