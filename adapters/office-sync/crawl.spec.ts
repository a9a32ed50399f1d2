import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ItemId } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import type { FakeOfficeCall, FakeOfficeFault } from '../office/memory.ts';
import { createRig, emptyTables, type Rig, type RigPerson, tenant } from './rig.ts';

let database: FreshDatabase;
let rig: Rig;
let kari: RigPerson;
let fault: (call: FakeOfficeCall) => FakeOfficeFault | undefined = () => undefined;
let people = 0;

beforeAll(async () => {
  database = await freshDatabase();
});

const begin = async (options: { ruleOf?: 'serverWins' } = {}): Promise<void> => {
  await emptyTables(database);
  fault = () => undefined;
  rig = await createRig(database, { fault: (call) => fault(call), ...options });
  kari = await rig.person(`kari${++people}@demo.example`);
};

afterEach(async () => {
  expect(rig.failures).toEqual([]);
  await rig.close();
});

const only = <V>(map: Map<ItemId, V>): [ItemId, V] => {
  expect(map.size).toBe(1);
  return [...map][0] as [ItemId, V];
};
const contact = (name: string) => ({ givenName: name, familyName: 'Nordmann', mobilePhone: '+47 900 00 000' });

describe('a crawl', () => {
  it('brings what the office adds, changes and removes to the phones', async () => {
    await begin();
    const id = rig.office.screenCreate(kari.email, 'contact', contact('Ola'));
    expect(await rig.crawl(kari)).toMatchObject({ collections: 4, seen: 1, added: 1, changed: 0, removed: 0 });
    expect(only(await rig.shown(kari.account, 'contact'))[1]).toMatchObject({ givenName: 'Ola' });

    rig.office.screenUpdate(kari.email, 'contact', id, { givenName: 'Olav', mobilePhone: undefined });
    expect(await rig.crawl(kari)).toMatchObject({ added: 0, changed: 1 });
    const [, changed] = only(await rig.shown(kari.account, 'contact'));
    expect(changed).toMatchObject({ givenName: 'Olav' });
    expect(changed).not.toHaveProperty('mobilePhone');

    rig.office.screenDelete(kari.email, 'contact', id);
    expect(await rig.crawl(kari)).toMatchObject({ removed: 0 });
    expect((await rig.shown(kari.account, 'contact')).size).toBe(1);
    expect(await rig.crawl(kari)).toMatchObject({ removed: 1 });
    expect((await rig.shown(kari.account, 'contact')).size).toBe(0);
  });

  it('writes nothing when nothing changed', async () => {
    await begin();
    for (let n = 0; n < 20; n++) rig.office.screenCreate(kari.email, 'contact', contact(`P${n}`));
    await rig.crawl(kari);
    await rig.settled();
    const head = await rig.head();
    // The system column names the transaction that wrote a row last.
    const written = async () =>
      (
        await database.pool.query(
          `select 'baseline' as t, item, xmin::text from office_baseline
           union all select 'view', item, xmin::text from item_view
           union all select 'intent', item, xmin::text from writeback_intent order by 1, 2`,
        )
      ).rows;
    const before = await written();
    expect(await rig.crawl(kari)).toMatchObject({ seen: 20, added: 0, changed: 0, removed: 0 });
    rig.restart();
    expect(await rig.crawl(kari)).toMatchObject({ seen: 20, added: 0, changed: 0, removed: 0 });
    expect(await rig.head()).toBe(head);
    expect(await written()).toEqual(before);
  });

  it('keeps a record that was missing once and came back', async () => {
    await begin();
    for (const name of ['A', 'B']) rig.office.screenCreate(kari.email, 'note', { subject: name });
    await rig.crawl(kari);
    const lists = (call: FakeOfficeCall) => (call.operation === 'list' ? ('emptyList' as const) : undefined);
    fault = lists;
    await rig.crawl(kari);
    fault = () => undefined;
    await rig.crawl(kari);
    fault = lists;
    await rig.crawl(kari);
    expect((await rig.shown(kari.account, 'note')).size).toBe(2);
  });

  it('believes no listing that lost too much, until it is whole again or a person confirms', async () => {
    await begin();
    const ids = Array.from({ length: 12 }, (_, n) => rig.office.screenCreate(kari.email, 'contact', contact(`P${n}`)));
    await rig.crawl(kari);
    fault = (call) => (call.operation === 'list' && call.kind === 'contact' ? 'emptyList' : undefined);
    for (let n = 0; n < 3; n++) expect(await rig.crawl(kari)).toMatchObject({ removed: 0, suspended: 1 });
    expect((await rig.shown(kari.account, 'contact')).size).toBe(12);
    expect(await rig.sync.crawl.suspensions(tenant, kari.account)).toMatchObject([
      { kind: 'contact', state: { kind: 'suspended', missing: 12, of: 12 } },
    ]);
    const head = await rig.head();
    await rig.crawl(kari);
    expect(await rig.head()).toBe(head);

    fault = () => undefined;
    expect(await rig.crawl(kari)).toMatchObject({ suspended: 0, removed: 0 });
    expect(await rig.sync.crawl.suspensions(tenant, kari.account)).toEqual([]);

    for (const id of ids.slice(0, 8)) rig.office.screenDelete(kari.email, 'contact', id);
    expect(await rig.crawl(kari)).toMatchObject({ suspended: 1 });
    expect(await rig.sync.crawl.confirmShrink(tenant, kari.account, { kind: 'admin' })).toBe(1);
    expect(await rig.crawl(kari)).toMatchObject({ suspended: 0, removed: 0 });
    expect(await rig.crawl(kari)).toMatchObject({ suspended: 0, removed: 8 });
    expect((await rig.shown(kari.account, 'contact')).size).toBe(4);
    expect(await rig.sync.crawl.suspensions(tenant, kari.account)).toEqual([]);
  });

  it('restores what the office lost for two crawls and has again', async () => {
    await begin();
    rig.office.screenCreate(kari.email, 'note', { subject: 'A' });
    await rig.crawl(kari);
    fault = (call) => (call.operation === 'list' ? 'emptyList' : undefined);
    await rig.crawl(kari);
    await rig.crawl(kari);
    expect((await rig.shown(kari.account, 'note')).size).toBe(0);
    fault = () => undefined;
    await rig.crawl(kari);
    expect(only(await rig.shown(kari.account, 'note'))[1]).toMatchObject({ subject: 'A' });
    await rig.crawl(kari);
    expect(rig.office.screenRecords(kari.email, 'note')).toHaveLength(1);
  });

  it('does not take a listing for news that is older than what was written meanwhile', async () => {
    await begin();
    const id = rig.office.screenCreate(kari.email, 'note', { subject: 'A' });
    await rig.crawl(kari);
    const [item] = only(await rig.shown(kari.account, 'note'));
    const body = { type: 'text', content: 'from a colleague' };
    rig.office.screenUpdate(kari.email, 'note', id, { body });
    const { list } = rig.office;
    rig.office.list = async (session, collection) => {
      const listing = await list.call(rig.office, session, collection);
      rig.office.list = list;
      await rig.changeOnPhone(kari, 'note', item, { subject: 'B' });
      await rig.writeBack();
      return listing;
    };
    const all = rig.office.listCollections;
    rig.office.listCollections = async (session) =>
      (await all.call(rig.office, session)).filter(({ kind }) => kind === 'note');
    await rig.crawl(kari);
    expect(only(await rig.shown(kari.account, 'note'))[1]).toEqual({ subject: 'B', body });
    await rig.crawl(kari);
    expect(only(await rig.shown(kari.account, 'note'))[1]).toEqual({ subject: 'B', body });
    expect(rig.office.screenRecords(kari.email, 'note')).toMatchObject([{ fields: { subject: 'B', body } }]);
  });

  it('carries on where one that died in between left off', async () => {
    await begin();
    rig.office.screenCreate(kari.email, 'note', { subject: 'A' });
    const { append } = rig.store;
    rig.store.append = async (of, writes) => {
      if (writes.some(({ stream }) => stream.startsWith('writeback-'))) throw new Error('killed');
      return append(of, writes);
    };
    await expect(rig.crawl(kari)).rejects.toThrow('killed');
    rig.store.append = append;
    rig.restart();
    const [item] = only(await rig.shown(kari.account, 'note'));
    await rig.changeOnPhone(kari, 'note', item, { subject: 'B' });
    await rig.settled();
    await rig.sync.writeBack.runDue();
    expect(rig.office.calls.create).toBeUndefined();
    await rig.crawl(kari);
    await rig.writeBack();
    expect(only(await rig.shown(kari.account, 'note'))[1]).toEqual({ subject: 'B' });
    expect(rig.office.screenRecords(kari.email, 'note')).toMatchObject([{ fields: { subject: 'B' } }]);
  });

  it('gives an item that a restored log does not know its id again, which the phone still has', async () => {
    await begin();
    const lost = 'restored2lost2item2aaaaaaa' as ItemId;
    const note = await rig.addOnPhone(kari, 'note', { subject: 'Another kind' });
    rig.office.screenCreate(kari.email, 'contact', contact('Per'), lost);
    // Copied at the office's screens with its key, and one whose key names what is something else.
    rig.office.screenCreate(kari.email, 'contact', contact('Copy'), lost);
    rig.office.screenCreate(kari.email, 'contact', contact('Other'), note);
    expect(await rig.crawl(kari)).toMatchObject({ added: 3, changed: 0, removed: 0 });
    const shown = await rig.shown(kari.account, 'contact');
    expect(shown.size).toBe(3);
    expect(shown.get(lost)).toMatchObject({ givenName: 'Per' });
    expect(shown.has(note)).toBe(false);
    expect([...(await rig.shown(kari.account, 'note')).keys()]).toEqual([note]);
    await rig.writeBack();
    expect(await rig.crawl(kari)).toMatchObject({ added: 0, changed: 0, removed: 0 });
  });

  it('does not bring back what was erased, whoever made it, while the office keeps the record', async () => {
    await begin();
    rig.office.screenCreate(kari.email, 'contact', contact('Ola'));
    await rig.addOnPhone(kari, 'contact', contact('Per'));
    await rig.writeBack();
    await rig.crawl(kari);
    const items = [...(await rig.shown(kari.account, 'contact')).keys()];
    expect(items).toHaveLength(2);
    for (const item of items) {
      await rig.removeOnPhone(kari, 'contact', item);
      await rig.keys.destroy(tenant, itemSubject(item));
      await database.pool.query('delete from office_baseline where item = $1', [item]);
      await database.pool.query('delete from writeback_intent where item = $1', [item]);
    }
    expect(rig.office.screenRecords(kari.email, 'contact')).toHaveLength(2);
    expect(await rig.crawl(kari)).toMatchObject({ added: 0 });
    expect((await rig.shown(kari.account, 'contact')).size).toBe(0);
  });

  it('lets a value go to and fro', async () => {
    await begin();
    const id = rig.office.screenCreate(kari.email, 'note', { subject: 'A' });
    await rig.crawl(kari);
    for (const subject of ['B', 'A', 'B', 'A']) {
      rig.office.screenUpdate(kari.email, 'note', id, { subject });
      await rig.crawl(kari);
      expect(only(await rig.shown(kari.account, 'note'))[1]).toEqual({ subject });
    }
  });
});

describe('a shared calendar', () => {
  const meeting = {
    subject: 'Board',
    start: '2026-03-02T09:00:00.000Z',
    end: '2026-03-02T10:00:00.000Z',
    timeZone: 'Europe/Oslo',
  };

  it('shows the owner and whoever it is shared with the same item', async () => {
    await begin();
    const ola = await rig.person(`ola${people}@demo.example`);
    rig.office.share(kari.email, ola.email, 'readWrite');
    rig.office.screenCreate(kari.email, 'appointment', meeting);
    expect(await rig.crawl(ola)).toMatchObject({ collections: 5, added: 1 });
    expect(await rig.crawl(kari)).toMatchObject({ added: 0, changed: 0 });
    expect((await rig.shown(kari.account, 'appointment')).size).toBe(1);
    const shared = [...(await rig.folders.of(tenant, ola.account)).values()];
    expect(shared).toMatchObject([{ kind: 'appointment', owner: kari.account, access: 'write' }]);
  });

  it('shows the same item also when its owner has no account here', async () => {
    await begin();
    const ola = await rig.person(`ola${people}@demo.example`);
    const outside = `boss${people}@demo.example`;
    rig.office.addPerson({ email: outside, password: 'x' });
    rig.office.share(outside, kari.email, 'read');
    rig.office.share(outside, ola.email, 'read');
    rig.office.screenCreate(outside, 'appointment', meeting);
    expect(await rig.crawl(kari)).toMatchObject({ added: 1 });
    expect(await rig.crawl(ola)).toMatchObject({ added: 0, changed: 0 });
    const [one] = [...(await rig.folders.of(tenant, kari.account)).values()];
    const [other] = [...(await rig.folders.of(tenant, ola.account)).values()];
    expect(one?.source).toBe(other?.source);
    expect(one?.access).toBe('read');
  });
});
