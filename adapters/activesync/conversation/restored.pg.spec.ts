import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CollectionId, Instant } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import { keyRing } from '../../crypto/key-ring.ts';
import { masterKey } from '../../crypto/master-key.ts';
import { memoryKeyTable } from '../../crypto/memory.ts';
import { copyOf, type MemoryStorage, memoryEventLog } from '../../event-log/memory.ts';
import { commandIdFrom } from '../../ids.ts';
import { conversationOf } from '../session.ts';
import { raiseEpochs } from './raise-epochs.ts';

const email = 'kari@restored.example';
let keys: ReturnType<typeof keyRing>;
let storage: MemoryStorage;
let world: World;
let contacts: string;
let phones: Phone[];
let nowMs = Date.UTC(2026, 10, 1);
let nonce = 0;
const worlds: World[] = [];

async function open(log: MemoryStorage): Promise<World> {
  const { pool } = await freshDatabase();
  storage = log;
  const opened = await World.start({ pool, log: memoryEventLog(log), keys, nowMs: () => nowMs });
  worlds.push(opened);
  return opened;
}

beforeEach(async () => {
  keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  world = await open(new Map());
  contacts = world.collection(email, 'contact');
  phones = ['a', 'b'].map((name) => new Phone(world, world.session(email, name)));
  for (const phone of phones) await phone.reset(contacts);
});
afterEach(async () => {
  for (const opened of worlds.splice(0)) await opened.stop();
});

/** The log goes back to the backup; the phones are as they are. */
async function restore(backup: MemoryStorage): Promise<void> {
  nowMs += 3_600_000;
  world = await open(copyOf(backup));
  await raiseEpochs({
    log: world.log,
    store: world.store,
    now: () => new Date(nowMs).toISOString() as Instant,
    commandId: commandIdFrom,
    nonce: () => String(++nonce),
  });
  await world.settle(email);
  phones = phones.map((phone) => phone.copy(world));
}

const add = (phone: Phone, company: string) => ({
  do: 'add' as const,
  clientId: phone.nextClientId(),
  data: contact({ company }),
});
const change = (serverId: string, company: string) => ({ do: 'change' as const, serverId, data: contact({ company }) });
const companies = (phone: Phone) =>
  [...phone.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company).sort();
const itemOf = (phone: Phone, company: string) =>
  [...phone.folder(contacts).items].find(([, data]) => fieldsOf('contact', data).company === company)?.[0] as string;
const pullAll = async () => {
  for (let round = 0; round < 2; round++) for (const phone of phones) await phone.pull(contacts, { windowSize: 2 });
};
/**
 * Two Adds of one item are two items on many clients. What else is told too often does no harm: the Delete of what is not
 * held is ignored, and the Change of what was removed in the life that is lost makes it again, or is ignored.
 */
const harm = () => phones.flatMap(({ complaints }) => complaints.filter((it) => it.startsWith('Add')));
/** What the server holds, as a phone sees it that begins now. */
async function onServer() {
  const fresh = new Phone(world, world.session(email, `fresh${++nonce}`));
  await fresh.reset(contacts);
  return companies(fresh);
}

describe('after a restore to an earlier point', () => {
  it('phones that went on are served without Status 3, what they had not sent is taken, and all come to the same', async () => {
    const [a, b] = phones as [Phone, Phone];
    await a.sync(contacts, { commands: ['Hav AS', 'Fjell AS', 'Dal AS', 'Elv AS'].map((name) => add(a, name)) });
    await pullAll();
    const backup = copyOf(storage);
    // What is lost: a changed item, a removed one, and one that was told to the other phone.
    await a.sync(contacts, {
      commands: [
        change(itemOf(a, 'Hav AS'), 'Hav & Sønn AS'),
        { do: 'delete', serverId: itemOf(a, 'Fjell AS') },
        add(a, 'Skog AS'),
      ],
    });
    await pullAll();
    expect(companies(b)).toEqual(['Dal AS', 'Elv AS', 'Hav & Sønn AS', 'Skog AS']);

    await restore(backup);
    const [a2, b2] = phones as [Phone, Phone];
    const lost = itemOf(a2, 'Skog AS');
    const answer = await a2.sync(contacts, {
      commands: [change(lost, 'Skog & Vei AS'), change(itemOf(a2, 'Dal AS'), 'Dalen AS'), add(a2, 'Ny AS')],
      windowSize: 1,
    });
    expect(answer.status).toBe(1);
    expect(answer.responses.filter(({ status }) => status !== 1)).toEqual([]);
    await pullAll();
    // The item that was lost is there again under the very id that the phones hold it by.
    expect(itemOf(a2, 'Skog & Vei AS')).toBe(lost);
    const server = await onServer();
    expect(server).toEqual(['Dalen AS', 'Elv AS', 'Fjell AS', 'Hav AS', 'Ny AS', 'Skog & Vei AS']);
    expect(companies(a2)).toEqual(server);
    expect(companies(b2)).toEqual(server);
    expect(harm()).toEqual([]);
    expect(world.forged).toEqual([]);
  });

  it('a phone whose key the log still knows is sent what differs, and nothing else', async () => {
    const [a, b] = phones as [Phone, Phone];
    await a.sync(contacts, { commands: [add(a, 'Hav AS'), add(a, 'Fjell AS')] });
    await pullAll();
    await restore(copyOf(storage));
    const b2 = phones[1] as Phone;
    expect((await b2.sync(contacts)).commands).toEqual([]);
    expect(companies(b2)).toEqual(companies(b));
  });

  it('what a phone holds and nobody speaks of stays on it, and its removal is accepted', async () => {
    const [a] = phones as [Phone];
    const backup = copyOf(storage);
    await a.sync(contacts, { commands: [add(a, 'Skog AS'), add(a, 'Vann AS')] });
    await pullAll();
    await restore(backup);
    await pullAll();
    const [a2, b2] = phones as [Phone, Phone];
    expect(companies(a2)).toEqual(['Skog AS', 'Vann AS']);
    const answer = await a2.sync(contacts, { commands: [{ do: 'delete', serverId: itemOf(a2, 'Skog AS') }] });
    expect(answer).toMatchObject({ status: 1, responses: [] });
    await b2.sync(contacts, { commands: [change(itemOf(b2, 'Vann AS'), 'Vannet AS')] });
    expect(await onServer()).toEqual(['Vannet AS']);
  });

  it('items that came with the restored log and that a phone may hold or not are there once in the end', async () => {
    const [a, b] = phones as [Phone, Phone];
    await a.sync(contacts, { commands: [add(a, 'Hav AS'), add(a, 'Fjell AS'), add(a, 'Dal AS')] });
    await world.settle(email);
    // The backup is taken before the other phone was told of any, and in the life that is lost it was told of some.
    const backup = copyOf(storage);
    await b.sync(contacts, { windowSize: 2 });
    await b.sync(contacts, { windowSize: 2, lose: true });
    await restore(backup);
    await pullAll();
    expect(companies(phones[1] as Phone)).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
    expect(harm()).toEqual([]);
  });

  it('what comes back later, because another phone speaks of it, is there once', async () => {
    const [a] = phones as [Phone];
    await a.sync(contacts, { commands: [add(a, 'Hav AS')] });
    await pullAll();
    const backup = copyOf(storage);
    const lost = add(a, 'Elv AS');
    await a.sync(contacts, { commands: [add(a, 'Skog AS')] });
    await a.sync(contacts, { commands: [lost], lose: true });
    await (phones[1] as Phone).pull(contacts);
    await restore(backup);
    const [a2, b2] = phones as [Phone, Phone];
    // This one has come right before the other speaks.
    await b2.pull(contacts);
    await a2.sync(contacts, { commands: [change(itemOf(a2, 'Skog AS'), 'Skogen AS'), lost] });
    await pullAll();
    expect(companies(a2)).toEqual(['Elv AS', 'Hav AS', 'Skogen AS']);
    expect(companies(b2)).toEqual(companies(a2));
    expect(harm()).toEqual([]);
    // Once all that is over, what is new is simply added.
    nowMs += 15 * 86_400_000;
    await a2.sync(contacts, { commands: [add(a2, 'Ny AS')] });
    expect((await b2.sync(contacts)).commands.map((command) => command.do)).toEqual(['add']);
  });

  it('a phone that the backup does not know is served too', async () => {
    const backup = copyOf(storage);
    const late = new Phone(world, world.session(email, 'late'));
    await late.reset(contacts);
    await late.sync(contacts, { commands: [add(late, 'Hav AS')] });
    phones.push(late);
    await restore(backup);
    const late2 = phones[2] as Phone;
    const answer = await late2.sync(contacts, { commands: [change(itemOf(late2, 'Hav AS'), 'Havet AS')] });
    expect(answer.status).toBe(1);
    await pullAll();
    expect(await onServer()).toEqual(['Havet AS']);
    expect(companies(late2)).toEqual(['Havet AS']);
  });

  it('answers that are lost are given again, and one restored twice is as one restored once', async () => {
    const [a] = phones as [Phone];
    await a.sync(contacts, { commands: [add(a, 'Hav AS')] });
    await pullAll();
    const backup = copyOf(storage);
    await a.sync(contacts, { commands: [add(a, 'Skog AS')] });
    for (let time = 0; time < 2; time++) {
      await restore(backup);
      const a2 = phones[0] as Phone;
      const commands = [
        change(itemOf(a2, time === 0 ? 'Skog AS' : 'Skog 0 AS'), `Skog ${time} AS`),
        add(a2, `Ny ${time} AS`),
      ];
      await a2.sync(contacts, { commands, lose: true });
      await a2.sync(contacts, { commands, lose: true });
      await a2.sync(contacts, { commands });
      await a2.pull(contacts);
      await (phones[1] as Phone).pull(contacts);
    }
    const server = await onServer();
    expect(server).toEqual(['Hav AS', 'Ny 1 AS', 'Skog 1 AS']);
    // What the first restore took in and the second lost is still on the phone.
    expect(companies(phones[0] as Phone)).toEqual(['Hav AS', 'Ny 0 AS', 'Ny 1 AS', 'Skog 1 AS']);
    expect(world.forged).toEqual([]);
  });

  it('nobody takes over what belongs to others by the id of an item', async () => {
    const [a] = phones as [Phone];
    await a.sync(contacts, { commands: [add(a, 'Hav AS')] });
    const item = itemOf(a, 'Hav AS');
    const ola = 'ola@restored.example';
    const theirs = new Phone(world, world.session(ola, 'x'));
    const folder = world.collection(ola, 'contact');
    await theirs.reset(folder);
    phones.push(theirs);
    await restore(copyOf(storage));
    const again = phones[2] as Phone;
    const answer = await again.sync(folder, {
      commands: [change(item, 'Stjålet AS'), change('0'.repeat(26), 'Null AS')],
    });
    expect(answer.responses.map(({ status }) => status)).toEqual([8, 8]);
    expect(await onServer()).toEqual(['Hav AS']);
  });

  it('a key that is ahead of a log which nobody said was restored is not served, and reported', async () => {
    const [a] = phones as [Phone];
    const backup = copyOf(storage);
    await a.sync(contacts, { commands: [add(a, 'Hav AS')] });
    await a.sync(contacts, { commands: [add(a, 'Fjell AS')] });
    world = await open(copyOf(backup));
    expect((await a.copy(world).sync(contacts)).status).toBe(3);
    expect(world.forged).toEqual([`${a.session.device}/${contacts}`]);
  });

  it('every conversation goes on in an epoch above all before, however often it is restored', async () => {
    const id = conversationOf((phones[0] as Phone).session, contacts as CollectionId);
    const epochs: number[] = [];
    const backup = copyOf(storage);
    for (let time = 0; time < 3; time++) {
      await restore(backup);
      epochs.push((await world.engine.conversations.load(id)).state?.epoch ?? 0);
    }
    expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
    expect(Math.max(...epochs)).toBeLessThan(1e9);
  });
});
