/** Turns by PostgreSQL's advisory locks, which the database gives up with the connection of a node that ended. */
import type pg from 'pg';
import { type Turns, TurnTaken } from '../turns.port.ts';

export interface PostgresTurnsOptions {
  readonly pool: pg.Pool;
  /** While there is no other node, nobody is asked: whoever takes turns in this process does it by itself. */
  readonly isAlone: () => boolean;
  readonly waitMaxMs?: number;
}

/** Whoever has a turn needs other connections for the work, so they must never be all of the pool's. */
const togetherMax = 4;
const lockNotAvailable = '55P03';

/** Waits for `waitMaxMs`, 10 s unless told, while another node has the turn. */
export function postgresTurns({ pool, isAlone, waitMaxMs = 10_000 }: PostgresTurnsOptions): Turns {
  let free = togetherMax;
  const waiting: (() => void)[] = [];

  async function holding<T>(name: string, work: () => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query(`begin; set local lock_timeout = ${Math.ceil(waitMaxMs)}`);
      await client.query({
        name: 'take_turn',
        text: `select pg_advisory_xact_lock(hashtextextended(current_schema() || chr(10) || $1, 0))`,
        values: [name],
      });
      return await work();
    } catch (error) {
      throw (error as { code?: string }).code === lockNotAvailable
        ? new TurnTaken(`somebody else had the turn for ${waitMaxMs} ms`)
        : error;
    } finally {
      await client.query('rollback').catch((error: Error) => {
        broken = error;
      });
      client.release(broken);
    }
  }

  return {
    async take(name, work) {
      if (isAlone()) return await work();
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await holding(name, work);
      } finally {
        const next = waiting.shift();
        if (next) next();
        else free++;
      }
    },
  };
}
