import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ItemCommand } from '../../../domain/item/decide.ts';
import type { Instant, ItemId } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import { memoryEventLog } from '../../event-log/memory.ts';
import type { EventLog, StreamWrite } from '../../event-log/port.ts';
import { commandIdFrom } from '../../ids.ts';
import type { ExchangeDeps } from './terms.ts';

let world: World;
let log: EventLog;
let email: string;
let contacts: string;
let phone: Phone;
let people = 0;
let commands = 0;
/** What happens instead of an append; undefined: the append. */
let instead: (append: EventLog['append'], writes: readonly StreamWrite[]) => ReturnType<EventLog['append']> | undefined;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  log = memoryEventLog();
  const append: EventLog['append'] = (tenant, writes) => instead(log.append, writes) ?? log.append(tenant, writes);
  world = await World.start({ pool, log: { ...log, append } });
});
afterAll(() => world.stop());
beforeEach(async () => {
  instead = () => undefined;
  email = `kari@exchange${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone'));
  await phone.reset(contacts);
});

const inOffice = (item: string, company: string): Promise<void> =>
  byOffice(item, { do: 'change', base: null, rule: 'clientWins', patch: { set: { company }, cleared: [] } });

async function byOffice(item: string, command: ItemCommand): Promise<void> {
  const { account } = world.account(email);
  const result = await world.execute(email, {
    item: item as ItemId,
    kind: 'contact',
    commandId: commandIdFrom(['office', String(++commands)]),
    actor: { kind: 'office', account },
    at: new Date().toISOString() as Instant,
    owner: account,
    command,
  });
  expect(result.decision.kind).toBe('accepted');
}
const add = (company: string) => ({ do: 'add' as const, clientId: phone.nextClientId(), data: contact({ company }) });
const held = () => [...phone.folder(contacts).items.keys()];
const companies = () => [...phone.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company);

describe('a process that dies in an exchange', () => {
  it.each([
    ['before anything is stored', 0],
    ['when some of the items are stored', 1],
    ['when all items are stored and the answer is not', 2],
  ])('%s: the request sent again is answered as if nothing had happened', async (_, stored) => {
    const batch = [add('Hav AS'), add('Fjell AS')];
    const { tenant } = world.account(email);
    let isDead = false;
    instead = (append, writes) => {
      if (isDead) return undefined;
      isDead = true;
      // As a log that is atomic over one stream only.
      return (async () => {
        for (const write of writes.slice(0, stored)) await append(tenant, [write]);
        throw new Error('killed');
      })();
    };
    await expect(phone.sync(contacts, { commands: batch })).rejects.toThrow('killed');
    const answer = await phone.sync(contacts, { commands: batch });
    expect(answer.responses.map(({ status }) => status)).toEqual([1, 1]);
    expect(answer.commands).toEqual([]);
    const other = new Phone(world, world.session(email, 'tablet'));
    await other.pull(contacts);
    expect([...other.folder(contacts).items.keys()].sort()).toEqual(held().sort());
    expect(held()).toHaveLength(2);
    expect([...phone.complaints, ...other.complaints]).toEqual([]);
  });

  it('after the append, before the answer: the request sent again gets the same ids', async () => {
    const batch = [add('Hav AS'), add('Fjell AS')];
    const lost = await phone.sync(contacts, { commands: batch, lose: true });
    const again = await phone.sync(contacts, { commands: batch });
    expect(again.responses).toEqual(lost.responses);
    expect(held()).toHaveLength(2);
  });
});

describe('an Add whose answer was lost', () => {
  it.each([
    ['the same', {}],
    ['other', { bodyType: 2 as const }],
  ])('and whose item was removed meanwhile is gone from the phone too, under %s options', async (_, options) => {
    // What another device adds is told, so that the key stands for a look at the folder under the first options.
    const other = new Phone(world, world.session(email, 'tablet'));
    await other.reset(contacts);
    await other.sync(contacts, { commands: [add('Fjord AS')] });
    await world.settle(email);
    await phone.pull(contacts);
    const commands = [add('Hav AS')];
    const { responses } = await phone.sync(contacts, { commands, lose: true });
    await byOffice(responses[0]?.serverId as string, { do: 'remove', base: null, rule: 'clientWins' });
    await world.settle(email);
    const again = await phone.sync(contacts, { commands, ...options });
    expect(again.responses).toMatchObject([{ status: 1, serverId: responses[0]?.serverId }]);
    await phone.pull(contacts);
    expect(companies()).toEqual(['Fjord AS']);
    expect(phone.complaints).toEqual([]);
  });
});

describe('a change that was refused', () => {
  it('is corrected on the phone later, when that answer had no room for it', async () => {
    await phone.sync(contacts, { commands: [add('Fjord AS')] });
    const [item] = held() as [string];
    await inOffice(item, 'Hav AS');
    const change = { do: 'change' as const, serverId: item, data: contact({ company: 'Fjell AS' }) };
    const refused = await phone.sync(contacts, { commands: [change], getChanges: false });
    expect(refused.responses).toMatchObject([{ serverId: item, status: 7 }]);
    expect(refused.commands).toEqual([]);
    const next = await phone.sync(contacts);
    expect(next.commands).toMatchObject([{ do: 'change', serverId: item }]);
    expect(companies()).toEqual(['Hav AS']);
  });

  it('is corrected also on a phone that comes back from a backup of that moment', async () => {
    await phone.sync(contacts, { commands: [add('Fjord AS')] });
    const [item] = held() as [string];
    await inOffice(item, 'Hav AS');
    const change = { do: 'change' as const, serverId: item, data: contact({ company: 'Fjell AS' }) };
    await phone.sync(contacts, { commands: [change], getChanges: false });
    const backup = phone.folder(contacts).key;
    for (const company of ['Vidde AS', 'Dal AS']) {
      await phone.pull(contacts);
      await inOffice(item, company);
    }
    await phone.pull(contacts);
    // What the server took the phone to hold then, which is not what stands on it.
    await inOffice(item, 'Fjord AS');
    await phone.pull(contacts);

    phone.folder(contacts).key = backup;
    phone.folder(contacts).items.set(item, change.data);
    const restored = await phone.sync(contacts);
    expect(restored.status).toBe(1);
    expect(restored.commands).toMatchObject([{ do: 'change', serverId: item }]);
    expect(companies()).toEqual(['Fjord AS']);
    expect(phone.complaints).toEqual([]);
  });
});

describe('an item that cannot be shown', () => {
  /** Whatever holds this word breaks the class that shows it. */
  const poison = 'Gift AS';
  const deps = () => world.engine.deps as { classOf: ExchangeDeps['classOf'] };
  let healthy: ExchangeDeps['classOf'];
  beforeEach(() => {
    healthy = deps().classOf;
    deps().classOf = (kind) => {
      const whole = healthy(kind);
      return {
        ...whole,
        render: (writer, fields, context) => {
          if (Object.values(fields).includes(poison)) throw new Error('this one breaks it');
          whole.render(writer, fields, context);
        },
      };
    };
  });
  afterEach(() => {
    deps().classOf = healthy;
  });

  it('is withheld, and keeps nothing else from coming', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS'), add(poison), add('Fjell AS')] });
    const other = new Phone(world, world.session(email, 'tablet'));
    await other.pull(contacts);
    const got = [...other.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company);
    expect(got.sort()).toEqual(['Fjell AS', 'Hav AS']);
    expect(other.complaints).toEqual([]);
  });

  it('answers a Fetch with a status, and the request goes on', async () => {
    const made = await phone.sync(contacts, { commands: [add(poison)] });
    const serverId = made.responses[0]?.serverId as string;
    await world.settle(email);
    const fetched = await phone.sync(contacts, { commands: [{ do: 'fetch', serverId }, add('Hav AS')] });
    expect(fetched.responses).toMatchObject([
      { do: 'fetch', serverId, status: 6 },
      { do: 'add', status: 1 },
    ]);
  });

  it('can still be changed by the phone that made it, which makes it whole for all', async () => {
    const made = await phone.sync(contacts, { commands: [add(poison)] });
    const serverId = made.responses[0]?.serverId as string;
    await phone.pull(contacts);
    const other = new Phone(world, world.session(email, 'tablet'));
    await other.pull(contacts);
    expect(other.folder(contacts).items.size).toBe(0);
    const changed = await phone.sync(contacts, {
      commands: [{ do: 'change', serverId, data: contact({ company: 'Hav AS' }) }],
    });
    expect(changed).toMatchObject({ status: 1, responses: [] });
    await other.pull(contacts);
    expect([...other.folder(contacts).items.keys()]).toEqual([serverId]);
    await phone.pull(contacts);
    expect(companies()).toEqual(['Hav AS']);
    expect([...phone.complaints, ...other.complaints]).toEqual([]);
  });
});

describe('a change sent again', () => {
  it('tells the device that others removed the item since, also where everything is compared', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS'), add('Fjell AS')], bodyType: 1 });
    const [item] = held() as [string];
    const tablet = new Phone(world, world.session(email, 'tablet'));
    await tablet.reset(contacts);
    await tablet.sync(contacts, { commands: [add('Dal AS')] });
    await phone.pull(contacts, { bodyType: 1 });
    // Other options: with this request everything is compared once.
    const again = {
      commands: [{ do: 'change' as const, serverId: item, data: contact({ company: 'Hav & Sønn AS' }) }],
      bodyType: 2 as const,
    };
    await phone.sync(contacts, { ...again, lose: true });
    await tablet.pull(contacts);
    await tablet.sync(contacts, { commands: [{ do: 'delete', serverId: item }] });
    await phone.sync(contacts, again);
    await phone.pull(contacts, { bodyType: 2 });
    expect(companies().sort()).toEqual(['Dal AS', 'Fjell AS']);
    expect(phone.complaints).toEqual([]);
  });
});
