/** The record holds what ten thousand phones said in a month: nothing of it is read by looking at all of it. */
import { beforeAll, expect, it } from 'vitest';
import type { AccountId, DeviceKey, ExchangeId, TenantId } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { migrate } from '../../postgres/migrate.ts';
import { migrations } from '../../postgres/migrations/index.ts';
import type { Pool } from '../../postgres/pool.ts';
import { causesStatement, firstIdOf, listStatement } from './read.ts';

let pool: Pool;

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  await migrate(pool, migrations);
  await pool.query(`
    insert into exchange
    select ('0197a3c4-' || lpad(to_hex(n / 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      'demo.example', 'account' || n % 100, 'device' || n % 300, timestamptz '2026-01-01' + n * interval '1 second',
      5, 0, 'Sync', 141, 200, null, 100, 100, n, '[]', case when n % 500 = 0 then '{failed}'::text[] else '{}' end,
      case when n % 500 = 0 then '{sync.serverError}'::text[] else '{}' end, '1', 1, n % 500 = 0
    from generate_series(1, 30000) as n`);
  await pool.query('analyze exchange');
});

const [tenant, account, device] = ['demo.example' as TenantId, 'account7' as AccountId, 'device7' as DeviceKey];
const newestFirst = true;
const after = '0197a3c4-0000-7000-8000-000000005000' as ExchangeId;

it.each([
  ['of a device', listStatement({ device, newestFirst, limit: 100 })],
  ['of a person, the next page', listStatement({ tenant, account, after, newestFirst, limit: 100 })],
  ['in a span of time', listStatement({ from: '2025-01-01T00:00:00.000Z', after, limit: 100 })],
  ['with a verdict', listStatement({ suspicious: true, after, limit: 100 })],
  ['by cause', { text: causesStatement, values: [firstIdOf('2025-01-01T00:00:00.000Z'), null, null] }],
])('exchanges %s are found by an index', async (_, { text, values }) => {
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/Index (Only )?Scan|Bitmap Index Scan/);
  expect(plan).not.toContain('Seq Scan on exchange');
});
