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

/** The events that make the item be as wanted; none when it is. Nobody is in conflict with them: their base is null. */
export function becoming(current: ItemState, { removed, collection, fields }: Wanted): DomainEvent[] {
  const { kind, owner } = current;
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
