import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SubjectId, TenantId } from '../../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import { keyRingContract } from '../contract.ts';
import { keyRing } from '../key-ring.ts';
import { masterKey } from '../master-key.ts';
import { postgresKeyTable } from './table.ts';

let database: FreshDatabase;
keyRingContract('PostgreSQL', async () => {
  database ??= await freshDatabase();
  return postgresKeyTable(database);
});

it('a destroyed key leaves its row, when it went, and none of its bytes', async () => {
  const { pool } = await freshDatabase();
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKey(randomBytes(32)) });
  const tenant = 'erasing.example' as TenantId;
  await keys.ensure(tenant, [{ subject: 'item' as SubjectId, owner: 'kari' as SubjectId }]);
  await keys.destroy(tenant, 'kari' as SubjectId);
  const { rows } = await pool.query('select subject, owner, wrapped, destroyed_at from data_keys order by subject');
  expect(rows).toEqual([
    { subject: 'item', owner: 'kari', wrapped: null, destroyed_at: expect.any(Date) },
    { subject: 'kari', owner: 'kari', wrapped: null, destroyed_at: expect.any(Date) },
  ]);
});
