import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ItemId, Position } from '../shared/ids.ts';
import { heldAt, type KeyParts, recognise, standpoint } from './decide.ts';
import {
  type Cursor,
  defaultOptions,
  type Holding,
  type ResetCause,
  type SyncEventData,
  syncEvents,
} from './events.ts';
import { anyConfig, type ConversationState, evolve, foldConversation, type Held } from './state.ts';

type Event = { [T in keyof SyncEventData]: { type: T; data: SyncEventData[T] } }[keyof SyncEventData];

const cursor = (position: number): Cursor => ({ position: position as Position, config: 'c' });
const reset = (epoch: number, known: SyncEventData['SyncReset']['known'] = []): Event => ({
  type: 'SyncReset',
  data: { epoch, cause: known.length > 0 ? 'earlierKey' : 'syncKeyZero', supported: null, known },
});
const answered = (key: number, base: number, ...ops: Holding[]): Event => ({
  type: 'SyncAnswered',
  data: { key, base, ops, cursor: cursor(key * 10) },
});
const add = (item: string, version = 1): Holding => [item as ItemId, 'add', version, `hash${version}`];
const drop = (item: string, op: 'delete' | 'softDelete' = 'delete'): Holding => [item as ItemId, op, 0, ''];
const stale = (item: string): Holding => [item as ItemId, 'stale', 0, ''];

function fold(...events: readonly Event[]) {
  const { state, held } = foldConversation(events);
  return { state: state as ConversationState, held };
}
const names = (held: ReadonlyMap<ItemId, unknown>) => [...held.keys()].sort();

describe('a key is recognised', () => {
  const begun = [reset(2)];
  const offered = [...begun, answered(2, 1), answered(3, 2)];
  const again = [...offered, answered(4, 2)];
  it.each<[string, readonly Event[], KeyParts, string]>([
    ['before anything began', [], { epoch: 1, counter: 1 }, 'unknown'],
    ['the first one', begun, { epoch: 2, counter: 1 }, 'repeat'],
    ['one that was not yet issued', begun, { epoch: 2, counter: 2 }, 'unknown'],
    ['one of an epoch to come', begun, { epoch: 3, counter: 1 }, 'unknown'],
    ['one of an epoch before', begun, { epoch: 1, counter: 7 }, 'earlier'],
    ['the one just offered', offered, { epoch: 2, counter: 3 }, 'next'],
    ['the one before, whose answer was lost', offered, { epoch: 2, counter: 2 }, 'repeat'],
    ['one further back', offered, { epoch: 2, counter: 1 }, 'earlier'],
    ['the offer after the lost one', again, { epoch: 2, counter: 4 }, 'next'],
    ['the lost one, which did arrive', again, { epoch: 2, counter: 3 }, 'earlier'],
    ['one beyond', again, { epoch: 2, counter: 5 }, 'unknown'],
    ['counter 0', again, { epoch: 2, counter: 0 }, 'unknown'],
    ['epoch 0', again, { epoch: 0, counter: 1 }, 'unknown'],
  ])('%s', (_, events, key, expected) => {
    expect(recognise(events.length === 0 ? null : fold(...events).state, key)).toBe(expected);
  });
});

describe('an offer', () => {
  it('is held only once the device comes with its key', () => {
    const events = [reset(1), answered(2, 1, add('a'))];
    expect(names(fold(...events).held)).toEqual([]);
    expect(names(fold(...events, answered(3, 2)).held)).toEqual(['a']);
    expect(names(standpoint(fold(...events).state, 'next').overlay)).toEqual(['a']);
    expect(names(standpoint(fold(...events).state, 'repeat').overlay)).toEqual([]);
  });

  it('is dropped when the device comes with the key before', () => {
    const { state, held } = fold(reset(1), answered(2, 1, add('a')), answered(3, 1, add('b')), answered(4, 3));
    expect(names(held)).toEqual(['b']);
    expect(state).toMatchObject({ acknowledged: 3, issued: 4, offer: { key: 4 } });
  });

  it('moves the cursor with it, and not before', () => {
    const { state } = fold(reset(1), answered(2, 1));
    expect(standpoint(state, 'repeat')).toMatchObject({ base: 1, cursor: { position: 0, config: anyConfig } });
    expect(standpoint(state, 'next')).toMatchObject({ base: 2, cursor: cursor(20) });
    expect(fold(reset(1), answered(2, 1), answered(3, 2)).state.cursor).toEqual(cursor(20));
  });

  it('of several words on one item counts by the last', () => {
    const { held } = fold(
      reset(1),
      answered(2, 1, add('a'), drop('a'), add('b'), drop('b'), add('b', 2), add('c'), drop('c', 'softDelete')),
      answered(3, 2),
    );
    expect([...held]).toEqual([['b', { version: 2, hash: 'hash2' }]]);
  });

  it('remembers what must be sent anew until it was', () => {
    const events = [reset(1), answered(2, 1, add('a'), add('b'), stale('a'), stale('b'))];
    expect([...standpoint(fold(...events).state, 'next').stale]).toEqual(['a', 'b']);
    expect([...standpoint(fold(...events).state, 'repeat').stale]).toEqual([]);
    expect(fold(...events, answered(3, 2, add('a', 2)), answered(4, 3)).state.stale).toEqual(['b']);
    expect(fold(...events, answered(3, 2, drop('b')), answered(4, 3)).state.stale).toEqual(['a']);
  });
});

describe('a conversation', () => {
  it('forgets everything at a reset, and holds what the reset is told', () => {
    const { state, held } = fold(
      reset(1),
      answered(2, 1, add('a')),
      answered(3, 2),
      reset(2, [['b' as ItemId, 4, 'h']]),
    );
    expect([...held]).toEqual([['b', { version: 4, hash: 'h' }]]);
    expect(state).toMatchObject({ epoch: 2, issued: 1, acknowledged: 1, offer: null, stale: [] });
    // What is held was rendered under options nobody knows: it is compared in full.
    expect(state.cursor.config).not.toBe(anyConfig);
  });

  it('remembers from which epoch on its keys are of a resync, and of a restored log', () => {
    const because = (epoch: number, cause: ResetCause): Event => ({
      type: 'SyncReset',
      data: { epoch, cause, supported: null, known: [] },
    });
    expect(fold(because(1, 'syncKeyZero')).state).toMatchObject({ cause: 'syncKeyZero' });
    const { state } = fold(
      because(1, 'syncKeyZero'),
      because(2, 'resync'),
      because(7, 'restored'),
      because(8, 'earlierKey'),
    );
    expect(state).toMatchObject({ cause: 'earlierKey', renewedFrom: 2, restoredFrom: 7 });
    expect(fold(because(1, 'syncKeyZero')).state).not.toHaveProperty('renewedFrom');
    const lost: Event = {
      type: 'SyncReset',
      data: { epoch: 9, cause: 'restored', supported: null, known: [], lost: true },
    };
    expect(fold(because(7, 'restored')).state).not.toHaveProperty('holdsLost');
    expect(fold(lost, because(10, 'resync')).state).toMatchObject({ holdsLost: true });
    expect(fold(lost, because(10, 'syncKeyZero')).state).not.toHaveProperty('holdsLost');
  });

  it('takes more seeds than one event holds', () => {
    const more: Event = { type: 'SyncSeeded', data: { known: [['c' as ItemId, 1, 'h']] } };
    expect(names(fold(reset(2, [['b' as ItemId, 4, 'h']]), more).held)).toEqual(['b', 'c']);
  });

  it('keeps options until others come', () => {
    const options = { ...defaultOptions, filterType: 5 };
    const withOptions: Event = {
      type: 'SyncAnswered',
      data: { ...(answered(2, 1).data as SyncEventData['SyncAnswered']), options },
    };
    expect(fold(reset(1), withOptions, answered(3, 2)).state.options).toEqual(options);
    expect(fold(reset(1)).state.options).toEqual(defaultOptions);
  });

  it('cannot go on before it began', () => {
    expect(() => evolve(null, 'SyncAnswered', answered(2, 1).data)).toThrow('before the conversation began');
  });
});

/**
 * A conversation as it happens to a device, written down naively: for every key, what a device that was given this key
 * holds. `live` goes on with what the device does itself while the key is one of the two living generations.
 */
class Witness {
  readonly events: Event[] = [];
  readonly given = new Map<string, Map<ItemId, Held>>();
  #live = new Map<number, Map<ItemId, Held>>();
  #epoch = 0;
  #issued = 0;
  /** The key before the last answer, and that of the answer. */
  #acknowledged = 0;
  #offer = 0;

  begin(known: Map<ItemId, Held>): void {
    this.#epoch++;
    this.#issued = this.#acknowledged = 1;
    this.#offer = 0;
    this.#live = new Map([[1, new Map(known)]]);
    this.given.set(`${this.#epoch}.1`, new Map(known));
    this.events.push(
      reset(
        this.#epoch,
        [...known].map(([item, { version, hash }]) => [item, version, hash] as const),
      ),
    );
  }

  /** The device comes with the last answer's key, or with the one before. */
  exchange(isLost: boolean, ops: readonly Holding[]): void {
    const base = isLost || this.#offer === 0 ? this.#acknowledged : this.#offer;
    const key = ++this.#issued;
    const held = new Map(this.#live.get(base));
    for (const [item, op, version, hash] of ops) {
      if (op === 'add' || op === 'change') held.set(item, { version, hash });
      else if (op !== 'stale') held.delete(item);
    }
    this.#live = new Map([
      [base, this.#live.get(base) as Map<ItemId, Held>],
      [key, held],
    ]);
    this.#acknowledged = base;
    this.#offer = key;
    this.given.set(`${this.#epoch}.${key}`, new Map(held));
    this.events.push(answered(key, base, ...ops));
  }

  move(taken: readonly ItemId[], put: readonly ItemId[]): void {
    const newest = this.given.get(`${this.#epoch}.${this.#issued}`) as Map<ItemId, Held>;
    for (const held of [...this.#live.values(), newest]) {
      for (const item of taken) held.delete(item);
      for (const item of put) held.set(item, { version: 9, hash: 'moved' });
    }
    const data = { at: this.#issued, taken, put: put.map((item) => [item, 9, 'moved'] as const) };
    this.events.push({ type: 'SyncMoved', data });
  }

  /** A device restored from a backup comes with an old key: that becomes the beginning of a new epoch. */
  restore(pick: number): void {
    const all = [...this.given.values()];
    this.begin(all[pick % all.length] as Map<ItemId, Held>);
  }

  get living(): { repeat: Map<ItemId, Held>; next: Map<ItemId, Held> | undefined; key: number } {
    const repeat = this.#live.get(this.#acknowledged) as Map<ItemId, Held>;
    return { repeat, next: this.#live.get(this.#offer), key: this.#offer };
  }
}

const item = fc.constantFrom(...(['a', 'b', 'c', 'd'] as ItemId[]));
const op: fc.Arbitrary<Holding> = fc
  .tuple(
    item,
    fc.constantFrom('add' as const, 'change' as const, 'delete' as const, 'softDelete' as const, 'stale' as const),
    fc.nat(9),
  )
  .map(([name, what, version]) =>
    what === 'add' || what === 'change' ? [name, what, version, `hash${version}`] : [name, what, 0, ''],
  );
const step = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('exchange' as const), fc.boolean(), fc.array(op, { maxLength: 4 })) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('move' as const),
      fc.subarray(['a', 'b'] as ItemId[]),
      fc.subarray(['c', 'd'] as ItemId[]),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('reset' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('restore' as const), fc.nat()) },
);
const told = fc.array(step, { maxLength: 25 }).map((steps) => {
  const witness = new Witness();
  witness.begin(new Map());
  for (const it of steps) {
    if (it[0] === 'exchange') witness.exchange(it[1], it[2]);
    else if (it[0] === 'move') witness.move(it[1], it[2]);
    else if (it[0] === 'reset') witness.begin(new Map());
    else witness.restore(it[1]);
  }
  return witness;
});
const sorted = (held: ReadonlyMap<ItemId, Held>) => [...held].sort(([a], [b]) => (a < b ? -1 : 1));

describe('what a device holds', () => {
  it('is known for both living generations, after any losses, moves, resets and returns', () => {
    fc.assert(
      fc.property(told, (witness) => {
        const { state, held } = fold(...witness.events);
        expect(sorted(held)).toEqual(sorted(witness.living.repeat));
        expect(state.offer?.key ?? 0).toBe(witness.living.key);
        if (!state.offer || !witness.living.next) return;
        for (const [name, now] of standpoint(state, 'next').overlay) {
          if (now) held.set(name, now);
          else held.delete(name);
        }
        expect(sorted(held)).toEqual(sorted(witness.living.next));
      }),
      { numRuns: 500 },
    );
  });

  it('is known for every key it was ever given', () => {
    fc.assert(
      fc.property(told, (witness) => {
        for (const [name, expected] of witness.given) {
          const [epoch, counter] = name.split('.').map(Number) as [number, number];
          const found = heldAt(witness.events, { epoch, counter });
          expect(sorted(found?.held ?? new Map())).toEqual(sorted(expected));
          expect(found?.state).toMatchObject({ epoch, acknowledged: counter, offer: null });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is not known for a key that was not issued', () => {
    fc.assert(
      fc.property(told, fc.nat(8), fc.nat(30), (witness, epoch, counter) => {
        fc.pre(!witness.given.has(`${epoch}.${counter}`));
        expect(heldAt(witness.events, { epoch, counter })).toBeNull();
      }),
    );
  });

  it('every key is recognised as what it is', () => {
    fc.assert(
      fc.property(told, (witness) => {
        const { state } = fold(...witness.events);
        for (const name of witness.given.keys()) {
          const [epoch, counter] = name.split('.').map(Number) as [number, number];
          const expected =
            epoch < state.epoch
              ? 'earlier'
              : counter === state.offer?.key
                ? 'next'
                : counter === state.acknowledged
                  ? 'repeat'
                  : 'earlier';
          expect(recognise(state, { epoch, counter })).toBe(expected);
        }
      }),
    );
  });

  it('is told by events that may be stored', () => {
    fc.assert(
      fc.property(told, ({ events }) => {
        for (const { type, data } of events) expect(syncEvents[type].schema.parse(data)).toEqual(data);
      }),
    );
  });

  it('tells what must be sent anew at an earlier key', () => {
    const events = [reset(1), answered(2, 1, add('a'), add('b'), stale('a'), stale('b')), answered(3, 2, add('a', 2))];
    const moved: Event = { type: 'SyncMoved', data: { at: 2, taken: ['b' as ItemId], put: [] } };
    expect(heldAt(events, { epoch: 1, counter: 2 })?.state.stale).toEqual(['a', 'b']);
    expect(heldAt(events, { epoch: 1, counter: 3 })?.state.stale).toEqual(['b']);
    expect(heldAt([...events.slice(0, 2), moved, events[2] as Event], { epoch: 1, counter: 2 })?.state.stale).toEqual([
      'a',
    ]);
  });
});
