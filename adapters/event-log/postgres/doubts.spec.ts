import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { EventId, Instant, StreamName, TenantId } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import type { CommitNotice, StreamWrite } from '../port.ts';
import { postgresEventLog } from './log.ts';

const tenant = 'fjord.example' as TenantId;

function write(): StreamWrite {
  const event = {
    id: randomUUID() as EventId,
    type: 'Added',
    schemaVersion: 1,
    recordedAt: '2026-03-02T09:00:00.000Z' as Instant,
    payload: Buffer.from('sealed'),
    hash: Buffer.alloc(32),
  };
  return { stream: 'contact-one' as StreamName, expectedRevision: -1, events: [event] };
}

/** The connection ends after the database did its work and before its answer arrives; then it is away for a while. */
async function losingAnswers() {
  const { pool } = await freshDatabase();
  const query = pool.query.bind(pool) as (config: { name?: string }) => Promise<unknown>;
  const state = { losesAnswers: true, isGone: false };
  pool.query = (async (config: { name?: string }) => {
    if (state.isGone) throw Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
    const result = await query(config);
    if (!state.losesAnswers || !config.name?.startsWith('append')) return result;
    state.isGone = true;
    throw new Error('Connection terminated unexpectedly');
  }) as typeof pool.query;
  return { log: postgresEventLog({ pool }), state };
}

it('what was stored although nobody was told so is announced once the database answers again', async () => {
  const { log, state } = await losingAnswers();
  const notices: CommitNotice[] = [];
  log.commits.subscribe((notice) => notices.push(notice));
  const one = write();
  await expect(log.append(tenant, [one])).rejects.toThrow('terminated');
  expect(notices).toEqual([]);
  Object.assign(state, { losesAnswers: false, isGone: false });
  await expect.poll(() => notices).toEqual([{ tenant, head: 1 }]);
  // Sent again, as a phone does that was not answered, it is a repeat.
  expect(await log.append(tenant, [one])).toMatchObject({ kind: 'appended', commits: [{ repeated: true }] });
  await log.close();
});
