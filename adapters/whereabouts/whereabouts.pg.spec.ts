import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { itemClasses } from '../../api/engine.ts';
import type { DeviceState } from '../../domain/device/state.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { CollectionId, Instant, ItemId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { astrid, contact } from '../../test/world/examples.ts';
import { MemoryExchanges } from '../../test/world/exchanges.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import type { ItemClass } from '../activesync/classes/port.ts';
import { commandIdFrom } from '../ids.ts';
import { WhereaboutsFinder } from './whereabouts.ts';

let world: World;
let record: MemoryExchanges;
let email: string;
let phone: Phone;
let standing: Partial<DeviceState>;
let commands = 0;
let people = 0;
/** What the class of contacts cannot show. */
const unshowable = 'Feil AS';

beforeAll(async () => {
  const { pool } = await freshDatabase();
  record = new MemoryExchanges();
  const classes: Record<ItemKind, ItemClass> = {
    ...itemClasses,
    contact: {
      ...itemClasses.contact,
      render(writer, fields, context) {
        if ((fields as { company?: string }).company === unshowable) throw new TypeError('a fault');
        itemClasses.contact.render(writer, fields, context);
      },
    },
  };
  world = await World.start({ pool, record, classes });
});
afterAll(() => world.stop());
beforeEach(() => {
  email = `kari@why${++people}.example`;
  phone = new Phone(world, world.session(email, 'phone'));
  standing = {};
});

const collection = (kind: ItemKind = 'contact') => world.collection(email, kind);

async function office(item: string, command: 'add' | 'remove', fields: Fields = astrid, kind: ItemKind = 'contact') {
  const { account } = world.account(email);
  const added = { do: 'add', kind, owner: account, collection: collection(kind), fields } as const;
  await world.execute(email, {
    ...{ item: item as ItemId, kind, actor: { kind: 'office', account }, owner: account },
    ...{ at: new Date().toISOString() as Instant, commandId: commandIdFrom(['why', String(++commands)]) },
    command: command === 'add' ? added : { do: 'remove', base: null, rule: 'clientWins' },
  });
  await world.settle(email);
}

async function why(item: string, whose = email) {
  await world.settle(email);
  const { account } = world.account(whose);
  const { device: key, deviceId } = phone.session;
  const client = { deviceType: 'iPhone', userAgent: '', protocolVersion: '14.1' };
  const state = { kind: 'device', account, deviceId, client, wipe: { kind: 'none' }, blocked: false, ...standing };
  const finder = new WhereaboutsFinder({
    ...{ store: world.store, syncView: world.engine.syncView, deps: world.engine.deps },
    record: {
      list: (query) => record.list(query),
      body: (exchange) => record.body(exchange),
      withheldFor: async () => [],
      quiet: async () => [],
    },
  });
  return await finder.of(item as ItemId, { ...world.person(whose), key, deviceId, state: state as DeviceState });
}

it('there: the device has acknowledged it', async () => {
  await office('a', 'add');
  await phone.reset(collection());
  await phone.sync(collection(), { commands: [{ do: 'add', clientId: 'x', data: contact({ company: 'Hav AS' }) }] });
  await phone.sync(collection(), { commands: [{ do: 'add', clientId: 'y', data: contact({ company: 'Dal AS' }) }] });
  expect(await why('a')).toMatchObject({ cause: 'onDevice', isOnDevice: 'yes' });
});

it('offered and not yet acknowledged', async () => {
  await office('a', 'add');
  await phone.reset(collection());
  await office('b', 'add', { ...astrid, company: 'Hav AS' });
  await phone.sync(collection(), { lose: true });
  expect(await why('b')).toMatchObject({ cause: 'offered', isOnDevice: 'perhaps' });
});

it('the folder was never asked for, or is not shown', async () => {
  await office('a', 'add');
  expect(await why('a')).toMatchObject({ cause: 'folderNotSynced' });
  const { account } = world.account(email);
  await world.execute(email, {
    ...{ item: 'hidden' as ItemId, kind: 'contact', actor: { kind: 'office', account }, owner: account },
    ...{ at: new Date().toISOString() as Instant, commandId: commandIdFrom(['why', String(++commands)]) },
    command: { do: 'add', kind: 'contact', owner: account, collection: 'elsewhere' as CollectionId, fields: astrid },
  });
  expect(await why('hidden')).toMatchObject({ cause: 'notPermitted' });
});

it('the window has not reached it yet, and it came after the device was there', async () => {
  for (const item of ['a', 'b', 'c']) await office(item, 'add', { ...astrid, company: item });
  const answer = await phone.sync(collection(), { key: '0' });
  phone.folder(collection()).key = answer.key;
  await phone.sync(collection(), { windowSize: 1 });
  expect(await why('c')).toMatchObject({ cause: 'windowNotReached', isOnDevice: 'no' });
  await phone.pull(collection());
  await office('d', 'add', { ...astrid, company: 'd' });
  expect(await why('d')).toMatchObject({ cause: 'notThereSince' });
});

it('its filter leaves it out', async () => {
  const past = { start: '2020-03-02T08:00:00.000Z', end: '2020-03-02T09:00:00.000Z', timeZone: 'Europe/Oslo' };
  await office('a', 'add', past, 'appointment');
  await phone.reset(collection('appointment'), { filterType: 4 });
  const found = await why('a');
  expect(found).toMatchObject({ cause: 'filter', isOnDevice: 'no' });
  expect(found.sentence).toContain('two weeks');
  expect(found.sentence).toContain('2020-03-02');
});

it('it cannot be shown', async () => {
  await office('a', 'add', { ...astrid, company: unshowable });
  await phone.reset(collection());
  expect(await why('a')).toMatchObject({ cause: 'withheld', isOnDevice: 'no', facts: { withheld: 'a fault' } });
});

it('it was deleted, by whom, and whether the device knows', async () => {
  await office('a', 'add');
  await phone.reset(collection());
  await phone.sync(collection(), { commands: [{ do: 'add', clientId: 'x', data: contact({ company: 'Hav AS' }) }] });
  await office('a', 'remove');
  expect(await why('a')).toMatchObject({ cause: 'removalWaits', isOnDevice: 'yes' });
  await phone.sync(collection());
  expect(await why('a')).toMatchObject({ cause: 'removalOffered', isOnDevice: 'perhaps' });
  await phone.sync(collection(), { commands: [{ do: 'add', clientId: 'y', data: contact({ company: 'Dal AS' }) }] });
  const found = await why('a');
  expect(found).toMatchObject({ cause: 'removed', isOnDevice: 'no' });
  expect(found.sentence).toContain('office');
});

it('the device was refused its own word on it', async () => {
  const answer = await phone.sync(collection(), { key: '0' });
  phone.folder(collection()).key = answer.key;
  const added = await phone.sync(collection(), {
    commands: [{ do: 'add', clientId: 'x', data: contact({ company: 'Hav AS' }) }],
  });
  const serverId = added.responses[0]?.serverId as string;
  const { tenant, account } = world.account(email);
  world.setTree(account, new Map([...world.tree(account)].map(([id, folder]) => [id, { ...folder, access: 'read' }])));
  await phone.sync(collection(), {
    commands: [{ do: 'change', serverId, data: contact({ company: 'Dal AS' }) }],
    getChanges: false,
  });
  expect(await why(serverId)).toMatchObject({ facts: { refusal: { status: 7 } } });
  expect(tenant).toBe(phone.session.tenant);
});

it('the device is blocked or unknown, the item is unknown, also where it is another company’s', async () => {
  await office('a', 'add');
  standing = { blocked: true };
  expect(await why('a')).toMatchObject({ cause: 'deviceBlocked' });
  standing = { kind: 'unpaired' };
  expect(await why('a')).toMatchObject({ cause: 'deviceUnknown' });
  standing = {};
  expect(await why('nosuchitem')).toMatchObject({ cause: 'unknownItem' });
  expect(await why('a', 'eva@elsewhere.example')).toMatchObject({ cause: 'unknownItem' });
});
