import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { type ItemEventFilter, ItemLogReader } from '../../projections/item-log/read.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { applicationData, contact } from '../../test/world/examples.ts';
import { type Life, live } from '../../test/world/life.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { type FindStep, type FoundItem, ItemFinder } from './find.ts';
import { foldText } from './text.ts';

const [kari, ola, per] = ['kari@find.example', 'ola@find.example', 'per@stranger.example'];

let world: World;
let finder: ItemFinder;
let tenant: TenantId;
let life: Life;
let phone: Phone;
let note: ItemId;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  finder = new ItemFinder(world.store, new ItemLogReader(world.db));
  ({ tenant } = world.account(kari));
  life = await live(world, kari);
  phone = new Phone(world, world.session(ola, 'olas'));
  const contacts = world.collection(ola, 'contact');
  const notes = world.collection(ola, 'note');
  for (const folder of [contacts, notes]) await phone.reset(folder);
  for (let nth = 0; nth < 130; nth++) {
    await phone.sync(contacts, {
      commands: [{ do: 'add', clientId: `c${nth}`, data: contact({ familyName: `Nes ${nth}`, company: 'Vik AS' }) }],
    });
  }
  const body = { type: 'html', content: '<p>Husk <b>bl&aring;b&aelig;r</b> til Åse</p>' } as const;
  const data = applicationData('note', { subject: 'Handleliste', body }, 161);
  await phone.sync(notes, { bodyType: 2, commands: [{ do: 'add', clientId: 'n1', data }] });
  note = [...phone.folder(notes).items.keys()][0] as ItemId;
  const stranger = new Phone(world, world.session(per, 'pers'));
  await stranger.reset(world.collection(per, 'contact'));
  await stranger.sync(world.collection(per, 'contact'), {
    commands: [{ do: 'add', clientId: 'c1', data: contact({ jobTitle: 'Direktør' }) }],
  });
  for (const email of [ola, per]) await world.settle(email);
});
afterAll(() => world.stop());

async function steps(filter: ItemEventFilter, text?: string): Promise<FindStep[]> {
  const all: FindStep[] = [];
  for await (const step of finder.find(tenant, filter, text === undefined ? {} : { text })) all.push(step);
  return all;
}
async function found(filter: ItemEventFilter, text?: string): Promise<FoundItem[]> {
  return (await steps(filter, text)).flatMap((step) => (step.kind === 'found' ? [step.item] : []));
}
const own = { isLink: false } as const;

describe('finding items', () => {
  it('finds what a phone did: each item once, with the event that fits', async () => {
    const [first, second] = life.phones.map(({ session }) => session.device);
    const deleted = await found({ ...own, device: second!, verbs: ['Removed'] });
    expect(deleted).toMatchObject([{ item: life.item, title: 'Astrid Bråthen', event: { type: 'ContactRemoved' } }]);
    expect(deleted[0]?.who.text).toMatch(/iPhone 16 phone2$/);
    // It was restored since.
    expect(deleted[0]?.isRemoved).toBe(false);
    expect(await found({ ...own, device: first!, verbs: ['Removed'] })).toEqual([]);
    expect(await found({ ...own, actor: 'admin' })).toMatchObject([
      { item: life.item, who: { text: 'administrator Solveig' } },
    ]);
  });

  it('finds words that an item holds, held, or lost, whatever their case and accents', async () => {
    const only = async (text: string) =>
      (await found(own, text)).map(({ item, text }) => [item, text?.when, text?.path]);
    expect(await only('ASTRID BRATHEN'.split(' ')[1]!)).toContainEqual([life.item, 'now', expect.any(String)]);
    expect(await only('sjef')).toEqual([[life.item, 'now', 'jobTitle']]);
    expect(await only('leder')).toEqual([[life.item, 'past', 'jobTitle']]);
    expect(await only('direktor')).toEqual([[life.item, 'lost', 'jobTitle']]);
    expect(await only('blabaer til ase')).toEqual([[note, 'now', 'body']]);
    expect(await only('nobody wrote this')).toEqual([]);
    // Each word in a field of its own, and in any order.
    expect(await only('astrid sjef')).toEqual([[life.item, 'now', expect.any(String)]]);
    expect(await only('bråthen leder')).toEqual([[life.item, 'past', 'jobTitle']]);
    expect(await only('astrid blabaer')).toEqual([]);
    const [match] = await found(own, 'blåbær');
    expect(match?.text?.excerpt).toBe('Husk blåbær til Åse');
  });

  it('says how many it looked at, batch by batch, and none of them twice', async () => {
    const all = await steps({ ...own, owner: world.account(ola).account }, 'vik as');
    const items = all.flatMap((step) => (step.kind === 'found' ? [step.item.item] : []));
    expect(new Set(items).size).toBe(130);
    expect(items).toHaveLength(130);
    const told = all.flatMap((step) => (step.kind === 'looked' ? [[step.looked, step.position === null]] : []));
    expect(told).toEqual([
      [100, false],
      [131, true],
    ]);
  });

  it('finds the same in many short queries of the index as in one', async () => {
    const { account } = world.account(ola);
    const all = (await found({ ...own, owner: account, verbs: ['Added'] })).map(({ item }) => item);
    const short: string[] = [];
    for await (const step of finder.find(tenant, { ...own, owner: account, verbs: ['Added'] }, { span: 7 })) {
      if (step.kind === 'found') short.push(step.item.item);
    }
    expect(short).toEqual(all);
    expect(all).toHaveLength(131);
  });

  it('tells every event, where that is asked for', async () => {
    const every: string[] = [];
    for await (const step of finder.find(tenant, { ...own, item: life.item }, { isEvery: true })) {
      if (step.kind === 'found') every.push(step.item.event.type);
    }
    expect(every).toEqual(['ContactAdded', 'ContactRemoved', 'ContactConflictKept', 'ContactChanged', 'ContactAdded']);
    expect(await found({ ...own, item: life.item })).toHaveLength(1);
  });

  it('tells nothing of another person or company', async () => {
    const olas = world.account(ola).account;
    expect(await found({ ...own, owner: olas }, 'Sjef')).toEqual([]);
    const everything = await found(own);
    expect(new Set(everything.map(({ owner }) => owner))).toEqual(new Set([olas, world.account(kari).account]));
    for (const item of await found({ ...own, owner: olas })) expect(item.owner).toBe(olas);
    // Per wrote the word too, in a company of his own.
    expect((await found(own, 'Direktør')).map(({ item }) => item)).toEqual([life.item]);
  });

  it('finds no word of what was erased, and still that it was there', async () => {
    const other = await live(world, 'anne@find.example');
    await world.keys.destroy(tenant, itemSubject(other.item));
    const [erased] = await found({ ...own, owner: world.account('anne@find.example').account });
    expect(erased).toMatchObject({ item: other.item, isErased: true, title: '', who: { text: 'erased' } });
    expect((await found(own, 'sjef')).map(({ item }) => item)).toEqual([life.item]);
  });
});

describe('folded text', () => {
  it('is what a plain keyboard types', () => {
    expect(foldText('ÅSE Bjørnstad  Sæther-Łukasz\nÉcole ß')).toBe('ase bjornstad saether-lukasz ecole ss');
  });

  it('is the same folded again', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => foldText(foldText(text)) === foldText(text)));
  });
});
