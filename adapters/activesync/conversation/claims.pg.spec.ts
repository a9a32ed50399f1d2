/** What a phone brings that is here already, Add by Add. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ContactFields } from '../../../domain/contact/fields.ts';
import type { Instant, ItemId } from '../../../domain/shared/ids.ts';
import { itemStream, itemSubject } from '../../../domain/shared/streams.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { applicationData, contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone, type PhoneCommand } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import { commandIdFrom, itemIdFrom } from '../../ids.ts';

const kari: ContactFields = {
  fileAs: 'Hansen, Kari',
  givenName: 'Kari',
  familyName: 'Hansen',
  mobilePhone: '+47 900 11 222',
};
const karis: ContactFields = { ...kari, fileAs: 'Hanssen, Kari', familyName: 'Hanssen', nickname: 'Kaja' };

let world: World;
let nowMs = Date.parse('2026-11-20T08:00:00.000Z');
let email: string;
let contacts: string;
let phone: Phone;
let people = 0;

beforeAll(async () => {
  world = await World.start({ pool: (await freshDatabase()).pool, nowMs: () => (nowMs += 10) });
});
afterAll(() => world.stop());
beforeEach(() => {
  email = `kari@claims${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone'));
});

let commands = 0;
/** An item that came from the office. */
async function here(fields: ContactFields): Promise<ItemId> {
  const { account } = world.account(email);
  const commandId = commandIdFrom(['here', String(++commands)]);
  const item = itemIdFrom(commandId);
  const at = new Date(nowMs).toISOString() as Instant;
  const add = { do: 'add' as const, kind: 'contact' as const, owner: account, collection: contacts as never, fields };
  const actor = { kind: 'office' as const, account };
  await world.execute(email, { item, kind: 'contact', commandId, actor, at, owner: account, command: add });
  await world.settle(email);
  return item;
}

const add = (fields: ContactFields): PhoneCommand => ({
  do: 'add',
  clientId: phone.nextClientId(),
  data: applicationData('contact', fields),
});
async function begin(): Promise<void> {
  phone.folder(contacts).key = (await phone.sync(contacts, { key: '0' })).key;
}
const shown = (on = phone) =>
  [...on.folder(contacts).items].map(([item, data]) => [item, fieldsOf('contact', data)] as const);
const events = async (item: string) =>
  (await world.store.load(world.account(email).tenant, itemStream('contact', item as ItemId))).events;
const typesOf = async (item: string) => (await events(item)).map(({ type }) => type);

describe('an Add of what the phone does not hold', () => {
  it('is answered with the item that is here, which takes over what only the phone had', async () => {
    const item = await here({ ...kari, jobTitle: 'Selger' });
    await begin();
    const answer = await phone.sync(contacts, { commands: [add({ ...karis, jobTitle: 'Sjef' })] });
    expect(answer).toMatchObject({ moreAvailable: true, commands: [] });
    expect(answer.responses).toMatchObject([{ do: 'add', status: 1, serverId: item }]);
    await phone.pull(contacts);
    expect(shown()).toEqual([[item, { ...kari, jobTitle: 'Selger', nickname: 'Kaja' }]]);
    expect(phone.complaints).toEqual([]);
    const merged = (await events(item)).find(({ type }) => type === 'ItemsMerged');
    expect(merged).toMatchObject({
      data: {
        claim: { ...karis, jobTitle: 'Sjef' },
        filled: { nickname: 'Kaja' },
        matchedBy: ['spelling', 'number'],
        other: null,
      },
      meta: { actor: { kind: 'device' }, cause: { command: 'Sync Add', key: '1.1' } },
    });
  });

  it('sends nothing back where both say the same', async () => {
    const item = await here(kari);
    await begin();
    const answer = await phone.sync(contacts, { commands: [add(kari)] });
    expect(answer).toMatchObject({ moreAvailable: false, responses: [{ serverId: item }] });
    await world.settle(email);
    expect(await phone.sync(contacts)).toMatchObject({ isEmpty: true });
    expect(await typesOf(item)).toEqual(['ContactAdded', 'ItemsMerged']);
  });

  it('sent again after a lost answer is the same, with what was written in between', async () => {
    const item = await here(kari);
    await begin();
    const first = add(karis) as PhoneCommand & { do: 'add' };
    await phone.sync(contacts, { commands: [first], lose: true });
    const again = { ...first, data: applicationData('contact', { ...karis, jobTitle: 'Sjef' }) };
    const answer = await phone.sync(contacts, { commands: [again] });
    expect(answer.responses).toMatchObject([{ status: 1, serverId: item }]);
    await phone.pull(contacts);
    expect(shown()).toEqual([[item, { ...kari, nickname: 'Kaja', jobTitle: 'Sjef' }]]);
    expect((await typesOf(item)).filter((type) => type === 'ItemsMerged')).toHaveLength(1);
  });

  it('goes from the phone too when the item was erased since', async () => {
    const item = await here(kari);
    await begin();
    const command = add(karis);
    await phone.sync(contacts, { commands: [command], lose: true });
    await world.keys.destroy(world.account(email).tenant, itemSubject(item));
    expect((await phone.sync(contacts, { commands: [command] })).responses).toMatchObject([{ status: 1 }]);
    await phone.pull(contacts);
    expect(shown()).toEqual([]);
    expect(phone.complaints).toEqual([]);
  });
});

describe('an Add of what the phone holds already', () => {
  it('has an id of its own until the phone knows it, and is deleted from the phone then', async () => {
    const item = await here(kari);
    await phone.pull(contacts);
    const answer = await phone.sync(contacts, { commands: [add(karis)] });
    const [copy] = answer.responses.map(({ serverId }) => serverId as string) as [string];
    expect(copy).not.toBe(item);
    expect(answer).toMatchObject({ moreAvailable: true, commands: [] });
    const next = await phone.sync(contacts);
    expect(next.commands.map(({ do: what, serverId }) => [what, serverId])).toEqual([
      ['change', item],
      ['delete', copy],
    ]);
    expect(shown()).toEqual([[item, { ...kari, nickname: 'Kaja' }]]);
    expect(await typesOf(copy)).toEqual(['ItemForwarded']);
    expect(await phone.sync(contacts)).toMatchObject({ isEmpty: true });
    expect(phone.complaints).toEqual([]);
  });

  it('what the phone writes into its copy meanwhile is written into the item', async () => {
    const item = await here({ ...kari, jobTitle: 'Selger' });
    await phone.pull(contacts);
    const brought = { ...karis, jobTitle: 'Sjef' };
    const answer = await phone.sync(contacts, { commands: [add(brought)] });
    const serverId = answer.responses[0]?.serverId as string;
    const data = applicationData('contact', { ...brought, company: 'Hav AS' });
    await phone.sync(contacts, { commands: [{ do: 'change', serverId, data }], lose: true });
    expect((await phone.sync(contacts, { commands: [{ do: 'change', serverId, data }] })).responses).toEqual([]);
    await phone.pull(contacts);
    // What it had not changed in the copy stays as the item has it.
    expect(shown()).toEqual([[item, { ...kari, jobTitle: 'Selger', nickname: 'Kaja', company: 'Hav AS' }]]);
    expect(phone.complaints).toEqual([]);
  });

  it('a copy that the phone deletes itself takes nothing along', async () => {
    const item = await here(kari);
    await phone.pull(contacts);
    const answer = await phone.sync(contacts, { commands: [add(karis)] });
    const serverId = answer.responses[0]?.serverId as string;
    await phone.sync(contacts, { commands: [{ do: 'delete', serverId }] });
    await phone.pull(contacts);
    expect(shown()).toEqual([[item, { ...kari, nickname: 'Kaja' }]]);
    expect(phone.complaints).toEqual([]);
  });
});

describe('two items stay two', () => {
  it('when the phone itself brought both, in one request or in two', async () => {
    await begin();
    await phone.sync(contacts, { commands: [add(kari), add(karis)] });
    await phone.sync(contacts, { commands: [add({ ...kari, nickname: 'K' })] });
    await phone.pull(contacts);
    expect(shown()).toHaveLength(3);
  });

  it('when the phone brought one of them since it began, and the item is that one', async () => {
    await here(kari);
    await begin();
    await phone.sync(contacts, { commands: [add(karis)] });
    await phone.sync(contacts, { commands: [add({ ...karis, nickname: 'Kari igjen' })] });
    await phone.pull(contacts);
    expect(shown()).toHaveLength(2);
  });

  it('when the phone has been here for more than a day', async () => {
    await here(kari);
    await phone.pull(contacts);
    nowMs += 86_400_000;
    await phone.sync(contacts, { commands: [add(kari)] });
    await phone.pull(contacts);
    expect(shown()).toHaveLength(2);
  });
});

describe('what it costs', () => {
  it('is one look at the folder when a phone begins to bring, and none while nobody else writes into it', async () => {
    await here(kari);
    await begin();
    const { itemView, items } = world.engine;
    const looks = [vi.spyOn(itemView, 'changedSince'), vi.spyOn(items, 'histories'), vi.spyOn(items, 'history')];
    const counts = async (fields: ContactFields) => {
      for (const look of looks) look.mockClear();
      await phone.sync(contacts, { commands: [add(fields)], getChanges: false });
      return looks.map((look) => look.mock.calls.length);
    };
    expect(await counts({ givenName: 'Ola', familyName: 'Berg' })).toEqual([1, 1, 0]);
    for (const givenName of ['Per', 'Pål', 'Espen']) {
      await world.settle(email);
      expect(await counts({ givenName, familyName: 'Askeladd' })).toEqual([0, 0, 0]);
    }
    await here({ givenName: 'Siri', familyName: 'Lien' });
    expect(await counts({ givenName: 'Siri', familyName: 'Lien' })).toEqual([1, 1, 0]);
    nowMs += 86_400_000;
    expect(await counts(kari)).toEqual([0, 0, 0]);
    for (const look of looks) look.mockRestore();
  });
});

describe('a phone that begins anew', () => {
  it('finds what it brought before, however often it begins', async () => {
    for (let round = 0; round < 3; round++) {
      await begin();
      await phone.sync(contacts, {
        commands: [add(kari), add({ fileAs: 'Berg, Ola', givenName: 'Ola', familyName: 'Berg' })],
      });
      await phone.pull(contacts);
      phone.folder(contacts).items.clear();
    }
    const tablet = new Phone(world, world.session(email, 'tablet'));
    await tablet.pull(contacts);
    expect(shown(tablet)).toHaveLength(2);
  });

  it('and a second phone at the same time bring one of each', async () => {
    const tablet = new Phone(world, world.session(email, 'tablet'));
    const both = [phone, tablet];
    for (const one of both) one.folder(contacts).key = (await one.sync(contacts, { key: '0' })).key;
    const data = Array.from({ length: 10 }, (_, at) =>
      applicationData('contact', {
        fileAs: `Nr ${at}, Kari`,
        givenName: 'Kari',
        familyName: `Nr ${at}`,
        mobilePhone: `900 11 2${at}0`,
      }),
    );
    for (const few of [data.slice(0, 5), data.slice(5)]) {
      await Promise.all(
        both.map((one) =>
          one.sync(contacts, {
            commands: few.map((one_) => ({ do: 'add', clientId: one.nextClientId(), data: one_ })),
          }),
        ),
      );
    }
    for (const one of both) await one.pull(contacts);
    expect(shown(tablet)).toHaveLength(10);
    expect(new Map(shown())).toEqual(new Map(shown(tablet)));
    expect([...phone.complaints, ...tablet.complaints]).toEqual([]);
  });

  it('and a second phone with the same address book add nothing', async () => {
    const tablet = new Phone(world, world.session(email, 'tablet'));
    for (const one of [phone, tablet]) {
      one.folder(contacts).key = (await one.sync(contacts, { key: '0' })).key;
      await one.sync(contacts, { commands: [{ do: 'add', clientId: '1', data: contact() }] });
    }
    for (const one of [phone, tablet]) await one.pull(contacts);
    expect(shown(tablet)).toHaveLength(1);
    expect(shown(tablet)).toEqual(shown());
    expect([...phone.complaints, ...tablet.complaints]).toEqual([]);
  });
});
