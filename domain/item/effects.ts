import { difference, pathsOf } from '../conflict/paths.ts';
import type { DomainEvent } from '../shared/event.ts';
import { type ItemEventData, parseItemType } from './events.ts';
import type { ItemState } from './state.ts';

/** What events do to an item, in names alone: no value of a field. */
export interface Effects {
  /** In the order they are done; empty where the item stays as it is. */
  readonly does: readonly ('restore' | 'remove' | 'move' | 'change')[];
  /** Paths of the fields that become others. */
  readonly fields: readonly string[];
}

/** In words for people: what the events make of the state, by verbs and fields. */
export function effectsOf(state: ItemState, events: readonly DomainEvent[]): Effects {
  const does: Effects['does'][number][] = [];
  const fields: string[] = [];
  for (const { type, data } of events) {
    switch (parseItemType(type)?.verb) {
      case 'Added':
        does.push('restore');
        fields.push(...pathsOf(difference(state.fields, (data as ItemEventData['Added']).fields)));
        break;
      case 'Removed':
        does.push('remove');
        break;
      case 'Moved':
        does.push('move');
        break;
      case 'Changed':
        does.push('change');
        fields.push(...pathsOf(data as ItemEventData['Changed']));
        break;
    }
  }
  return { does, fields };
}
