import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ItemId, Position } from '../shared/ids.ts';
import { standpoint } from './decide.ts';
import type { Holding, SyncEventData } from './events.ts';
import { defaultMassDeleteLimits, mayLose } from './held-back.ts';
import { type ConversationState, evolve } from './state.ts';

type Event = { [T in keyof SyncEventData]: { type: T; data: SyncEventData[T] } }[keyof SyncEventData];

const item = (name: string) => name as ItemId;
const reset = (epoch: number, cause: SyncEventData['SyncReset']['cause'] = 'syncKeyZero'): Event => ({
  type: 'SyncReset',
  data: { epoch, cause, supported: null, known: [] },
});
const answered = (key: number, base: number, ...ops: Holding[]): Event => ({
  type: 'SyncAnswered',
  data: { key, base, ops, cursor: { position: key as Position, config: 'c' } },
});
const held = (
  batch: string,
  deleted: string[],
  blanked: string[] = [],
  by: 'Sync' | 'FolderDelete' = 'Sync',
): Event => ({
  type: 'CommandsHeld',
  data: {
    ...{ batch, by, rule: 'serverWins', of: 9, withinMinutes: 10 },
    commands: [
      ...deleted.map((name) => ({ item: item(name), do: 'delete' as const, base: 1, seen: 1 })),
      ...blanked.map((name) => ({ item: item(name), do: 'change' as const, base: 1, seen: 1 })),
    ],
  },
});
const released = (batch: string, ...staying: string[]): Event => ({
  type: 'BatchReleased',
  data: { batch, staying: staying.map(item) },
});
const discarded = (batch: string): Event => ({ type: 'BatchDiscarded', data: { batch } });
const fold = (...events: Event[]): ConversationState =>
  events.reduce<ConversationState | null>((state, { type, data }) => evolve(state, type, data).state, null) as never;
const begun = [reset(1), answered(2, 1, [item('a'), 'add', 1, 'h'], [item('b'), 'add', 1, 'h'])];

describe('how much a device may delete', () => {
  it.each([
    [0, 20],
    [20, 20],
    [66, 20],
    [67, 20],
    [70, 21],
    [100, 30],
    [1_000, 300],
  ])('of %d items is %d', (of, expected) => {
    expect(mayLose(defaultMassDeleteLimits, of)).toBe(expected);
  });

  it('is never less than the items, nor less than the share, nor more than both', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(100), fc.nat(100_000), (items, percent, of) => {
        const allowed = mayLose({ items, percent }, of);
        expect(allowed).toBeGreaterThanOrEqual(items);
        expect(allowed).toBeGreaterThan((of * percent) / 100 - 1);
        expect(allowed).toBeLessThanOrEqual(Math.max(items, (of * percent) / 100));
      }),
    );
  });
});

describe('a conversation', () => {
  it('knows what is held back by either of its keys, until it is decided', () => {
    const state = fold(...begun, held('x', ['a'], ['b']), answered(3, 2, [item('a'), 'delete', 0, '']));
    for (const key of ['next', 'repeat'] as const) {
      expect(standpoint(state, key).heldBack).toEqual({ batch: 'x', deleted: ['a'], blanked: ['b'] });
    }
    expect(fold(...begun, held('x', ['a']), released('x')).heldBack).toBeUndefined();
    expect(fold(...begun, held('x', ['a']), discarded('other')).heldBack).toBeDefined();
  });

  it('joins what is held later to the batch', () => {
    const { heldBack } = fold(...begun, held('x', ['a'], ['b']), held('x', ['b', 'c']));
    expect(heldBack).toEqual({ batch: 'x', deleted: ['a', 'b', 'c'], blanked: [] });
  });

  it('sends anew what stays, by either of its keys', () => {
    const events = [...begun, held('x', ['a', 'b']), answered(3, 2, [item('a'), 'delete', 0, ''])];
    for (const [decision, stale] of [
      [discarded('x'), ['a', 'b']],
      [released('x', 'b'), ['b']],
    ] as const) {
      const state = fold(...events, decision);
      expect([...standpoint(state, 'next').stale].sort()).toEqual(stale);
      expect([...standpoint(state, 'repeat').stale].sort()).toEqual(stale);
    }
  });

  it('forgets it when the device begins anew or is to be sent everything, and not when it comes from further back', () => {
    const events = [...begun, held('x', ['a'])];
    expect(fold(...events, reset(2)).heldBack).toBeUndefined();
    expect(fold(...events, reset(2, 'resync')).heldBack).toBeUndefined();
    expect(fold(...events, reset(2, 'earlierKey')).heldBack).toEqual({ batch: 'x', deleted: ['a'], blanked: [] });
  });

  it('lets go of what the device did something else with', () => {
    const events = [...begun, held('x', ['a'], ['b'])];
    expect(fold(...events, answered(3, 2, [item('b'), 'change', 2, 'h2'])).heldBack?.blanked).toEqual([]);
    expect(fold(...events, answered(3, 2, [item('b'), 'change', 2, ''])).heldBack?.blanked).toEqual(['b']);
    expect(fold(...events, answered(3, 2, [item('a'), 'stale', 0, ''])).heldBack?.deleted).toEqual([]);
  });

  it('keeps nothing from a device that deleted the folder: it will be given it again', () => {
    expect(fold(...begun, held('x', ['a'], [], 'FolderDelete')).heldBack).toBeUndefined();
  });
});
