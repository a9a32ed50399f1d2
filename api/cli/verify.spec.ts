import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { keyRing } from '../../adapters/crypto/key-ring.ts';
import { masterKey } from '../../adapters/crypto/master-key.ts';
import { postgresKeyTable } from '../../adapters/crypto/postgres/table.ts';
import { emptyHead } from '../../adapters/event-log/event-store.port.ts';
import { createEventStore } from '../../adapters/event-log/event-store.ts';
import { postgresEventLog } from '../../adapters/event-log/postgres/log.ts';
import type { CommandId, Instant, StreamName, SubjectId, TenantId } from '../../domain/shared/ids.ts';
import { defineEvents, eventRegistry } from '../../domain/shared/upcast.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { runMigrate } from './migrate.ts';
import { runVerify } from './verify.ts';

const clock = () => '2026-03-29T01:00:00.000Z' as Instant;

it('migrate says what it did; verify names what was tampered with and ends with 1', async () => {
  const { pool, url } = await freshDatabase();
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  expect(await runMigrate({ DATABASE_URL: url }, print)).toBe(0);
  expect(lines).toEqual(['the schema is up to date']);

  const events = eventRegistry(
    defineEvents({ Named: { version: 1, schema: z.object({ name: z.string() }), upcasters: [] } }),
  );
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKey(randomBytes(32)) });
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
  expect(await runVerify({ DATABASE_URL: url }, [], print)).toBe(0);
  expect(lines).toEqual(['demo.example: 6 events in 2 streams, 0 findings', 'everything holds']);

  await pool.query(`begin; set local session_replication_role = replica;
    update events set payload = 'forged' where stream = 'b' and revision = 1; commit`);
  lines.length = 0;
  expect(await runVerify({ DATABASE_URL: url }, ['demo.example'], print)).toBe(1);
  expect(lines).toEqual([
    'demo.example: changed: stream b revision 1 at position 5',
    'demo.example: 6 events in 2 streams, 1 finding',
    '1 finding',
  ]);
});
