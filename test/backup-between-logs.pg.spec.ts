/**
 * The whole engine on a log that is not PostgreSQL, with keys, bodies and read models in PostgreSQL beside it: backed up
 * and brought back into PostgreSQL, and from there into such a log again, phones go on from what they hold.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { raiseEpochs } from '../adapters/activesync/conversation/raise-epochs.ts';
import { forgetInBackups, type LedgerEntry, readLedger } from '../adapters/backup/ledger.ts';
import { loadBackup } from '../adapters/backup/load.ts';
import { readManifest } from '../adapters/backup/manifest.ts';
import { fillLog, stageLog } from '../adapters/backup/staged-log.ts';
import { writeBackup } from '../adapters/backup/write.ts';
import { PostgresBlobStore } from '../adapters/blobs/postgres.ts';
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKey } from '../adapters/crypto/master-key.ts';
import { postgresKeyTable } from '../adapters/crypto/postgres/table.ts';
import { memoryEventLog } from '../adapters/event-log/memory.ts';
import type { EventLog } from '../adapters/event-log/port.ts';
import { postgresEventLog } from '../adapters/event-log/postgres/log.ts';
import { commandIdFrom } from '../adapters/ids.ts';
import type { ContactFields } from '../domain/contact/fields.ts';
import type { Instant, SubjectId } from '../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';
import { contact, fieldsOf } from './world/examples.ts';
import { Phone } from './world/phone.ts';
import { World } from './world/world.ts';

const email = 'kari@between.example';
const nowIso = () => new Date().toISOString() as Instant;
const worlds: World[] = [];
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'mobilesync-between-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

async function open({ pool }: FreshDatabase, log: EventLog): Promise<World> {
  const keys = keyRing({ table: postgresKeyTable({ pool }), master: masterKey(new Uint8Array(32).fill(7)) });
  const world = await World.start({ pool, log, keys, blobs: new PostgresBlobStore(pool) });
  worlds.push(world);
  return world;
}

async function backUp({ pool }: FreshDatabase, log?: EventLog): Promise<string> {
  const folder = path.join(directory, randomUUID());
  await writeBackup({ pool, log, folder, ledgerDirectory: directory, at: nowIso() });
  return folder;
}

interface Restored {
  readonly world: World;
  readonly database: FreshDatabase;
}

/** The rest of a restore, up to phones being served; rows are folded anew as the world starts. */
async function goOn(database: FreshDatabase, log: EventLog): Promise<Restored> {
  const world = await open(database, log);
  await raiseEpochs({ log, store: world.store, now: nowIso, commandId: commandIdFrom, nonce: randomUUID });
  await world.settle(email);
  return { world, database };
}

async function intoPostgres(folder: string): Promise<Restored> {
  const database = await freshDatabase();
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await loadBackup(client, folder, await readManifest(folder), await readLedger(directory));
    await client.query('commit');
  } finally {
    client.release(true);
  }
  return goOn(database, postgresEventLog(database));
}

async function intoMemory(folder: string): Promise<Restored> {
  const database = await freshDatabase();
  const log = memoryEventLog();
  const client = await database.pool.connect();
  try {
    const manifest = await readManifest(folder);
    await client.query('begin');
    await stageLog(client);
    await loadBackup(client, folder, manifest, await readLedger(directory));
    const staged = { query: client.query.bind(client) } as unknown as FreshDatabase['pool'];
    await fillLog(log, postgresEventLog({ pool: staged }), manifest.tenants);
    await client.query('commit');
  } finally {
    client.release(true);
  }
  return goOn(database, log);
}

const long = 'lang tekst '.repeat(4_000).trim();

it('brings items, bodies and conversations from one log into the other and back, and nothing that was erased', async () => {
  const first = await freshDatabase();
  const world = await open(first, memoryEventLog());
  const contacts = world.collection(email, 'contact');
  const phone = new Phone(world, world.session(email, 'phone'));
  const add = (on: Phone, company: string, more: object = {}) =>
    on.sync(contacts, { commands: [{ do: 'add', clientId: on.nextClientId(), data: contact({ company, ...more }) }] });
  const companies = (on: Phone) =>
    [...on.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company).sort();
  const itemOf = (on: Phone, company: string) =>
    [...on.folder(contacts).items].find(([, data]) => fieldsOf('contact', data).company === company)![0];
  const freshOn = async (on: World): Promise<Phone> => {
    const fresh = new Phone(on, on.session(email, `fresh${randomUUID().slice(0, 8)}`));
    await fresh.reset(contacts, { bodyType: 1 });
    return fresh;
  };

  await phone.reset(contacts);
  for (const company of ['Fjord', 'Skog', 'Slettes']) await add(phone, company);
  await add(phone, 'Lang', { body: { type: 'text', content: long } });
  await phone.pull(contacts);
  const folder = await backUp(first, world.log);

  // What follows is lost with the log, and the phone holds it; what is erased must not come back with the backup.
  await add(phone, 'Bare her');
  const erased = itemOf(phone, 'Slettes');
  const subject = `item-${erased}` as SubjectId;
  const { tenant } = world.account(email);
  await forgetInBackups(directory, {
    ...{ tenant, at: nowIso(), subjects: [subject] },
    erased: {
      subject: 'item',
      item: erased,
      kind: 'contact',
      collection: contacts,
      owner: 'kari',
      events: 1,
      isGoneInOffice: true,
    },
  } satisfies LedgerEntry);

  const inPostgres = await intoPostgres(folder);
  const ahead = phone.copy(inPostgres.world);
  await ahead.pull(contacts);
  const fresh = await freshOn(inPostgres.world);
  expect(companies(fresh)).toEqual(['Fjord', 'Lang', 'Skog']);
  const { body } = fieldsOf('contact', fresh.folder(contacts).items.get(itemOf(fresh, 'Lang'))!) as ContactFields;
  expect(body && 'content' in body && body.content === long).toBe(true);
  expect(inPostgres.world.forged).toEqual([]);
  await add(ahead, 'I PostgreSQL');

  const back = await intoMemory(await backUp(inPostgres.database));
  const again = ahead.copy(back.world);
  await again.pull(contacts);
  expect(companies(await freshOn(back.world))).toEqual(['Fjord', 'I PostgreSQL', 'Lang', 'Skog']);
  expect(back.world.forged).toEqual([]);
  // What only the phone holds is not taken from it, and comes back to all when it speaks of it.
  const lost = itemOf(again, 'Bare her');
  await again.sync(contacts, { commands: [{ do: 'change', serverId: lost, data: contact({ company: 'Overalt' }) }] });
  await again.pull(contacts);
  expect(companies(await freshOn(back.world))).toEqual(['Fjord', 'I PostgreSQL', 'Lang', 'Overalt', 'Skog']);
  expect(companies(again)).toEqual(companies(await freshOn(back.world)));
  expect([ahead, again].flatMap(({ complaints }) => complaints.filter((it) => it.startsWith('Add')))).toEqual([]);
});
