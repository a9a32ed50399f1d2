import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { syncStream } from '../../../domain/shared/streams.ts';
import type { SyncEventData } from '../../../domain/sync/events.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { applicationData, contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone, type PhoneCommand, type SyncOptionsOfPhone } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import type { Element } from '../wbxml/element.ts';

let pool: pg.Pool;
let world: World;
let email: string;
let contacts: string;
let phone: Phone;
let other: Phone;
let people = 0;
let nowMs = Date.parse('2026-03-02T08:00:00.000Z');

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  world = await World.start({ pool, nowMs: () => nowMs });
});
afterAll(() => world.stop());
beforeEach(() => {
  nowMs += 3_600_000;
});

/** Two phones that hold so many contacts. */
async function given(count: number): Promise<string[]> {
  email = `kari@guarded${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone', 161));
  other = new Phone(world, world.session(email, 'tablet'));
  await phone.reset(contacts);
  const commands = Array.from({ length: count }, (_, index) => ({
    do: 'add' as const,
    clientId: phone.nextClientId(),
    data: contact({ company: `Nr ${index} AS` }),
  }));
  await phone.sync(contacts, { commands });
  // Given them anew, it has read the folder up to here.
  await phone.reset(contacts);
  await phone.pull(contacts);
  await other.pull(contacts);
  return [...phone.folder(contacts).items.keys()];
}

const deletes = (items: readonly string[]): PhoneCommand[] =>
  items.map((serverId) => ({ do: 'delete' as const, serverId }));
/** What a phone sends that has lost what it held. */
const nothing = applicationData('contact', { fileAs: 'Bråthen, Astrid' });
const empties = (items: readonly string[]): PhoneCommand[] =>
  items.map((serverId) => ({ do: 'change' as const, serverId, data: nothing }));
const send = (commands: readonly PhoneCommand[], more: SyncOptionsOfPhone = {}) =>
  phone.sync(contacts, { commands, ...more });

async function eventsOf<T extends keyof SyncEventData>(type: T): Promise<SyncEventData[T][]> {
  const { tenant } = world.account(email);
  const { events } = await world.store.load(tenant, syncStream(phone.session.device, contacts as never));
  return events.filter((event) => event.type === type).map(({ data }) => data as SyncEventData[T]);
}
const heldItems = async () =>
  (await eventsOf('CommandsHeld')).flatMap(({ commands }) => commands.map((one) => one.item));

/** What everybody else sees. */
async function present(): Promise<string[]> {
  await other.pull(contacts);
  return [...other.folder(contacts).items.keys()];
}
const complaints = () => [...phone.complaints, ...other.complaints];

describe('a phone that deletes much', () => {
  it.each([
    ['20 of 40, which are few', 40, 20],
    ['30 of 100, which are a share it may', 100, 30],
  ])('has its way with %s', async (_, count, lost) => {
    const items = await given(count);
    await send(deletes(items.slice(0, lost)));
    expect(await heldItems()).toEqual([]);
    expect(await present()).toHaveLength(count - lost);
  });

  it.each([
    ['21 of 40', 40, 21, 20],
    ['31 of 100', 100, 31, 30],
    ['all of 60', 60, 60, 20],
    ['all of 100', 100, 100, 30],
  ])('of %s loses no more than it may', async (_, count, lost, allowed) => {
    const items = await given(count);
    const answer = await send(deletes(items.slice(0, lost)));
    expect(answer).toMatchObject({ status: 1, responses: [], commands: [] });
    expect(await heldItems()).toEqual(items.slice(allowed, lost));
    expect(await eventsOf('CommandsHeld')).toMatchObject([{ by: 'Sync', of: count, withinMinutes: 10 }]);
    expect((await present()).sort()).toEqual(items.slice(allowed).sort());
    // It goes on as if all were done, and is not sent what it deleted.
    await phone.pull(contacts);
    expect([...phone.folder(contacts).items.keys()]).toEqual(items.slice(lost));
    expect((await phone.sync(contacts)).isEmpty).toBe(true);
    expect(complaints()).toEqual([]);
  });

  it('is caught also when it does so in several requests, into one batch', async () => {
    const items = await given(100);
    for (let at = 0; at < 50; at += 10) await send(deletes(items.slice(at, at + 10)));
    expect(await heldItems()).toEqual(items.slice(30, 50));
    expect(new Set((await eventsOf('CommandsHeld')).map(({ batch }) => batch)).size).toBe(1);
    expect(await present()).toHaveLength(70);
    expect(complaints()).toEqual([]);
  });

  it('has its way again once the time is over', async () => {
    const items = await given(100);
    await send(deletes(items.slice(0, 30)));
    nowMs += 10 * 60_000;
    await send(deletes(items.slice(30, 51)));
    expect(await heldItems()).toEqual([]);
    expect(await present()).toHaveLength(49);
  });

  it('is told the same when its answer was lost, and nothing more is done', async () => {
    const items = await given(100);
    const commands = deletes(items.slice(0, 50));
    await send(commands, { lose: true });
    await send(commands, { lose: true });
    expect((await send(commands)).commands).toEqual([]);
    expect(await heldItems()).toEqual(items.slice(30, 50));
    expect(await present()).toHaveLength(70);
    await phone.pull(contacts);
    expect(phone.folder(contacts).items.size).toBe(50);
    expect(complaints()).toEqual([]);
  });

  it('is held to it across a restart', async () => {
    const items = await given(100);
    const commands = deletes(items.slice(0, 50));
    await send(commands, { lose: true });
    await world.settle(email);
    const before = world;
    world = await World.start({ pool, nowMs: () => nowMs, log: before.log, keys: before.keys, blobs: before.blobs });
    await before.stop();
    const restarted = new Phone(world, phone.session);
    restarted.folders.set(contacts, phone.folder(contacts));
    phone = restarted;
    other = new Phone(world, other.session);
    await send(commands);
    expect(await heldItems()).toEqual(items.slice(30, 50));
    expect((await phone.sync(contacts)).commands).toEqual([]);
    expect(await present()).toHaveLength(70);
    expect(complaints()).toEqual([]);
  });

  it('names an item twice in its request: it is caught all the same', async () => {
    const items = await given(40);
    await send(deletes([...items, items[39] as string]));
    expect(await heldItems()).toEqual(items.slice(20));
    expect(await present()).toHaveLength(20);
    expect((await phone.sync(contacts)).isEmpty).toBe(true);
  });

  it('does not keep another phone from deleting', async () => {
    const items = await given(60);
    await send(deletes(items));
    await other.pull(contacts);
    await other.sync(contacts, { commands: deletes(items.slice(20, 25)) });
    await phone.pull(contacts);
    expect(await present()).toHaveLength(35);
    expect(complaints()).toEqual([]);
  });

  it('is left alone when its options change, and when others change what it deleted', async () => {
    const items = await given(60);
    await send(deletes(items));
    const changed = { do: 'change' as const, serverId: items[30] as string, data: contact({ company: 'Hav AS' }) };
    await other.pull(contacts);
    await other.sync(contacts, { commands: [changed] });
    await phone.pull(contacts, { bodyType: 2 });
    await phone.pull(contacts, { bodyType: 1 });
    expect(phone.folder(contacts).items.size).toBe(0);
    expect(complaints()).toEqual([]);
  });

  it('is left alone when it comes with a key from further back', async () => {
    const items = await given(60);
    await send(deletes(items));
    const key = phone.folder(contacts).key;
    for (const company of ['Hav AS', 'Fjell AS', 'Vidde AS']) {
      await other.pull(contacts);
      const data = contact({ company });
      await other.sync(contacts, { commands: [{ do: 'add', clientId: other.nextClientId(), data }] });
      await phone.pull(contacts);
    }
    phone.folder(contacts).key = key;
    phone.folder(contacts).items.clear();
    await phone.pull(contacts);
    expect(phone.folder(contacts).items.size).toBe(3);
    expect(complaints()).toEqual([]);
  });

  it('gets everything that is there when it begins anew, and the batch stays open', async () => {
    const items = await given(60);
    await send(deletes(items));
    await phone.reset(contacts);
    expect(phone.folder(contacts).items.size).toBe(40);
    expect(await eventsOf('BatchDiscarded')).toEqual([]);
    // It deletes again, which is a batch of its own.
    nowMs += 3_600_000;
    await send(deletes([...phone.folder(contacts).items.keys()]));
    expect(new Set((await eventsOf('CommandsHeld')).map(({ batch }) => batch)).size).toBe(2);
    expect(await present()).toHaveLength(20);
  });
});

describe('a phone that empties much', () => {
  it('loses no more than it may, and is not sent the rest', async () => {
    const items = await given(60);
    const answer = await send(empties(items));
    expect(answer).toMatchObject({ status: 1, responses: [], commands: [] });
    expect(await heldItems()).toEqual(items.slice(20));
    await present();
    const companies = [...other.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company);
    expect(companies.filter((company) => company !== undefined)).toHaveLength(40);
    expect((await phone.sync(contacts)).isEmpty).toBe(true);
    expect((await phone.sync(contacts, { bodyType: 1 })).commands).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  it('may write into what it emptied: that is done at once', async () => {
    const items = await given(60);
    await send(empties(items));
    const again = { do: 'change' as const, serverId: items[40] as string, data: contact({ company: 'Hav AS' }) };
    await send([again]);
    await present();
    const data = other.folder(contacts).items.get(items[40] as string) as Element;
    expect(fieldsOf('contact', data).company).toBe('Hav AS');
    await phone.pull(contacts);
    expect(complaints()).toEqual([]);
  });
});
