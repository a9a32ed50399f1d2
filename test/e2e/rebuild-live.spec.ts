/** Read models made anew while phones go on: what they are told is what they would have been told without. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RebuildLine } from '../../api/services/read-models.ts';
import { EasClient } from '../eas-client/client.ts';
import { Transport } from '../eas-client/transport.ts';
import { adminToken, ServerProcess } from '../server-process.ts';
import { Random } from '../simulator/random.ts';
import { everything, KillPhone } from './kill-phone.ts';

let directory: string;
let server: ServerProcess;
let transport: Transport;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-rebuild-'));
  server = await ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
  transport = new Transport({ url: server.url, connections: 8 });
}, 120_000);

afterAll(async () => {
  await transport?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const authorization = { authorization: `Bearer ${adminToken}` };

async function rebuild(body: object): Promise<RebuildLine[]> {
  const headers = { ...authorization, 'content-type': 'application/json' };
  const options = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`${server.url}/admin/read-models/rebuild`, options);
  expect(response.status).toBe(200);
  return (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RebuildLine);
}

it('rebuilds every read model under live load, and no phone notices', { timeout: 180_000 }, async () => {
  const user = 'kari@demo.example';
  const phones = [1, 2].map((nth) => new KillPhone(user, `live${nth}`, new Random(nth)));
  for (const phone of phones) {
    phone.connect(transport);
    await phone.setUp();
  }
  let isOver = false;
  let answers = 0;
  const load = phones.map(async (phone) => {
    for (; !isOver; answers++) await phone.step();
  });
  const reports: RebuildLine[] = [];
  let during = 0;
  try {
    for (let round = 0; round < 3; round++) {
      const before = answers;
      reports.push(...(await rebuild({})));
      during += answers - before;
    }
  } finally {
    isOver = true;
    await Promise.all(load);
  }
  for (const phone of phones) while (phone.hasUnanswered) await phone.settle();
  expect(phones.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(during).toBeGreaterThan(10);

  const ended = reports.filter((line) => 'events' in line);
  expect(ended.length).toBeGreaterThanOrEqual(3 * 6);
  for (const { projection, isSwapped, tables } of ended) {
    expect([projection, isSwapped]).toEqual([projection, true]);
    for (const { table, differing } of tables) expect([table, differing]).toEqual([table, 0]);
  }
  // The phones have said all they have: nothing is sent to them again, and a fresh phone gets what they hold.
  for (const line of await rebuild({ dryRun: true })) {
    if ('tables' in line) expect(line.tables.filter(({ differing }) => differing > 0)).toEqual([]);
  }
  const fresh = new EasClient({ transport, user, password: 'demo', deviceId: 'livefresh' });
  const names = (await everything(fresh)).items.map(({ name }) => name).filter((name) => name.startsWith('live'));
  const promised = phones.flatMap(({ items }) => items.filter(({ deleted }) => !deleted).map(({ name }) => name));
  expect(names.sort()).toEqual(promised.sort());
});

it('says what it cannot do, and where each read model stands', async () => {
  const post = async (body: unknown) => {
    const headers = { ...authorization, 'content-type': 'application/json' };
    const options = { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await fetch(`${server.url}/admin/read-models/rebuild`, options);
    return { status: response.status, ...((await response.json()) as { message: string }) };
  };
  expect(await post({ projections: ['mail'] })).toMatchObject({ status: 400, error: 'invalid_request' });
  expect(await post({ projections: ['writeback'] })).toMatchObject({ status: 409, error: 'in_use' });
  expect(await post({ projections: [] })).toMatchObject({ status: 400 });
  const response = await fetch(`${server.url}/admin/read-models`, { headers: authorization });
  const { readModels } = (await response.json()) as { readModels: { projection: string; position: number }[] };
  const itemView = readModels.find(({ projection }) => projection === 'item-view');
  expect(itemView?.position).toBeGreaterThan(0);
});
