/** What people put right on an item reaches the office as any other change does. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ItemCommand } from '../../domain/item/decide.ts';
import { parseItemType } from '../../domain/item/events.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { commandIdFrom } from '../ids.ts';
import { ItemCommands } from '../items/item-commands.ts';
import { createRig, emptyTables, type Rig, type RigPerson, tenant } from './rig.ts';

let database: FreshDatabase;
let rig: Rig;
let kari: RigPerson;
let count = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyTables(database);
  rig = await createRig(database);
  kari = await rig.person(`kari${++count}@demo.example`);
});
afterEach(async () => {
  expect(rig.failures).toEqual([]);
  await rig.close();
});

const ola = { givenName: 'Ola', familyName: 'Nordmann', mobilePhone: '1', company: 'Acme' };
const inOffice = () => rig.office.screenRecords(kari.email, 'contact');

async function administer(item: ItemId, command: ItemCommand): Promise<void> {
  const commandId = commandIdFrom(['test', item, String(++count)]);
  const place = { item, kind: 'contact', owner: kari.account } as const;
  const by = {
    actor: { kind: 'admin', name: 'Siv' },
    at: rig.clock.instant(),
    cause: { command: command.do },
  } as const;
  const [result] = await new ItemCommands(rig.store).execute(tenant, [{ ...place, ...by, commandId, command }]);
  expect(result?.decision.kind).toBe('accepted');
  await rig.writeBack();
}

/** The office and what phones see agree, and the next crawl finds nothing new. */
async function expectAgreement(): Promise<void> {
  const shown = [...(await rig.shown(kari.account, 'contact')).values()];
  expect(inOffice().map(({ fields }) => fields)).toMatchObject(shown);
  const head = await rig.head();
  expect(await rig.crawl(kari)).toMatchObject({ added: 0, changed: 0, removed: 0 });
  await rig.writeBack();
  expect(await rig.head()).toBe(head);
}

describe.each([
  ['a phone', () => rig.addOnPhone(kari, 'contact', ola)],
  [
    'the office',
    async () => {
      rig.office.screenCreate(kari.email, 'contact', ola);
      await rig.crawl(kari);
      return [...(await rig.shown(kari.account, 'contact')).keys()][0] as ItemId;
    },
  ],
])('an item that came from %s', (_, make) => {
  it('is there again in the office after a restore', async () => {
    const item = await make();
    await rig.writeBack();
    await rig.removeOnPhone(kari, 'contact', item);
    await rig.writeBack();
    expect(inOffice()).toEqual([]);
    await administer(item, { do: 'restore' });
    expect(inOffice()).toMatchObject([{ fields: ola }]);
    await expectAgreement();
  });

  it('is there as it was after a revert', async () => {
    const item = await make();
    await rig.writeBack();
    await rig.changeOnPhone(kari, 'contact', item, { company: 'Other' }, ['mobilePhone']);
    await rig.writeBack();
    await administer(item, { do: 'revert', to: 0 });
    expect(inOffice()).toMatchObject([{ fields: ola }]);
    await expectAgreement();
  });
});

it('a restore of what a colleague deleted in the office makes it there anew', async () => {
  const id = rig.office.screenCreate(kari.email, 'contact', ola);
  await rig.crawl(kari);
  const [item] = [...(await rig.shown(kari.account, 'contact')).keys()] as [ItemId];
  rig.office.screenDelete(kari.email, 'contact', id);
  await rig.crawl(kari);
  await rig.crawl(kari);
  expect(await rig.shown(kari.account, 'contact')).toEqual(new Map());
  await administer(item, { do: 'restore' });
  expect(inOffice()).toMatchObject([{ fields: ola, externalKey: item }]);
  await expectAgreement();
});

it('a conflict decided for the phone that lost is written to the office', async () => {
  const id = rig.office.screenCreate(kari.email, 'contact', ola);
  await rig.crawl(kari);
  const [item] = [...(await rig.shown(kari.account, 'contact')).keys()] as [ItemId];
  await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
  rig.office.screenUpdate(kari.email, 'contact', id, { mobilePhone: '3' });
  await rig.crawl(kari);
  await rig.writeBack();
  expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '3' } }]);
  const history = await rig.history('contact', item);
  const kept = history.find(({ type }) => parseItemType(type)?.verb === 'ConflictKept');
  await administer(item, { do: 'decide', conflict: kept?.revision as number, for: 'mine' });
  expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2' } }]);
  await expectAgreement();
});
