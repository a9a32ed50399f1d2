import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { AnchorSeal } from '../../adapters/event-log/anchors/anchor.ts';
import { anchorFiles } from '../../adapters/event-log/anchors/files.ts';
import { emptyHead } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import type { CommandId, Instant, Position, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { defineEvents, eventRegistry } from '../../domain/shared/upcast.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { derivedSecret } from '../master-key.ts';
import { runMigrate } from './migrate.ts';
import { runVerify } from './verify.ts';

const clock = () => '2026-03-29T01:00:00.000Z' as Instant;

const directories: string[] = [];
afterAll(() => Promise.all(directories.map((one) => rm(one, { recursive: true, force: true }))));
async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-verify-'));
  directories.push(directory);
  return directory;
}

it('migrate says what it did; verify names what was tampered with and ends with 1', async () => {
  const { pool, url } = await freshDatabase();
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  expect(await runMigrate({ DATABASE_URL: url }, print)).toBe(0);
  expect(lines).toEqual(['the schema is up to date']);

  const events = eventRegistry(
    defineEvents({ Named: { version: 1, schema: z.object({ name: z.string() }), upcasters: [] } }),
  );
  const secret = randomBytes(32);
  const env = { DATABASE_URL: url, MASTER_KEY: secret.toString('base64'), ANCHOR_DIR: await newDirectory() };
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKey(secret) });
  const store = createEventStore({ log: postgresEventLog({ pool }), keys, clock, events });
  const tenant = 'demo.example' as TenantId;
  for (const name of ['a', 'b'])
    await store.append(tenant, [
      {
        stream: name as StreamName,
        head: emptyHead,
        subject: name as SubjectId,
        owner: 'kari' as SubjectId,
        events: ['1', '2', '3'].map((command) => ({
          event: { type: 'Named', version: 1, data: { name: 'Kari' } },
          meta: { at: clock(), actor: { kind: 'system' }, commandId: command as CommandId },
        })),
      },
    ]);
  lines.length = 0;
  expect(await runVerify(env, [], print)).toBe(0);
  expect(lines).toEqual(['demo.example: 6 events in 2 streams, 0 findings', 'everything holds']);

  await pool.query(`begin; set local session_replication_role = replica;
    update events set payload = 'forged' where stream = 'b' and revision = 1; commit`);
  lines.length = 0;
  expect(await runVerify(env, ['demo.example'], print)).toBe(1);
  expect(lines).toEqual([
    'demo.example: changed: stream b revision 1 at position 5',
    'demo.example: 6 events in 2 streams, 1 finding',
    '1 finding',
  ]);

  // Whole tenants may be gone: their anchors know them.
  lines.length = 0;
  await anchorFiles(env.ANCHOR_DIR).append([
    new AnchorSeal(derivedSecret(env.MASTER_KEY, 'anchors')).sealed({
      ...{ tenant: 'gone.example' as TenantId, position: 1 as Position, count: 1, at: clock() },
      hash: '1'.repeat(64),
      trace: Buffer.alloc(6).toString('base64'),
    }),
  ]);
  expect(await runVerify(env, ['gone.example'], print)).toBe(1);
  expect(lines).toEqual([
    'gone.example: anchor missing: in the database at position 1',
    'gone.example: cut off: at position 1',
    'gone.example: 0 events in 0 streams, 2 findings',
    '2 findings',
  ]);

  lines.length = 0;
  expect(await runVerify({ DATABASE_URL: url, DATA_DIR: env.ANCHOR_DIR }, ['demo.example'], print)).toBe(1);
  expect(lines[0]).toBe('without the master key, anchors are not proven to be genuine');
});
