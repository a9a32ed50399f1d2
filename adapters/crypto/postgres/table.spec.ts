import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SubjectId, TenantId } from '../../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../../test/postgres.ts';
import { keyRingContract } from '../contract.ts';
import { keyRing } from '../key-ring.ts';
import { masterKey } from '../master-key.ts';
import { isMasterOf, postgresKeyTable } from './table.ts';

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

it('tells the master key of a database from another, as soon as there is a key to try it on', async () => {
  const { pool } = await freshDatabase();
  const [master, another] = [masterKey(randomBytes(32)), masterKey(randomBytes(32))];
  const keys = keyRing({ table: postgresKeyTable({ pool }), master });
  const tenant = 'wrapped.example' as TenantId;
  expect(await isMasterOf(pool, another)).toBeUndefined();
  const [kari, ola] = ['kari', 'ola'] as SubjectId[];
  await keys.ensure(tenant, [
    { subject: 'item' as SubjectId, owner: kari! },
    { subject: 'note' as SubjectId, owner: ola! },
  ]);
  expect([await isMasterOf(pool, master), await isMasterOf(pool, another)]).toEqual([true, false]);
  await keys.destroy(tenant, kari!);
  expect([await isMasterOf(pool, master), await isMasterOf(pool, another)]).toEqual([true, false]);
  await keys.destroy(tenant, ola!);
  expect(await isMasterOf(pool, another)).toBeUndefined();
});
