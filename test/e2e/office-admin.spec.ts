/** What an administrator sees and says of an account's office, against the real server and the simulator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adminToken, ServerProcess } from '../server-process.ts';

const user = 'kari@demo.example';
let directory: string;
let server: ServerProcess;
let office: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-office-'));
  server = await ServerProcess.start({ dataDir: path.join(directory, 'data'), env: { DEMO: 'true' } });
  office = (await ask('/health/ready')).office;
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

// biome-ignore lint/suspicious/noExplicitAny: JSON whose shape the expectations state
async function ask(where: string, method = 'GET', base = server.url): Promise<any> {
  const headers = { authorization: `Bearer ${adminToken}` };
  return await (await fetch(`${base}${where}`, { method, headers })).json();
}
const account = (where: string, method?: string) => ask(`/admin/accounts/${user}${where}`, method);

it('shows a crawl that lost too much, and removes what is missing once a person confirms it', async () => {
  const before = await account('/office');
  expect(before).toMatchObject({
    poll: { failures: 0, last: { kind: 'done' } },
    suspended: [],
    writeback: { open: [], refused: [] },
  });
  expect(Date.parse(before.poll.nextPollAt)).toBeGreaterThan(Date.parse(before.poll.lastPolledAt));
  expect(await account('/office/confirm-shrink', 'POST')).toEqual({ confirmed: 0 });

  const contacts: { id: string }[] = await ask(`/_screen/${user}/contacts`, 'GET', office);
  expect(contacts.length).toBeGreaterThan(2);
  for (const { id } of contacts) {
    const gone = await fetch(`${office}/_screen/${user}/contacts/${id}`, { method: 'DELETE' });
    expect(gone.ok).toBe(true);
  }
  expect(await account('/poll', 'POST')).toMatchObject({ done: true, suspended: 1, removed: 0 });
  const missing = contacts.length;
  expect((await account('/office')).suspended).toMatchObject([
    { kind: 'contact', state: { kind: 'suspended', missing, of: missing } },
  ]);

  expect(await account('/office/confirm-shrink', 'POST')).toEqual({ confirmed: 1 });
  expect(await account('/poll', 'POST')).toMatchObject({ suspended: 0, removed: 0 });
  expect(await account('/poll', 'POST')).toMatchObject({ suspended: 0, removed: missing });
  expect((await account('/office')).suspended).toEqual([]);
});
