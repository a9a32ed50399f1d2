import { describe, expect, it } from 'vitest';
import type { ExchangeId } from '../../domain/shared/ids.ts';
import { virtualClock } from '../clock.ts';
import type { Entry } from './entry.ts';
import { WriteQueue } from './write-queue.ts';

const entryOf = (id: string, bytes = 0): Entry => ({
  exchange: { id: id as ExchangeId, collections: [] as const } as Partial<Entry['exchange']> as Entry['exchange'],
  ...(bytes > 0 ? { body: { request: new Uint8Array(bytes), answer: null } as Entry['body'] } : {}),
  withheld: [],
});

/** A store that writes, or fails as told, and a clock that the spec moves. */
function rig(max = 100) {
  const clock = virtualClock();
  const batches: string[][] = [];
  const troubles: unknown[] = [];
  let fails: (ids: readonly string[]) => boolean = () => false;
  const queue = new WriteQueue({
    ...{ clock, max, onTrouble: (error) => troubles.push(error) },
    write: async (entries) => {
      const ids = entries.map(({ exchange }) => exchange.id);
      if (fails(ids)) throw new Error('the database is down');
      batches.push(ids);
    },
  });
  /** Moves the clock and lets what it began come to its end. */
  const advance = async (ms: number) => {
    clock.advance(ms);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { queue, batches, troubles, advance, failing: (when: typeof fails) => void (fails = when) };
}

describe('the queue of exchanges', () => {
  it('writes what came within a second in one batch', async () => {
    const { queue, batches, advance } = rig();
    for (const id of ['a', 'b']) queue.add(entryOf(id));
    await advance(900);
    queue.add(entryOf('c'));
    expect(batches).toEqual([]);
    await advance(100);
    expect(batches).toEqual([['a', 'b', 'c']]);
    queue.add(entryOf('d'));
    await advance(1_000);
    expect(batches).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('does not wait for the second when there is much, and writes no more than 500 together', async () => {
    const { queue, batches, advance } = rig(2_000);
    for (let at = 0; at < 1_200; at++) queue.add(entryOf(String(at)));
    for (let turn = 0; turn < 5; turn++) await advance(0);
    expect(batches.map(({ length }) => length)).toEqual([500, 500, 200]);
    expect(batches.flat()).toEqual(Array.from({ length: 1_200 }, (_, at) => String(at)));
  });

  it('keeps in order what could not be written, and writes it when that works again', async () => {
    const { queue, batches, troubles, advance, failing } = rig();
    failing(() => true);
    for (const id of ['a', 'b', 'c', 'd']) queue.add(entryOf(id));
    await advance(1_000);
    queue.add(entryOf('e'));
    await advance(4_000);
    expect([batches, troubles.length, queue.lost]).toEqual([[], 1, 0]);
    failing(() => false);
    for (let turn = 0; turn < 5; turn++) await advance(5_000);
    expect(batches.flat()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect([queue.written, queue.lost, queue.size]).toEqual([5, 0, 0]);
  });

  it('loses and counts what there is no room for', async () => {
    const { queue, batches, advance, failing } = rig(3);
    failing(() => true);
    for (const id of ['a', 'b', 'c', 'd', 'e']) queue.add(entryOf(id));
    expect([queue.size, queue.lost]).toEqual([3, 2]);
    failing(() => false);
    await advance(1_000);
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('gives up the one that can never be written, and writes the others', async () => {
    const { queue, batches, advance, failing } = rig();
    failing((ids) => ids.includes('bad'));
    for (const id of ['a', 'bad', 'b', 'c']) queue.add(entryOf(id));
    for (let turn = 0; turn < 20; turn++) await advance(5_000);
    expect(batches.flat()).toEqual(['a', 'b', 'c']);
    expect([queue.lost, queue.size]).toEqual([1, 0]);
  });

  it('says when bodies have no more room, and holds no more than fits', async () => {
    const { queue, advance } = rig();
    for (const id of ['a', 'b', 'c']) queue.add(entryOf(id, 10_000_000));
    expect([queue.hasRoomFor(1_900_000), queue.hasRoomFor(2_000_000)]).toEqual([true, false]);
    for (const id of ['d', 'e', 'f']) queue.add(entryOf(id, 10_000_000));
    expect([queue.size, queue.lost]).toEqual([5, 1]);
    for (let turn = 0; turn < 9; turn++) await advance(1_000);
    expect([queue.size, queue.hasRoomFor(32_000_000)]).toEqual([0, true]);
  });

  it('is flushed on request, or says that it could not be', async () => {
    const { queue, batches, failing } = rig();
    queue.add(entryOf('a'));
    expect([await queue.flush(), batches]).toEqual([true, [['a']]]);
    failing(() => true);
    queue.add(entryOf('b'));
    expect([await queue.flush(), queue.size]).toEqual([false, 1]);
  });
});
