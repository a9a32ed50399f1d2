import { describe, expect, it } from 'vitest';
import type { ItemId, Position } from '../shared/ids.ts';
import { heldAt, standpoint } from './decide.ts';
import type { Holding, SyncEventData } from './events.ts';
import { type ConversationState, foldConversation } from './state.ts';

type Event = { [T in keyof SyncEventData]: { type: T; data: SyncEventData[T] } }[keyof SyncEventData];

const item = (name: string) => name as ItemId;
const reset: Event = { type: 'SyncReset', data: { epoch: 1, cause: 'syncKeyZero', supported: null, known: [] } };
const answered = (key: number, base: number, ...ops: Holding[]): Event => ({
  type: 'SyncAnswered',
  data: { key, base, ops, cursor: { position: key as Position, config: 'c' } },
});
const add = (name: string): Holding => [item(name), 'add', 0, `hash of ${name}`];
const moved = (at: number, taken: string[], ...put: string[]): Event => ({
  type: 'SyncMoved',
  data: { at, taken: taken.map(item), put: put.map((name) => [item(name), 1, `hash of ${name}`] as const) },
});

function fold(...events: Event[]) {
  const { state, held } = foldConversation(events);
  return { state: state as ConversationState, held };
}

/** What the device holds if it got the last answer, and if it did not. */
function both(...events: Event[]): { next: string[]; repeat: string[] } {
  const { state, held } = fold(...events);
  const next = new Map(held);
  if (state.offer) {
    for (const [name, now] of standpoint(state, 'next').overlay) {
      if (now) next.set(name, now);
      else next.delete(name);
    }
  }
  return { next: [...next.keys()].sort(), repeat: [...held.keys()].sort() };
}

describe('a device that moves items itself', () => {
  it('holds them no more where they were, whether or not it got the last answer', () => {
    const events = [reset, answered(2, 1, add('a'), add('b')), answered(3, 2, add('c')), moved(3, ['a', 'c'])];
    expect(both(...events)).toEqual({ next: ['b'], repeat: ['b'] });
  });

  it('holds them where it put them, whether or not it got the last answer', () => {
    const events = [reset, answered(2, 1, add('a')), moved(2, [], 'x')];
    expect(both(...events)).toEqual({ next: ['a', 'x'], repeat: ['x'] });
    expect(both(reset, moved(1, [], 'x'))).toEqual({ next: ['x'], repeat: ['x'] });
  });

  it('need not be sent anew what it moved away', () => {
    const stale: Holding = [item('a'), 'stale', 0, ''];
    const events = [reset, answered(2, 1, add('a'), stale), answered(3, 2), moved(3, ['a'])];
    expect(fold(...events).state.stale).toEqual([]);
  });

  it('that moves to and fro holds what it moved last', () => {
    const events = [reset, answered(2, 1, add('a')), moved(2, ['a']), moved(2, [], 'a'), answered(3, 2)];
    expect(both(...events)).toEqual({ next: ['a'], repeat: ['a'] });
  });

  it('and comes back with an earlier key holds what it had moved by then, and nothing later', () => {
    const events = [
      reset,
      answered(2, 1, add('a'), add('b')),
      moved(2, ['a'], 'x'),
      answered(3, 2, add('c')),
      moved(3, ['b'], 'y'),
      answered(4, 3, add('d')),
      answered(5, 4),
    ];
    const at = (counter: number) => [...(heldAt(events, { epoch: 1, counter })?.held.keys() ?? [])].sort();
    expect(at(1)).toEqual([]);
    expect(at(2)).toEqual(['b', 'x']);
    expect(at(3)).toEqual(['c', 'x', 'y']);
    expect(at(4)).toEqual(['c', 'd', 'x', 'y']);
  });
});
