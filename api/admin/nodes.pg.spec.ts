import { afterAll, beforeAll, expect, it } from 'vitest';
import { noBulletin } from '../../adapters/cluster/bulletin.port.ts';
import { NodeLeases } from '../../adapters/cluster/postgres/nodes/leases.ts';
import type { TenantId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { startTestShell, type TestShell, testToken } from '../../test/shell.ts';

let leases: NodeLeases;
let shells: TestShell[];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  const onError = (error: unknown) => expect.unreachable(String(error));
  leases = new NodeLeases({ pool, bulletin: noBulletin, version: '1.2.3', onError });
  await leases.start(['demo.example', 'other.example'] as TenantId[]);
  shells = [await startTestShell({ support: { nodes: leases } }), await startTestShell({})];
});
afterAll(async () => {
  for (const shell of shells) await shell.close();
  await leases.stop();
});

const ask = async (shell: TestShell | undefined, token = testToken) => {
  const headers = { authorization: `Bearer ${token}` };
  const response = await (shell as TestShell).app.inject({ method: 'GET', url: '/admin/nodes', headers });
  return { status: response.statusCode, body: response.json() };
};

it('lists the nodes that live, the one that answers among them, and how many tenants each works for', async () => {
  const { status, body } = await ask(shells[0]);
  expect(status).toBe(200);
  expect(body.nodes).toMatchObject([
    { id: leases.id, pid: process.pid, version: '1.2.3', isWorking: true, tenants: 2, isThis: true },
  ]);
  const [{ startedAt, lastGainedAt, expiresInMs }] = body.nodes;
  expect(Date.parse(lastGainedAt)).toBeGreaterThanOrEqual(Date.parse(startedAt));
  expect(expiresInMs).toBeGreaterThan(0);
});

it('is for administrators, and says where there cannot be nodes', async () => {
  expect((await ask(shells[0], 'another')).status).toBe(401);
  expect(await ask(shells[1])).toMatchObject({ status: 501, body: { error: 'not_available' } });
});
