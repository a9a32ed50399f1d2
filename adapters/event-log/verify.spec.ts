import type pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EventId, Instant, Position, Revision, StreamName, TenantId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { chainHash } from './chain.ts';
import { newTenant } from './contract.ts';
import { emptyHead } from './event-store.port.ts';
import type { Finding } from './finding.ts';
import type { EventLog, StoredEvent, UnstoredEvent } from './port.ts';
import { postgresCensus } from './postgres/census.ts';
import { postgresEventLog } from './postgres/log.ts';
import { verifyTenant } from './verify.ts';

describe('verifyTenant', () => {
  let database: FreshDatabase;
  let log: EventLog;
  beforeAll(async () => {
    database = await freshDatabase();
    log = postgresEventLog(database);
  });

  /** Three streams of six events each, written in turns: a0 b0 c0 a1 b1 … */
  async function written(): Promise<TenantId> {
    const tenant = newTenant();
    const hashes = new Map<string, Uint8Array>();
    for (let revision = 0; revision < 6; revision++)
      for (const name of ['a', 'b', 'c']) {
        const stream = name as StreamName;
        const event: Omit<UnstoredEvent, 'hash'> = {
          id: crypto.randomUUID() as EventId,
          type: 'Noted',
          schemaVersion: 1,
          recordedAt: '2026-03-29T01:00:00.120Z' as Instant,
          payload: Buffer.from(`${name}${revision}`),
        };
        const place = { tenant, stream, revision: revision as Revision };
        const hash = chainHash(hashes.get(name) ?? emptyHead.hash, { ...event, ...place });
        hashes.set(name, hash);
        await log.append(tenant, [{ stream, expectedRevision: revision - 1, events: [{ ...event, hash }] }]);
      }
    return tenant;
  }

  /** As somebody who owns the database could. */
  async function tamper(tenant: TenantId, statement: string): Promise<void> {
    const client: pg.PoolClient = await database.pool.connect();
    try {
      await client.query('begin; set local session_replication_role = replica');
      const { rowCount } = await client.query(statement, [tenant]);
      expect(rowCount).toBeGreaterThan(0);
      await client.query('commit');
    } finally {
      client.release(true);
    }
  }

  async function found(tenant: TenantId): Promise<string[]> {
    const findings: Finding[] = [];
    const report = await verifyTenant(tenant, {
      log,
      census: postgresCensus(database.pool),
      pageSize: 7,
      onFinding: (finding) => findings.push(finding),
    });
    expect(report.findings).toBe(findings.length);
    return findings.map(
      ({ kind, stream = '', revision = '', position = '-' }) => `${kind} ${stream}${revision} ${position}`,
    );
  }

  it('finds nothing in a log as it was written, and says how far it is', async () => {
    const tenant = await written();
    const progress: [number, Position][] = [];
    const report = await verifyTenant(tenant, {
      log,
      census: postgresCensus(database.pool),
      pageSize: 7,
      onFinding: (finding) => expect.unreachable(JSON.stringify(finding)),
      onProgress: (events, position) => progress.push([events, position]),
    });
    expect(report).toEqual({ events: 18, streams: 3, findings: 0 });
    expect(progress).toEqual([
      [7, 7],
      [14, 14],
      [18, 18],
    ]);
  });

  const at = (stream: string, revision: number) =>
    `where tenant = $1 and stream = '${stream}' and revision = ${revision}`;
  it.each([
    ['a changed payload', `update events set payload = 'forged' ${at('b', 2)}`, ['changed b2 8']],
    ['a changed payload at the end', `update events set payload = 'forged' ${at('b', 5)}`, ['changed b5 17']],
    ['a changed type', `update events set type = 'Forged' ${at('a', 0)}`, ['changed a0 1']],
    ['a changed version', `update events set schema_version = 2 ${at('a', 1)}`, ['changed a1 4']],
    [
      'a changed time',
      `update events set recorded_at = recorded_at + interval '1 ms' ${at('c', 3)}`,
      ['changed c3 12'],
    ],
    ['a changed id', `update events set id = gen_random_uuid() ${at('c', 3)}`, ['changed c3 12']],
    [
      'two changed neighbours',
      `update events set payload = 'x' where tenant = $1 and stream = 'b' and revision in (2, 3)`,
      ['changed b2 8', 'changed b3 11'],
    ],
    ['a deleted event', `delete from events ${at('b', 2)}`, ['missing b2 8']],
    ['a deleted first event', `delete from events ${at('b', 0)}`, ['missing b0 2']],
    ['a deleted last event', `delete from events ${at('b', 5)}`, ['cut off b5 17']],
    [
      'a deleted stream',
      `delete from events where tenant = $1 and stream = 'b' and revision >= 0`,
      [0, 1, 2, 3, 4, 5].map((lost) => `cut off b${lost} ${3 * lost + 2}`),
    ],
    [
      'an event moved to another stream',
      `update events set stream = 'd', revision = 0 ${at('c', 5)}`,
      ['changed d0 18', 'cut off c5 -', 'uncounted d0 -'],
    ],
    ['a stream that is not counted', `delete from streams where tenant = $1 and stream = 'b'`, ['uncounted b5 -']],
  ])('names %s', async (_, statement, expected) => {
    const tenant = await written();
    await tamper(tenant, statement);
    expect(await found(tenant)).toEqual(expected);
  });

  it.each([
    ['neighbours', 2, 3],
    ['others', 1, 4],
  ])('names two swapped %s and no other', async (_, one, other) => {
    const tenant = await written();
    const free = 1_000;
    await tamper(
      tenant,
      `update events set revision = revision + ${free} where tenant = $1 and stream = 'b' and revision in (${one}, ${other})`,
    );
    await tamper(
      tenant,
      `update events set revision = ${one + other + free} - revision where tenant = $1 and stream = 'b' and revision > ${free - 1}`,
    );
    // Now the revisions are exchanged; exchange the positions too, so that only the chain can tell.
    const [first, second] = [3 * one + 2, 3 * other + 2];
    await tamper(
      tenant,
      `update events set position = position + ${free} where tenant = $1 and position in (${first}, ${second})`,
    );
    await tamper(
      tenant,
      `update events set position = ${first + second + free} - position where tenant = $1 and position > ${free - 1}`,
    );
    expect(await found(tenant)).toEqual([`reordered b${one} ${first}`, `reordered b${other} ${second}`]);
  });

  it('names an event that was put behind a later one', async () => {
    const tenant = await written();
    await tamper(tenant, `update events set position = 100 ${at('b', 2)}`);
    expect(await found(tenant)).toEqual(['reordered b2 100', 'missing  8']);
  });
});

describe('chainHash', () => {
  const event: StoredEvent = {
    tenant: 't' as TenantId,
    stream: 's' as StreamName,
    revision: 1 as Revision,
    position: 1 as Position,
    id: '00000000-0000-4000-8000-000000000000' as EventId,
    type: 'Noted',
    schemaVersion: 1,
    recordedAt: '2026-03-29T01:00:00.120Z' as Instant,
    payload: Buffer.from('payload'),
    hash: emptyHead.hash,
  };
  const hex = (one: StoredEvent) => Buffer.from(chainHash(emptyHead.hash, one)).toString('hex');

  it('stays what it is, for logs outlive programs', () => {
    expect(hex(event)).toBe('400b4e36550e23a13ba31705acf01e412451100b18e6ef4d38992cb1537f7fe4');
  });

  it('cannot be had by moving text from one field to the next', () => {
    const shifted = [
      { ...event, tenant: 'ts' as TenantId, stream: '' as StreamName },
      { ...event, tenant: 't","s' as TenantId },
      { ...event, type: 'Noted1' },
      { ...event, type: `${event.type}]`, payload: Buffer.from('ayload') },
    ];
    expect(new Set([event, ...shifted].map(hex)).size).toBe(shifted.length + 1);
  });
});
