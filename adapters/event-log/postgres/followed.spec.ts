import { describe, expect, it } from 'vitest';
import { freshDatabase } from '../../../test/postgres.ts';
import { memoryBulletins } from '../../cluster/memory.ts';
import { event, eventLogContract, type LogUnderTest, newTenant, write } from '../contract.ts';
import { followOthers } from '../followed.ts';
import type { CommitNotice } from '../port.ts';
import { postgresEventLog, postgresHeads } from './log.ts';

const fail = (error: unknown): never => {
  throw error;
};

async function makeNodes(count: number) {
  const database = await freshDatabase();
  const hub = memoryBulletins();
  // Somebody listens, so that nobody is alone.
  hub.join();
  return async () => {
    const nodes = Array.from({ length: count }, async () => {
      const pool = database.openPool({ max: 6 });
      const heads = (tenants: Parameters<typeof postgresHeads>[1]) => postgresHeads(pool, tenants);
      const log = await followOthers(postgresEventLog({ pool }), { bulletin: hub.join(), onError: fail, heads });
      const close = async () => {
        await log.close();
        await pool.end();
      };
      return { log, close };
    });
    return Promise.all(nodes);
  };
}

const make = async (): Promise<LogUnderTest> => {
  const open = await makeNodes(1);
  const one = async (): Promise<LogUnderTest> => {
    const [node] = await open();
    if (!node) throw new Error('there is no node');
    return { ...node, reopen: async () => node.close().then(one) };
  };
  return one();
};

eventLogContract('PostgreSQL, followed by several nodes', make, { atomicOverStreams: true });

describe('nodes on one PostgreSQL log', () => {
  it('are each told of every event once, and have heard of all that was stored before they ask', async () => {
    const nodes = await (await makeNodes(3))();
    const tenant = newTenant();
    const told = nodes.map(({ log }) => {
      const notices: CommitNotice[] = [];
      log.commits.subscribe((notice) => notices.push(notice));
      return notices;
    });
    const positions = (notices: readonly CommitNotice[]) =>
      notices.flatMap(({ events = [] }) => events.map(({ position }) => position as number));
    const writer = async ({ log }: (typeof nodes)[number], name: number) => {
      for (let turn = 0; turn < 25; turn++) {
        const outcome = await log.append(tenant, [write(`s${name}-${turn}`, -1, event('a'), event('b'))]);
        const stored = outcome.commits.at(-1)?.position as number;
        const other = (name + turn) % nodes.length;
        await nodes[other]?.log.heard?.(tenant);
        expect(positions(told[other] as CommitNotice[])).toContain(stored);
      }
    };
    await Promise.all(nodes.flatMap((node, at) => [writer(node, at), writer(node, at + 10)]));
    const head = await (nodes[0] as (typeof nodes)[number]).log.head(tenant);
    const all = Array.from({ length: head }, (_, at) => at + 1);
    for (const [at, { log }] of nodes.entries()) {
      await log.heard?.(tenant);
      expect(positions(told[at] as CommitNotice[]).sort((one, other) => one - other)).toEqual(all);
      const heads = (told[at] as CommitNotice[]).map((notice) => notice.head);
      expect(heads).toEqual([...heads].sort((one, other) => one - other));
    }
    for (const { close } of nodes) await close();
  });
});
