/** A rehearsal: back up beside the running server, go on, erase, restore; a phone that is ahead comes. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { beginRestore } from '../../adapters/backup/under-way.ts';
import { connectDatabase } from '../../adapters/postgres/connect.ts';
import { runningEmbeddedPostgres } from '../../adapters/postgres/embedded.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { dumpOf, wordsIn } from '../dump.ts';
import { isOnEventStore, logEnv } from '../e2e-log.ts';
import { changedItem, newItem } from '../eas-client/fields.ts';
import type { Phone } from '../eas-client/phone.ts';
import { Phones } from '../phones.ts';
import { adminToken, ServerProcess } from '../server-process.ts';

const root = path.join(import.meta.dirname, '../..');
let directory: string;
let server: ServerProcess | undefined;
const phones = new Phones();
const dataDir = () => path.join(directory, 'data');
const folder = () => path.join(dataDir(), 'backups/one');
/** Of the log, where a restore needs one that nothing holds yet. */
let life = 0;
const start = (env: Record<string, string> = { DEMO: 'true' }) =>
  ServerProcess.start({ dataDir: dataDir(), env: { ...env, ...logEnv(dataDir(), life) } });

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-restore-'));
  server = await start();
}, 120_000);

afterAll(async () => {
  await phones.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** The phone with this state, speaking to the server that runs now. */
const aPhone = (deviceId: string, before?: Phone): Phone =>
  phones.of(server!.url, 'kari@demo.example', deviceId, before?.state);

const context = { version: 141, zone: 'Europe/Oslo', nowMs: Date.now(), uid: 'uid' } as const;

async function add(on: Phone, subject: string): Promise<string> {
  const data = newItem('task', [`Subject=${subject}`, 'due=2026-12-24'], context);
  const sent = await on.send(on.folders('task')[0]!, [{ do: 'add', clientId: on.nextClientId(), data }]);
  expect(sent.responses).toMatchObject([{ status: 1 }]);
  return sent.responses[0]!.serverId!;
}

function run(script: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env.PATH, DATA_DIR: dataDir(), ...logEnv(dataDir(), life), ADMIN_TOKEN: adminToken };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(root, script), ...args],
      { cwd: root, env: { ...env, MOBILESYNC_URL: server?.url ?? '' } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

const tasksOf = (phone: Phone) => phone.folder(phone.folders('task')[0]!).items;

it('a restored server gives every phone right again, forgets what was erased since, and its log holds', async () => {
  const phone = aPhone('RESTORE1');
  await phone.setUp();
  await phone.sync();
  const kept = await add(phone, 'Fjellrype');
  const erased = await add(phone, 'Zebrafink');
  const backedUp = await run('api/cli/backup.ts', folder());
  expect(backedUp).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+ events of 1 tenants are in /) });
  expect((await run('api/cli/backup.ts', folder())).err).toMatch(/is not empty/);

  const known = tasksOf(phone).get(kept)!;

  // The world goes on: what follows is lost on our side, and the phone has it.
  const lost = await add(phone, 'Lirype');
  await phone.send(phone.folders('task')[0]!, [
    { do: 'change', serverId: kept, data: changedItem('task', known, ['Subject=Storrype'], context) },
  ]);
  await run('api/cli/mobilesync.ts', 'anchor');
  const gone = await run('api/cli/mobilesync.ts', 'erase', '--item', erased, '--yes', '--reason', 'a letter');
  expect(gone).toMatchObject({ code: 0, err: '' });
  for (const name of await readdir(folder())) {
    const bytes = await readFile(path.join(folder(), name));
    const plain = name.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes;
    expect([name, wordsIn(plain, ['Zebrafink', 'Fjellrype', 'kari@demo.example', 'RESTORE1'])]).toEqual([name, []]);
  }

  expect((await run('api/cli/restore.ts', folder(), '--replace')).err).toMatch(/The server runs: stop it/);
  const told = await run('api/cli/mobilesync.ts', 'erasures', '--json');
  await server!.stop();
  server = undefined;
  const refused = await run('api/cli/restore.ts', folder());
  expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(/say --replace/) });
  if (isOnEventStore) {
    const ahead = await run('api/cli/restore.ts', folder(), '--replace');
    expect(ahead).toMatchObject({ code: 2, err: expect.stringMatching(/never gives up what it holds: name another/) });
    life++;
  }
  const restored = await run('api/cli/mobilesync.ts', 'backup', 'restore', folder(), '--replace');
  expect(restored).toMatchObject({ code: 0, out: expect.stringMatching(/are as they were at 20/) });
  expect(await run('api/cli/verify.ts')).toMatchObject({ code: 0, out: expect.stringMatching(/everything holds\n/) });

  server = await start();
  const connection = (await runningEmbeddedPostgres(dataDir()))!;
  const pool = createPool({ connection, applicationName: 'test', onError: () => {} });
  for (const [table, text] of await dumpOf(pool))
    expect([table, wordsIn(Buffer.from(text), ['Zebrafink'])]).toEqual([table, []]);
  await pool.end();
  const erasures = await run('api/cli/mobilesync.ts', 'erasures', '--json');
  expect(JSON.parse(erasures.out)).toMatchObject({ subject: 'item', item: erased, reason: 'a letter' });
  expect(erasures.out).toBe(told.out);

  // The phone comes with a key that the restored log never issued.
  const ahead = aPhone('RESTORE1', phone);
  const news = await ahead.sync();
  for (const one of news.values()) expect(one.startedOver).toBe(false);
  for (let round = 0; round < 5; round++) await ahead.sync();
  const fresh = aPhone('RESTORE2');
  await fresh.setUp();
  await fresh.sync();
  // What only the phone holds stays there, and comes back to all when the phone speaks of it.
  const held = tasksOf(ahead).get(lost)!;
  const tasks = ahead.folders('task')[0]!;
  const subject = changedItem('task', held, ['Subject=Lirype i dalen'], context);
  await ahead.send(tasks, [{ do: 'change', serverId: lost, data: subject }]);
  await fresh.sync();
  expect([...tasksOf(ahead).keys()].sort()).toEqual([...tasksOf(fresh).keys()].sort());
  expect(tasksOf(fresh).has(lost)).toBe(true);
  expect(tasksOf(fresh).has(kept)).toBe(true);
  expect(tasksOf(ahead).has(erased)).toBe(false);
  const later = await add(ahead, 'Orrhane');
  await fresh.sync();
  expect(tasksOf(fresh).has(later)).toBe(true);
  await run('api/cli/mobilesync.ts', 'anchor');
  expect(await run('api/cli/verify.ts')).toMatchObject({ code: 0 });
  const compared = await run('api/cli/rebuild.ts', '--all', '--dry-run');
  expect(compared).toMatchObject({ code: 0, err: '' });
}, 240_000);

it('a backup that is damaged changes nothing, and one whose log was tampered with is not believed', async () => {
  await server!.stop();
  server = undefined;
  const file = path.join(folder(), 'events.copy.zst');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, bytes.length - 1));
  const damaged = await run('api/cli/restore.ts', folder(), '--replace');
  expect(damaged).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/is damaged or not whole/) });
  await writeFile(file, bytes);

  // Somebody changes one byte of an event in the backup, and makes its checksums fit.
  const name = path.join(folder(), 'manifest.json');
  const text = await readFile(name, 'utf8');
  const raw = zstdDecompressSync(bytes);
  raw[raw.length - 60]! ^= 1;
  const forged = zstdCompressSync(raw);
  const manifest = JSON.parse(text);
  const events = manifest.tables.find((table: { name: string }) => table.name === 'events');
  Object.assign(events, { bytes: forged.length, sha256: createHash('sha256').update(forged).digest('hex') });
  await writeFile(file, forged);
  await writeFile(name, JSON.stringify(manifest));
  const refused = await run('api/cli/restore.ts', folder(), '--replace');
  expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(/does not hold \(1 findings\): nothing was/) });
  expect(refused.out).toMatch(/^demo\.example: changed: stream \S+ revision \d+ at position \d+$/m);
  await writeFile(file, bytes);
  await writeFile(name, text);

  // Brought back by PostgreSQL's own means, the database needs the rest of a restore too.
  expect((await run('api/cli/restore.ts', folder(), '--in-place')).code).toBe(2);
  const inPlace = await run('api/cli/restore.ts', '--in-place');
  expect(inPlace).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+ events of 1 tenants are ready to go on$/m),
  });
  expect(inPlace.err).toMatch(/[1-9]\d* conversations and [1-9]\d* hierarchies go on in epoch/);

  const none = await run('api/cli/restore.ts', path.join(directory, 'none'));
  expect(none).toMatchObject({ code: 2, err: expect.stringMatching(/holds no finished backup/) });
  const proven = await run('api/cli/verify.ts');
  expect(proven).toMatchObject({ code: 0, out: expect.stringMatching(/everything holds\n$/) });
}, 120_000);

it('a restore that was cut short keeps the server from starting', async () => {
  const database = await connectDatabase({ dataDir: dataDir(), applicationName: 'test', log: () => {} });
  await beginRestore(database.pool, folder());
  await database.close();
  await expect(start({})).rejects.toThrow(/was cut short: run it again/);
  expect(await run('api/cli/restore.ts', folder(), '--replace')).toMatchObject({ code: 0 });
  server = await start({});
}, 120_000);

it.runIf(isOnEventStore)(
  'a database behind its event store is not served from, until what it lost is given up',
  async () => {
    const phone = aPhone('RESTORE3');
    await phone.setUp();
    await phone.sync();
    const lost = await add(phone, 'Tiur');
    await server!.stop();
    server = undefined;
    const database = await connectDatabase({ dataDir: dataDir(), applicationName: 'test', log: () => {} });
    // As a standby would be that had not heard of the last seconds.
    const { rowCount } = await database.pool.query('delete from data_keys where subject = $1', [`item-${lost}`]);
    expect(rowCount).toBe(1);
    await database.pool.query('update projection_checkpoint set position = greatest(0, position - 20)');
    await database.close();
    await expect(start({})).rejects.toThrow(/the keys of 1 items or people are lost/);
    const refused = await run('api/cli/restore.ts', '--in-place');
    expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(/earlier point than the event store/) });
    expect(refused.out).toMatch(
      /^demo\.example: the keys of 1 items or people are lost, and what \d+ events say of them$/m,
    );
    expect(await run('api/cli/restore.ts', '--in-place', '--force')).toMatchObject({ code: 0 });
    expect(await run('api/cli/verify.ts')).toMatchObject({ code: 0 });
    server = await start({});
    const ahead = aPhone('RESTORE3', phone);
    await ahead.sync();
    const later = await add(ahead, 'Rugde');
    const fresh = aPhone('RESTORE4');
    await fresh.setUp();
    await fresh.sync();
    expect(tasksOf(fresh).has(later)).toBe(true);
    expect(tasksOf(fresh).has(lost)).toBe(false);
  },
  240_000,
);
