import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EventMeta } from '../../domain/shared/event.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import type { FakeOfficeCall, FakeOfficeFault, MayFault } from '../office/memory.ts';
import { createRig, emptyTables, type Rig, type RigPerson, tenant } from './rig.ts';

let database: FreshDatabase;
let rig: Rig;
let kari: RigPerson;
let fault: (call: FakeOfficeCall) => MayFault = () => undefined;
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

const once = (operation: FakeOfficeCall['operation'], what: FakeOfficeFault): void => {
  let left = 1;
  fault = (call) => (call.operation === operation && left-- > 0 ? what : undefined);
};
const inOffice = (kind: 'contact' | 'appointment' | 'note' = 'contact') => rig.office.screenRecords(kari.email, kind);
const shownContact = async (item: ItemId) => (await rig.shown(kari.account, 'contact')).get(item);
const types = async (item: ItemId) => (await rig.history('contact', item)).map(({ type }) => type);
const linkTypes = async (item: ItemId) => (await rig.link(item)).map(({ type }) => type);
const ola = { givenName: 'Ola', familyName: 'Nordmann', mobilePhone: '1', company: 'Acme' };

const known = async (): Promise<{ item: ItemId; id: ReturnType<Rig['office']['screenCreate']> }> => {
  const id = rig.office.screenCreate(kari.email, 'contact', ola);
  await rig.crawl(kari);
  const [item] = [...(await rig.shown(kari.account, 'contact')).keys()];
  return { item: item as ItemId, id };
};

describe('what a phone changes', () => {
  it('reaches the office once, and comes back as nothing new', async () => {
    await begin();
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: ola, externalKey: item }]);
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2' } }]);
    const head = await rig.head();
    expect(await rig.crawl(kari)).toMatchObject({ seen: 1, added: 0, changed: 0 });
    expect(await rig.head()).toBe(head);
    await rig.removeOnPhone(kari, 'contact', item);
    await rig.writeBack();
    expect(inOffice()).toEqual([]);
    expect(await rig.crawl(kari)).toMatchObject({ removed: 0 });
    expect(rig.office.calls).toMatchObject({ create: 1, update: 1, delete: 1 });
  });

  it('is told in its history by which way it came: from the phone, to the office, from the office', async () => {
    await begin();
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.writeBack();
    rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other' });
    await rig.crawl(kari);
    const ways = (events: readonly { readonly type: string; readonly meta: EventMeta }[]) =>
      events.map(({ type, meta }) => [type, meta.actor.kind, meta.cause?.command]);
    expect(ways(await rig.history('contact', item))).toEqual([
      ['ContactAdded', 'office', 'crawl'],
      ['ContactChanged', 'device', undefined],
      ['ContactChanged', 'office', 'crawl'],
    ]);
    expect(ways(await rig.link(item))).toEqual([
      ['OfficeObserved', 'office', 'crawl'],
      ['WriteBackAttempted', 'system', 'writeback'],
      ['WriteBackConfirmed', 'system', 'writeback'],
      ['OfficeObserved', 'office', 'crawl'],
    ]);
  });

  it('that the office cannot hold stays here and survives what the office changes', async () => {
    await begin();
    const photo = 'aGVp';
    const otherAddress = { street: 'Storgata 1' };
    const item = await rig.addOnPhone(kari, 'contact', { ...ola, photo, otherAddress });
    await rig.writeBack();
    const [record] = inOffice();
    rig.office.screenUpdate(kari.email, 'contact', record!.id, { company: 'Other' });
    await rig.crawl(kari);
    expect(await shownContact(item)).toEqual({ ...ola, company: 'Other', photo, otherAddress });
    const updates = rig.office.calls.update ?? 0;
    await rig.changeOnPhone(kari, 'contact', item, { photo: 'aGVpIQ==' });
    await rig.writeBack();
    expect(rig.office.calls.update ?? 0).toBe(updates);
  });

  it('keeps what is finer than the office, which only rounds', async () => {
    await begin();
    const fields = {
      subject: 'Lunch',
      start: '2026-03-02T11:00:31.500Z',
      end: '2026-03-02T11:30:00.000Z',
      timeZone: 'Europe/Oslo',
      busyStatus: 'tentative',
    };
    const item = await rig.addOnPhone(kari, 'appointment', fields);
    await rig.writeBack();
    const [record] = inOffice('appointment');
    rig.office.screenUpdate(kari.email, 'appointment', record!.id, { location: 'Oslo' });
    await rig.crawl(kari);
    expect((await rig.shown(kari.account, 'appointment')).get(item)).toEqual({ ...fields, location: 'Oslo' });
    await rig.writeBack();
    expect(rig.office.calls.update).toBeUndefined();
  });
});

describe('changes on both sides', () => {
  it('of different fields are merged on both', async () => {
    await begin();
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other' });
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2', company: 'Other' } }]);
    await rig.crawl(kari);
    expect(await shownContact(item)).toMatchObject({ mobilePhone: '2', company: 'Other' });
    expect(await types(item)).not.toContain('ContactConflictKept');
  });

  it('are merged also when the crawl comes before the write-back', async () => {
    await begin();
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other' });
    await rig.crawl(kari);
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2', company: 'Other' } }]);
    expect(await shownContact(item)).toMatchObject({ mobilePhone: '2', company: 'Other' });
  });

  it('of the same field are won by the office, and what the phone said is kept', async () => {
    await begin();
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    rig.office.screenUpdate(kari.email, 'contact', id, { mobilePhone: '3' });
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '3' } }]);
    expect(await shownContact(item)).toMatchObject({ mobilePhone: '3' });
    const kept = (await rig.history('contact', item)).find(({ type }) => type === 'ContactConflictKept');
    expect(kept?.data).toMatchObject({ contested: ['mobilePhone'], lost: { set: { mobilePhone: '2' } } });
  });

  it('of the same field are won by the phone where the policy says so', async () => {
    await begin({ ruleOf: 'serverWins' });
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    rig.office.screenUpdate(kari.email, 'contact', id, { mobilePhone: '3', company: 'Other' });
    await rig.crawl(kari);
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2', company: 'Other' } }]);
    const kept = (await rig.history('contact', item)).find(({ type }) => type === 'ContactConflictKept');
    expect(kept?.data).toMatchObject({ lost: { set: { mobilePhone: '3' } } });
  });

  it('where the phone removes what the office changes bring the item back', async () => {
    await begin();
    const { item, id } = await known();
    await rig.removeOnPhone(kari, 'contact', item);
    rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other' });
    await rig.writeBack();
    expect(inOffice()).toHaveLength(1);
    expect(await shownContact(item)).toMatchObject({ company: 'Other' });
    expect(await types(item)).toContain('ContactConflictKept');
  });

  it('where the office removes what the phone changes end the item and keep its content', async () => {
    await begin();
    const { item, id } = await known();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    rig.office.screenDelete(kari.email, 'contact', id);
    await rig.writeBack();
    expect(inOffice()).toEqual([]);
    expect(await shownContact(item)).toBeUndefined();
    expect(await types(item)).toContain('ContactConflictKept');
  });
});

describe('a write without an answer', () => {
  it('is looked up and not done twice when it was done', async () => {
    await begin();
    once('create', 'lostAnswer');
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.writeBack();
    expect(inOffice()).toHaveLength(1);
    expect(rig.office.calls.create).toBe(1);
    once('update', 'lostAnswer');
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.writeBack();
    expect(rig.office.calls.update).toBe(1);
    once('delete', 'lostAnswer');
    await rig.removeOnPhone(kari, 'contact', item);
    await rig.writeBack();
    expect(inOffice()).toEqual([]);
    expect(rig.office.calls.delete).toBe(1);
    expect((await linkTypes(item)).filter((type) => type === 'WriteBackOutcomeUnknown')).toHaveLength(3);
  });

  it('is done when it was not done', async () => {
    await begin();
    once('create', 'lost');
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ externalKey: item }]);
    expect((await linkTypes(item)).filter((type) => type === 'WriteBackAttempted')).toHaveLength(1);
  });

  it('is looked up also by the worker that follows one that died', async () => {
    await begin();
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.settled();
    const { create } = rig.office;
    let died = (): void => {};
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    rig.office.create = async (...args) => {
      await create.apply(rig.office, args);
      died();
      return new Promise(() => {});
    };
    void rig.sync.writeBack.runDue();
    await death;
    rig.office.create = create;
    rig.restart();
    await rig.crawl(kari);
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ externalKey: item }]);
    expect(rig.office.calls.create).toBe(1);
    expect((await linkTypes(item)).at(-1)).toBe('WriteBackConfirmed');
    expect((await rig.shown(kari.account, 'contact')).size).toBe(1);
    expect(await rig.crawl(kari)).toMatchObject({ added: 0, changed: 0 });
  });

  it('takes in what a colleague changed meanwhile', async () => {
    await begin();
    const { item, id } = await known();
    once('update', 'lostAnswer');
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.settled();
    await rig.sync.writeBack.runDue();
    rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other' });
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '4' });
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '4', company: 'Other' } }]);
    expect(await shownContact(item)).toMatchObject({ mobilePhone: '4', company: 'Other' });
  });
});

describe('an office that refuses', () => {
  it('corrects the phone, and keeps what it wanted', async () => {
    await begin();
    const { item } = await known();
    fault = (call) => (call.operation === 'update' ? 'refused' : undefined);
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2', photo: 'aGVp' });
    await rig.writeBack();
    expect(await shownContact(item)).toEqual({ ...ola, photo: 'aGVp' });
    const kept = (await rig.history('contact', item)).at(-1);
    expect(kept).toMatchObject({
      type: 'ContactConflictKept',
      data: { loser: 'client', lost: { set: { mobilePhone: '2' } } },
    });
    const { writeback } = await rig.sync.status(tenant, kari.account);
    expect(writeback.refused).toMatchObject([{ item, reason: 'refused as asked' }]);
    expect(await rig.sync.loop.flush(tenant, kari.account, 1_000)).toEqual({ done: true });
    expect(rig.office.calls.update).toBe(1);
  });

  it('leaves a new item on the phone', async () => {
    await begin();
    fault = (call) => (call.operation === 'create' ? 'refused' : undefined);
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.writeBack();
    expect(await shownContact(item)).toEqual(ola);
    fault = () => undefined;
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.writeBack();
    expect(inOffice()).toMatchObject([{ fields: { mobilePhone: '2' } }]);
  });

  it('brings back what may not be removed', async () => {
    await begin();
    const { item } = await known();
    fault = (call) => (call.operation === 'delete' ? 'refused' : undefined);
    await rig.removeOnPhone(kari, 'contact', item);
    await rig.writeBack();
    expect(await shownContact(item)).toEqual(ola);
  });
});

describe('the queue', () => {
  it('says what is left while the office is away, and empties when it is back', async () => {
    await begin();
    fault = (call) => (call.operation === 'open' ? undefined : 'unavailable');
    const item = await rig.addOnPhone(kari, 'contact', ola);
    const left = await rig.sync.loop.flush(tenant, kari.account, 0);
    expect(left).toMatchObject({ done: false, left: [{ item, kind: 'contact', reason: 'unavailable' }] });
    fault = () => undefined;
    expect(await rig.sync.loop.flush(tenant, kari.account, 1_000)).toEqual({ done: true });
    expect(inOffice()).toHaveLength(1);
  });

  it('waits for a quota as long as it lasts', async () => {
    await begin();
    fault = (call) => (call.operation === 'create' ? 'quota' : undefined);
    await rig.addOnPhone(kari, 'contact', ola);
    await rig.settled();
    await rig.sync.writeBack.runDue();
    fault = () => undefined;
    expect(await rig.sync.loop.flush(tenant, kari.account, 60_000)).toMatchObject({ done: false });
    expect(await rig.sync.writeBack.nextDueMs()).toBe(rig.clock.nowMs() + 3_600_000);
    await rig.writeBack();
    expect(inOffice()).toHaveLength(1);
  });

  it('sends nothing when its read model is made anew', async () => {
    await begin();
    const item = await rig.addOnPhone(kari, 'contact', ola);
    await rig.writeBack();
    await rig.changeOnPhone(kari, 'contact', item, { mobilePhone: '2' });
    await rig.writeBack();
    await rig.runner.stop();
    await database.pool.query('truncate projection_checkpoint, writeback_intent, office_baseline');
    const { create, update } = rig.office.calls;
    const { ProjectionRunner } = await import('../../projections/runner/runner.ts');
    const { officeSyncProjections } = await import('./index.ts');
    const runner = new ProjectionRunner({
      ...{ db: rig.db, store: rig.store, projections: officeSyncProjections() },
      onError: (error) => rig.failures.push(error),
    });
    await runner.start();
    await rig.sync.writeBack.runDue();
    expect(rig.office.calls).toMatchObject({ create, update });
    expect(await rig.sync.queue.open(tenant, kari.account)).toEqual([]);
    await runner.stop();
  });

  it('writes into a shared calendar as the one who changed it', async () => {
    await begin();
    const other = await rig.person(`ola${people}@demo.example`);
    const meeting = { subject: 'Board', start: '2026-03-02T09:00:00.000Z', end: '2026-03-02T10:00:00.000Z' };
    rig.office.share(kari.email, other.email, 'readWrite');
    rig.office.screenCreate(kari.email, 'appointment', { ...meeting, timeZone: 'Europe/Oslo' });
    await rig.crawl(kari);
    const [item] = [...(await rig.shown(kari.account, 'appointment')).keys()];
    const owners: string[] = [];
    fault = (call) => {
      if (call.operation === 'update') owners.push(call.owner);
      return undefined;
    };
    await rig.changeOnPhone(other, 'appointment', item as ItemId, { subject: 'Moved' });
    await rig.writeBack();
    expect(inOffice('appointment')).toMatchObject([{ fields: { subject: 'Moved' } }]);
    expect(owners).toEqual([other.email]);
  });
});

describe('a claim', () => {
  it("that is renewed while it is worked on is nobody else's; one that is not is free after ten seconds", async () => {
    await begin();
    let during: { others: number; later: number } | undefined;
    fault = async (call) => {
      if (call.operation !== 'create') return undefined;
      // The office takes eleven seconds; another worker looks then, and again when nobody has renewed for long.
      for (let seconds = 0; seconds < 11; seconds++) {
        rig.clock.advance(1_000);
        await rig.settled();
      }
      const { queue } = rig.sync;
      const others = await queue.claim(rig.clock.nowMs(), 10_000, 8);
      // A renewal that is under way just now holds the row, and whoever claims passes over it.
      const later = await vi.waitFor(async () => {
        const claimed = await queue.claim(rig.clock.nowMs() + 10_001, 10_000, 8);
        expect(claimed).toHaveLength(1);
        return claimed;
      });
      during = { others: others.length, later: later.length };
      return undefined;
    };
    await rig.addOnPhone(kari, 'contact', ola);
    await rig.settled();
    await rig.sync.writeBack.runDue();
    expect(during).toEqual({ others: 0, later: 1 });
  });
});
