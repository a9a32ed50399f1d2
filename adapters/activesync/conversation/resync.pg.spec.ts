import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CollectionId, Instant, ItemId } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import { commandIdFrom } from '../../ids.ts';
import { conversationOf } from '../session.ts';
import { resync } from './resync.ts';

let world: World;
let email: string;
let contacts: string;
let phone: Phone;
let people = 0;
let commands = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
});
afterAll(() => world.stop());
beforeEach(async () => {
  email = `kari@resync${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone'));
  await phone.reset(contacts);
});

const add = (company: string) => ({ do: 'add' as const, clientId: phone.nextClientId(), data: contact({ company }) });
const items = (of = phone) => of.folder(contacts).items;
const companies = (of = phone) => [...items(of).values()].map((data) => fieldsOf('contact', data).company).sort();
const resyncNow = (of = phone) =>
  resync(world.engine.deps, conversationOf(of.session, contacts as CollectionId), {
    actor: { kind: 'admin', name: 'Signe' },
    cause: { command: 'resync', reason: 'out of step' },
  });
async function other(): Promise<Phone> {
  const one = new Phone(world, world.session(email, 'other'));
  await one.reset(contacts);
  return one;
}
/** What nobody can see: an item changes on the phone without its knowing, or goes, or is there twice. */
function outOfStep(of: Phone): void {
  const [first, second] = [...items(of).keys()] as [string, string];
  items(of).set(first, contact({ company: 'Feil AS' }));
  items(of).delete(second);
}
async function inOffice(item: string, company: string | null): Promise<void> {
  const { account } = world.account(email);
  await world.execute(email, {
    item: item as ItemId,
    kind: 'contact',
    commandId: commandIdFrom(['office', String(++commands)]),
    actor: { kind: 'office', account },
    at: new Date().toISOString() as Instant,
    owner: account,
    command:
      company === null
        ? { do: 'remove', base: null, rule: 'clientWins' }
        : { do: 'change', base: null, rule: 'clientWins', patch: { set: { company }, cleared: [] } },
  });
}

describe('a resync asked for on our side', () => {
  beforeEach(async () => {
    await phone.sync(contacts, { commands: [add('Hav AS'), add('Fjell AS'), add('Dal AS')] });
    await phone.pull(contacts);
  });

  it('gives the phone the present content of everything, and no Status 3', async () => {
    outOfStep(phone);
    expect(await resyncNow()).toBe('resynced');
    expect(await resyncNow()).toBe('pending');
    await phone.pull(contacts, { windowSize: 1 });
    expect(companies()).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
    expect(world.forged).toEqual([]);
    // Once is enough.
    expect(await phone.sync(contacts)).toMatchObject({ isEmpty: true });
  });

  it('loses nothing of what the phone has not yet sent', async () => {
    const [first] = [...items().keys()] as [string];
    await resyncNow();
    const change = { do: 'change' as const, serverId: first, data: contact({ company: 'Ny AS' }) };
    await phone.sync(contacts, { commands: [change, add('Skog AS')] });
    await phone.pull(contacts);
    expect(companies()).toEqual(['Dal AS', 'Fjell AS', 'Ny AS', 'Skog AS']);
    expect(companies(await other())).toEqual(companies());
  });

  it.each([
    ['the last key', (_: string[]) => undefined],
    ['the key before, as after a lost answer', (keys: string[]) => keys.at(-1)],
    ['a key from further back', (keys: string[]) => keys[0]],
  ])('holds whatever key the phone comes with: %s', async (_, pick) => {
    const keys: string[] = [];
    for (const company of ['A AS', 'B AS', 'C AS']) {
      keys.push(phone.folder(contacts).key);
      await phone.sync(contacts, { commands: [add(company)] });
    }
    const key = pick(keys);
    if (key) phone.folder(contacts).key = key;
    for (const [item] of [...items()]) items().set(item, contact({ company: 'Feil AS' }));
    await resyncNow();
    await phone.pull(contacts);
    expect(companies()).toEqual(['A AS', 'B AS', 'C AS', 'Dal AS', 'Fjell AS', 'Hav AS']);
  });

  it('is not undone by answers that are lost', async () => {
    outOfStep(phone);
    await resyncNow();
    await phone.sync(contacts, { lose: true });
    await phone.sync(contacts, { windowSize: 1, lose: true });
    await phone.pull(contacts);
    expect(companies()).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
  });

  it('is not undone by a backup of the phone from before it', async () => {
    const backup = phone.copy();
    outOfStep(backup);
    await resyncNow();
    await phone.pull(contacts);
    await backup.pull(contacts);
    expect(companies(backup)).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
  });

  it('takes in what others did meanwhile', async () => {
    const [first, second] = [...items().keys()] as [string, string];
    await resyncNow();
    await inOffice(first, 'Ny AS');
    await inOffice(second, null);
    await world.settle(email);
    await phone.pull(contacts);
    expect(companies()).toEqual(['Dal AS', 'Ny AS']);
  });

  it('wakes a Sync that waits', async () => {
    outOfStep(phone);
    const waiting = phone.sync(contacts, { waitSeconds: 600 });
    while (world.engine.heads.parked === 0) await new Promise((resolve) => setImmediate(resolve));
    await resyncNow();
    expect((await waiting).commands).toHaveLength(3);
    expect(companies()).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
  });

  it('has nothing to do for a folder that was never synced', async () => {
    expect(await resyncNow(new Phone(world, world.session(email, 'new')))).toBe('neverSynced');
  });
});

describe('SyncKey 0 from the phone’s own menu', () => {
  it('loses nothing of what was sent before, its last answer lost or not', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS')] });
    await phone.sync(contacts, { commands: [add('Fjell AS')], lose: true });
    await phone.reset(contacts);
    expect(companies()).toEqual(['Fjell AS', 'Hav AS']);
    expect(phone.complaints).toEqual([]);
  });

  it('asked twice, because its answer was lost, is one new beginning', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS')] });
    const lost = await phone.sync(contacts, { key: '0' });
    expect((await phone.sync(contacts, { key: '0' })).key).toBe(lost.key);
  });

  it('leaves the old conversation readable, and its keys good', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS')] });
    const before = phone.copy();
    await phone.reset(contacts);
    await before.sync(contacts, { commands: [add('Fjell AS')] });
    await phone.pull(contacts);
    expect(companies()).toEqual(['Fjell AS', 'Hav AS']);
    expect(before.complaints).toEqual([]);
    expect(world.forged).toEqual([]);
  });
});
