import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import type { Pool } from '../../postgres/pool.ts';
import { type Turns, TurnTaken } from '../turns.port.ts';
import { postgresTurns } from './turns.ts';

let database: FreshDatabase;
let pools: Pool[];
let nodes: Turns[];
beforeAll(async () => {
  database = await freshDatabase();
  pools = [database.openPool({ max: 6 }), database.openPool({ max: 6 })];
  nodes = pools.map((pool) => postgresTurns({ pool, isAlone: () => false, waitMaxMs: 2_000 }));
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
});

describe('turns of several nodes', () => {
  it('are one at a time for a name, and beside each other for different ones', async () => {
    const atWork = new Map<string, number>();
    let most = 0;
    let mostOfOne = 0;
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => {
        const name = `folder ${at % 3}`;
        return (nodes[at % 2] as Turns).take(name, async () => {
          atWork.set(name, (atWork.get(name) ?? 0) + 1);
          mostOfOne = Math.max(mostOfOne, ...atWork.values());
          most = Math.max(
            most,
            [...atWork.values()].reduce((sum, count) => sum + count),
          );
          // The work needs connections of the same pool.
          await (pools[at % 2] as Pool).query('select pg_sleep(0.005)');
          atWork.set(name, (atWork.get(name) as number) - 1);
        });
      }),
    );
    expect(mostOfOne).toBe(1);
    expect(most).toBeGreaterThan(1);
  });

  it('are not waited for without end, and given up with whatever the work throws', async () => {
    const [a, b] = nodes as [Turns, Turns];
    const brief = postgresTurns({ pool: pools[1] as Pool, isAlone: () => false, waitMaxMs: 20 });
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const first = a.take('one', async () => {
      begin();
      await over;
      throw new Error('the work failed');
    });
    const failed = expect(first).rejects.toThrow('the work failed');
    await begun;
    await expect(brief.take('one', async () => {})).rejects.toBeInstanceOf(TurnTaken);
    end();
    await failed;
    expect(await b.take('one', async () => 'mine')).toBe('mine');
  });

  it('ask nobody while a node is alone', async () => {
    const alone = postgresTurns({ pool: undefined as never, isAlone: () => true });
    expect(await alone.take('one', async () => 'mine')).toBe('mine');
  });
});
