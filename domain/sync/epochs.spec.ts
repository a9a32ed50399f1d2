import { expect, it } from 'vitest';
import type { CommandId, Instant, ItemId, Position } from '../shared/ids.ts';
import { type ConversationEvent, epochsOf, hierarchyEpochsOf } from './epochs.ts';

let minute = 0;
const event = (type: string, data: unknown): ConversationEvent => ({
  type,
  data,
  meta: {
    at: `2026-01-01T00:0${minute++}:00.000Z` as Instant,
    actor: { kind: 'system' },
    commandId: `${minute}` as CommandId,
  },
});
const cursor = { position: 1 as Position, config: 'c' };
const op = (item: string, what: string) => [item as ItemId, what, 1, 'h'];

it('a conversation is told by its epochs: when, why, how many keys and how much the device holds', () => {
  minute = 0;
  const epochs = epochsOf([
    event('SyncReset', { epoch: 1, cause: 'syncKeyZero', supported: null, known: [] }),
    event('SyncAnswered', { key: 2, base: 1, ops: [op('a', 'add'), op('b', 'add')], cursor }),
    event('SyncAnswered', { key: 3, base: 2, ops: [op('b', 'delete'), op('c', 'add'), op('a', 'change')], cursor }),
    event('SyncReset', { epoch: 2, cause: 'resync', supported: null, known: [['a', 1, '']] }),
    event('SyncSeeded', { known: [['c', 1, '']] }),
  ]);
  expect(epochs.map(({ epoch, cause, keys, known }) => [epoch, cause, keys, known])).toEqual([
    [1, 'syncKeyZero', 3, 2],
    [2, 'resync', 1, 2],
  ]);
  expect(epochs[0]).toMatchObject({
    began: { at: '2026-01-01T00:00:00.000Z', actor: { kind: 'system' } },
    lastAt: '2026-01-01T00:02:00.000Z',
  });
});

it('and that about folders by the same', () => {
  minute = 0;
  const epochs = hierarchyEpochsOf([
    event('HierarchyReset', { epoch: 1, cause: 'syncKeyZero', known: [] }),
    event('HierarchyAnswered', { key: 2, base: 1, shown: [['a', 'A', '0', 14]], gone: [] }),
  ]);
  expect(epochs).toMatchObject([{ epoch: 1, keys: 2, known: 1 }]);
});
