import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemCommand } from '../../../../domain/item/decide.ts';
import type { Instant, ItemId } from '../../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../../test/postgres.ts';
import { astrid, contact, fieldsOf, kari, ola } from '../../../../test/world/examples.ts';
import { Phone } from '../../../../test/world/phone.ts';
import { World } from '../../../../test/world/world.ts';
import { commandIdFrom } from '../../../ids.ts';
import { Contacts } from '../../wbxml/code-pages/index.ts';

let world: World;
let devices = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
});
afterAll(() => world.stop());

/** A person of her own for each test, with a contacts folder. */
function person(): { email: string; contacts: string; phone: (version?: 121 | 140 | 141 | 160 | 161) => Phone } {
  const email = `kari${++devices}@demo.example`;
  return {
    email,
    contacts: world.collection(email, 'contact'),
    phone: (version = 141) => new Phone(world, world.session(email, `phone${++devices}`, version)),
  };
}

const add = (phone: Phone, fields = {}) => ({
  do: 'add' as const,
  clientId: phone.nextClientId(),
  data: contact(fields),
});

let officeCommands = 0;
/** A colleague changes the item in the office. */
function inOffice(email: string, item: string, command: ItemCommand) {
  return world.execute(email, {
    item: item as ItemId,
    kind: 'contact',
    commandId: commandIdFrom(['office', String(++officeCommands)]),
    actor: { kind: 'office', account: world.account(email).account },
    at: new Date().toISOString() as Instant,
    owner: world.account(email).account,
    command,
  });
}

const only = (phone: Phone, collection: string) => {
  expect(phone.folder(collection).items.size).toBe(1);
  return [...phone.folder(collection).items][0] as [string, Parameters<typeof fieldsOf>[1]];
};

describe('a phone and its folder', () => {
  it('begins with key 0, gets a key, and holds nothing', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    expect(a.folder(contacts).items.size).toBe(0);
    expect(a.folder(contacts).key).toMatch(/^\d+$/);
  });

  it('brings a contact to the person’s other phone, and is not sent its own', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await b.reset(contacts);
    await a.sync(contacts, { commands: [add(a)] });
    await world.settle(kari);
    const next = await a.sync(contacts);
    expect(next.commands).toEqual([]);
    await b.pull(contacts);
    const [, data] = only(b, contacts);
    expect(fieldsOf('contact', data)).toEqual(astrid);
    expect([...a.complaints, ...b.complaints]).toEqual([]);
  });

  it('an exchange without news writes nothing and keeps the key', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a)] });
    await world.settle(kari);
    const before = await world.log.head(world.account(kari).tenant);
    const key = a.folder(contacts).key;
    for (let i = 0; i < 3; i++) expect(await a.sync(contacts)).toMatchObject({ isEmpty: true });
    expect(a.folder(contacts).key).toBe(key);
    expect(await world.log.head(world.account(kari).tenant)).toBe(before);
  });

  it('sends a folder in windows, and says when there is more', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    const commands = Array.from({ length: 25 }, (_, i) => add(a, { familyName: `Bråthen ${i}` }));
    await a.sync(contacts, { commands });
    await world.settle(kari);
    await b.sync(contacts, { key: '0' }).then((answer) => {
      b.folder(contacts).key = answer.key;
    });
    const sizes: number[] = [];
    for (let more = true; more; ) {
      const answer = await b.sync(contacts, { windowSize: 10 });
      sizes.push(answer.commands.length);
      more = answer.moreAvailable;
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(b.folder(contacts).items.size).toBe(25);
    expect(b.complaints).toEqual([]);
  });
});

describe('sent twice, stored once', () => {
  it('an Add whose answer was lost is answered with the same ServerId', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    const command = add(a);
    const lost = await a.sync(contacts, { commands: [command], lose: true });
    const again = await a.sync(contacts, { commands: [command] });
    expect(again.responses[0]?.serverId).toBe(lost.responses[0]?.serverId);
    expect(again.commands).toEqual([]);
    await b.pull(contacts);
    expect(b.folder(contacts).items.size).toBe(1);
  });

  it('an Add sent again with a later edit in it is the same item with the edit', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    const command = add(a);
    await a.sync(contacts, { commands: [command], lose: true });
    await a.sync(contacts, { commands: [{ ...command, data: contact({ jobTitle: 'Daglig leder' }) }] });
    await b.pull(contacts);
    const [, data] = only(b, contacts);
    expect(fieldsOf('contact', data)).toEqual({ ...astrid, jobTitle: 'Daglig leder' });
    expect(a.complaints).toEqual([]);
  });

  it('an Add that the phone withdrew after a lost answer comes back from the server, for nothing is lost', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a)], lose: true });
    await world.settle(kari);
    const answer = await a.sync(contacts);
    expect(answer.commands.map((command) => command.do)).toEqual(['add']);
  });

  it('a Change and a Delete sent again change nothing more', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a), add(a, { familyName: 'Dahl' })] });
    const [first, second] = [...a.folder(contacts).items.keys()] as [string, string];
    const commands = [
      { do: 'change' as const, serverId: first, data: contact({ jobTitle: 'Selger' }) },
      { do: 'delete' as const, serverId: second },
    ];
    await a.sync(contacts, { commands, lose: true });
    await world.settle(kari);
    const answer = await a.sync(contacts, { commands });
    expect(answer.responses.filter(({ status }) => status !== 1)).toEqual([]);
    expect(answer.commands).toEqual([]);
    await b.pull(contacts);
    const [, data] = only(b, contacts);
    expect(fieldsOf('contact', data)).toEqual({ ...astrid, jobTitle: 'Selger' });
  });

  it('two Adds with one ClientId in one request are two items', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    const one = { do: 'add' as const, clientId: '1', data: contact() };
    await a.sync(contacts, { commands: [one, { ...one, data: contact({ familyName: 'Dahl' }) }] });
    await b.pull(contacts);
    expect(b.folder(contacts).items.size).toBe(2);
  });
});

describe('keys', () => {
  it('any earlier key of this device is caught up without Status 3', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    const keys: { key: string; items: Map<string, unknown> }[] = [];
    for (let i = 0; i < 6; i++) {
      keys.push({ key: a.folder(contacts).key, items: new Map(a.folder(contacts).items) });
      await a.sync(contacts, { commands: [add(a, { familyName: `Dahl ${i}` })] });
    }
    await a.sync(contacts, {
      commands: [{ do: 'delete', serverId: [...a.folder(contacts).items.keys()][0] as string }],
    });
    await world.settle(kari);
    const wanted = [...a.folder(contacts).items.keys()].sort();
    for (const { key, items } of keys) {
      const restored = new Phone(world, a.session);
      const folder = restored.folder(contacts);
      folder.key = key;
      for (const [item, data] of items) folder.items.set(item, data as never);
      await restored.pull(contacts);
      expect([...folder.items.keys()].sort()).toEqual(wanted);
      expect(restored.complaints).toEqual([]);
    }
  });

  it('a forged key gets Status 3 and changes nothing', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await b.reset(contacts);
    const key = a.folder(contacts).key;
    const head = await world.log.head(world.account(kari).tenant);
    for (const forged of ['1', '999', `${key}0`, `${key.slice(0, -2)}99`, b.folder(contacts).key, 'abc', '0x1']) {
      const answer = await a.sync(contacts, { key: forged, commands: [add(a)] });
      expect(answer).toMatchObject({ status: 3, commands: [], responses: [] });
    }
    expect(await world.log.head(world.account(kari).tenant)).toBe(head);
    expect((await a.sync(contacts)).status).toBe(1);
  });

  it('after a reset the folder is sent whole, and keys of the former epoch are still caught up', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a)] });
    const old = { key: a.folder(contacts).key, items: new Map(a.folder(contacts).items) };
    await world.settle(kari);
    await a.reset(contacts);
    expect(a.folder(contacts).items.size).toBe(1);
    const restored = new Phone(world, a.session);
    restored.folder(contacts).key = old.key;
    for (const [item, data] of old.items) restored.folder(contacts).items.set(item, data);
    await restored.pull(contacts);
    expect(restored.folder(contacts).items.size).toBe(1);
    expect([...a.complaints, ...restored.complaints]).toEqual([]);
  });
});

describe('two sides change the same item', () => {
  async function shared() {
    const { email, contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a)] });
    await world.settle(email);
    await b.pull(contacts);
    await a.sync(contacts);
    const serverId = [...a.folder(contacts).items.keys()][0] as string;
    return { email, contacts, a, b, serverId };
  }

  it('disjoint fields merge, and each side gets what the other did', async () => {
    const { email, contacts, a, b, serverId } = await shared();
    await a.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Selger' }) }] });
    const answer = await b.sync(contacts, {
      commands: [{ do: 'change', serverId, data: contact({ mobilePhone: '+47 911 11 111' }) }],
    });
    expect(answer.responses).toEqual([]);
    await world.settle(email);
    await a.pull(contacts);
    await b.pull(contacts);
    const merged = { ...astrid, jobTitle: 'Selger', mobilePhone: '+47 911 11 111' };
    for (const phone of [a, b]) expect(fieldsOf('contact', only(phone, contacts)[1])).toEqual(merged);
    expect([...a.complaints, ...b.complaints]).toEqual([]);
  });

  it('the same field: the server wins by default, Status 7, the server copy is sent, the loser is kept', async () => {
    const { email, contacts, a, b, serverId } = await shared();
    await a.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Selger' }) }] });
    const answer = await b.sync(contacts, {
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Montør' }) }],
    });
    expect(answer.responses).toMatchObject([{ do: 'change', status: 7, serverId }]);
    await world.settle(email);
    await b.pull(contacts);
    expect(fieldsOf('contact', only(b, contacts)[1])).toMatchObject({ jobTitle: 'Selger' });
    const history = await world.engine.items.history(world.account(email).tenant, 'contact', serverId as ItemId);
    expect(history.find(({ type }) => type === 'ContactConflictKept')?.data).toMatchObject({
      loser: 'client',
      contested: ['jobTitle'],
      lost: { set: { jobTitle: 'Montør' } },
    });
  });

  it('the same field: with Conflict 0 the client wins, and the server’s value is kept', async () => {
    const { email, contacts, a, b, serverId } = await shared();
    await a.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Selger' }) }] });
    const answer = await b.sync(contacts, {
      conflict: 0,
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Montør' }) }],
    });
    expect(answer.responses).toEqual([]);
    await world.settle(email);
    await a.pull(contacts);
    expect(fieldsOf('contact', only(a, contacts)[1])).toMatchObject({ jobTitle: 'Montør' });
    const history = await world.engine.items.history(world.account(email).tenant, 'contact', serverId as ItemId);
    expect(history.find(({ type }) => type === 'ContactConflictKept')?.data).toMatchObject({
      loser: 'server',
      lost: { set: { jobTitle: 'Selger' } },
    });
  });

  it('a Delete against a change of others does not delete: the item comes back to the phone', async () => {
    const { email, contacts, a, b, serverId } = await shared();
    await inOffice(email, serverId, {
      do: 'change',
      base: null,
      rule: 'clientWins',
      patch: { set: { jobTitle: 'Sjef' }, cleared: [] },
    });
    await world.settle(email);
    const answer = await a.sync(contacts, { commands: [{ do: 'delete', serverId }] });
    expect(answer.responses).toMatchObject([{ do: 'delete', status: 7 }]);
    await a.pull(contacts);
    await b.pull(contacts);
    for (const phone of [a, b])
      expect(fieldsOf('contact', only(phone, contacts)[1])).toMatchObject({ jobTitle: 'Sjef' });
    expect([...a.complaints, ...b.complaints]).toEqual([]);
  });

  it('a Change of what others deleted gets Status 8, the item goes, the change is kept', async () => {
    const { email, contacts, a, serverId } = await shared();
    await inOffice(email, serverId, { do: 'remove', base: null, rule: 'clientWins' });
    await world.settle(email);
    const answer = await a.sync(contacts, {
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Selger' }) }],
    });
    expect(answer.responses).toMatchObject([{ do: 'change', status: 8 }]);
    await a.pull(contacts);
    expect(a.folder(contacts).items.size).toBe(0);
    const history = await world.engine.items.history(world.account(email).tenant, 'contact', serverId as ItemId);
    expect(history.at(-1)).toMatchObject({
      type: 'ContactConflictKept',
      data: { lost: { set: { jobTitle: 'Selger' } } },
    });
  });
});

describe('what phones do wrong', () => {
  it('a Change of an unknown item gets Status 8, a Delete of one is as good as done', async () => {
    const { contacts, phone } = person();
    const a = phone();
    await a.reset(contacts);
    const answer = await a.sync(contacts, {
      commands: [
        { do: 'change', serverId: 'nothing', data: contact() },
        { do: 'delete', serverId: 'nothing' },
      ],
    });
    expect(answer.status).toBe(1);
    expect(answer.responses).toMatchObject([{ do: 'change', status: 8 }]);
  });

  it('an unknown folder gets Status 12', async () => {
    const { phone } = person();
    expect((await phone().sync('nosuchfolder', { key: '0' })).status).toBe(12);
  });

  it('an empty request without a former one gets Status 13', async () => {
    const session = world.session(ola, 'fresh');
    const root = await world.sync(session, undefined);
    expect(root?.children[0]?.text).toBe('13');
  });

  it('A cannot read or change anything of B, whatever ids and keys she knows', async () => {
    const victim = person();
    const v = victim.phone();
    await v.reset(victim.contacts);
    await v.sync(victim.contacts, { commands: [add(v)] });
    const serverId = [...v.folder(victim.contacts).items.keys()][0] as string;
    await world.settle(kari);
    const attacker = person();
    const a = attacker.phone();
    await a.reset(attacker.contacts);
    const head = await world.log.head(world.account(kari).tenant);
    expect((await a.sync(victim.contacts, { key: '0' })).status).toBe(12);
    expect((await a.sync(victim.contacts, { key: v.folder(victim.contacts).key })).status).toBe(12);
    const answer = await a.sync(attacker.contacts, {
      commands: [
        { do: 'change', serverId, data: contact({ jobTitle: 'x' }) },
        { do: 'delete', serverId },
        { do: 'fetch', serverId },
      ],
    });
    expect(answer.responses.every(({ status, data }) => status === 8 && !data)).toBe(true);
    const later = await world.log.readAll(world.account(kari).tenant, head, 100);
    expect(later.filter(({ stream }) => stream.startsWith('contact-'))).toEqual([]);
  });
});

describe('options', () => {
  it('ghosted properties are kept, others are cleared by absence', async () => {
    const { contacts, phone, email } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await a.sync(contacts, { commands: [add(a, { spouse: 'Nils' })] });
    await world.settle(email);
    const supported = [Contacts.FirstName, Contacts.LastName, Contacts.JobTitle];
    await b.reset(contacts, { supported });
    const serverId = only(b, contacts)[0];
    await b.sync(contacts, {
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Selger' }) }],
    });
    await world.settle(email);
    await a.pull(contacts);
    expect(fieldsOf('contact', only(a, contacts)[1])).toMatchObject({ jobTitle: 'Selger', spouse: 'Nils' });
  });

  it('after a change of the truncation only what comes out differently is sent', async () => {
    const { contacts, phone } = person();
    const [a, b] = [phone(), phone()];
    await a.reset(contacts);
    await a.sync(contacts, {
      commands: [
        add(a, { body: { type: 'text', content: 'Kort' } }),
        add(a, { familyName: 'Dahl', body: { type: 'text', content: 'Ring etter kl. 12' } }),
      ],
    });
    await b.reset(contacts, { bodyType: 1 });
    const answer = await b.sync(contacts, { bodyType: 1, truncationSize: 10 });
    expect(answer.commands.map((command) => command.do)).toEqual(['change']);
    expect(b.complaints).toEqual([]);
    expect((await b.sync(contacts, { bodyType: 1, truncationSize: 10 })).isEmpty).toBe(true);
  });
});
