import { beforeEach, describe, expect, it } from 'vitest';
import type { ItemCommand } from '../../domain/item/decide.ts';
import { itemEvents } from '../../domain/item/events.ts';
import { fold } from '../../domain/item/state.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { AccountId, CollectionId, DeviceKey, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import { eventRegistry } from '../../domain/shared/upcast.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import type { KeyRing } from '../crypto.port.ts';
import type { DomainWrite, EventStore, WriteOutcome } from '../event-log/event-store.port.ts';
import { createEventStore } from '../event-log/event-store.ts';
import { memoryEventLog } from '../event-log/memory.ts';
import { commandIdFrom } from '../ids.ts';
import { ItemCommands, ItemContended, type ItemRequest, pastEvents } from './item-commands.ts';

const tenant = 'demo.example' as TenantId;
const account = 'kari' as AccountId;
const [contacts, others] = ['contacts' as CollectionId, 'others' as CollectionId];
const phone: Actor = { kind: 'device', account, device: 'phone' as DeviceKey };
const office: Actor = { kind: 'office', account };
const at = '2026-03-01T08:00:00.000Z' as Instant;
const astrid = { givenName: 'Astrid', company: 'Fjord AS' };

let keys: KeyRing;
let store: EventStore;
let items: ItemCommands;
/** How often the store was asked for streams, and what happens before each append. */
let loads: number;
let beforeAppend: (writes: readonly DomainWrite[], append: EventStore['append']) => Promise<WriteOutcome | undefined>;

beforeEach(() => {
  keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  const log = memoryEventLog();
  store = createEventStore({ log, keys, clock: () => at, events: eventRegistry(itemEvents) });
  loads = 0;
  beforeAppend = async () => undefined;
  items = new ItemCommands({
    ...store,
    loadMany: (of, streams) => {
      loads++;
      return store.loadMany(of, streams);
    },
    append: async (of, writes) => (await beforeAppend(writes, store.append)) ?? (await store.append(of, writes)),
  });
});

const request = (item: string, command: ItemRequest['command'], id: string, actor: Actor = phone): ItemRequest => ({
  item: item as ItemId,
  kind: 'contact',
  commandId: commandIdFrom([id]),
  actor,
  at,
  owner: account,
  command,
});
const add = (item: string, id: string, fields = astrid) =>
  request(item, { do: 'add', kind: 'contact', owner: account, collection: contacts, fields }, id);
const patch = (set: object, base: number | null = null): ItemCommand => ({
  do: 'change',
  base,
  rule: 'serverWins',
  patch: { set, cleared: [] },
});
const change = (item: string, set: object, id: string, base: number | null = null, actor: Actor = phone) =>
  request(item, patch(set, base), id, actor);
const remove = (item: string, id: string) => request(item, { do: 'remove', base: null, rule: 'serverWins' }, id);

const types = async (item: string) => (await items.history(tenant, 'contact', item as ItemId)).map(({ type }) => type);
const fieldsOf = async (item: string) =>
  fold(pastEvents(await items.history(tenant, 'contact', item as ItemId)))?.fields;

describe('commands on items', () => {
  it('are answered in their order, with what became of each item', async () => {
    await items.execute(tenant, [add('b', 'setup')]);
    const results = await items.execute(tenant, [
      add('a', '1'),
      change('b', { company: 'Hav AS' }, '2'),
      change('c', { company: 'Hav AS' }, '3'),
      remove('a', '4'),
    ]);
    expect(results).toMatchObject([
      { decision: { kind: 'accepted' }, state: { fields: astrid, removed: false }, revision: 0, repeated: false },
      { decision: { kind: 'accepted' }, state: { fields: { company: 'Hav AS' }, version: 1 }, revision: 1 },
      { decision: { kind: 'refused', reason: 'unknown' }, state: null, revision: -1, position: 0 },
      { decision: { kind: 'accepted' }, state: { removed: true }, revision: 1 },
    ]);
    const head = await store.head(tenant);
    expect(results[3]?.position).toBe(head);
    const positions = results.map(({ position }) => position);
    expect(new Set(positions).size).toBe(4);
  });

  it('on one item are carried out one after the other', async () => {
    const results = await items.execute(tenant, [
      add('a', '1'),
      change('a', { company: 'Hav AS' }, '2', 0),
      change('a', { jobTitle: 'Sjef' }, '3', 0),
      request('a', { do: 'move', to: others }, '4'),
    ]);
    expect(results.map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
    expect(results[2]?.state?.fields).toEqual({ ...astrid, company: 'Hav AS', jobTitle: 'Sjef' });
    expect(results[3]?.state?.collection).toBe(others);
    expect(await types('a')).toEqual(['ContactAdded', 'ContactChanged', 'ContactChanged', 'ContactMoved']);
  });

  it('that add need no look at what is there', async () => {
    await items.execute(tenant, [add('a', '1'), add('b', '2')]);
    expect(loads).toBe(0);
  });

  it('that are unreadable store nothing, and do not keep the others from it', async () => {
    const unreadable = { kind: 'unreadable', status: 6, reason: 'no name' } as const;
    const results = await items.execute(tenant, [request('a', () => unreadable, '1'), add('b', '2')]);
    expect(results).toMatchObject([{ decision: unreadable, state: null }, { state: { fields: astrid } }]);
    expect(await types('a')).toEqual([]);
  });

  it('that change nothing store nothing', async () => {
    await items.execute(tenant, [add('a', '1')]);
    const head = await store.head(tenant);
    const [result] = await items.execute(tenant, [change('a', { company: 'Fjord AS' }, '2')]);
    expect(result).toMatchObject({ decision: { kind: 'accepted', events: [] }, position: 0, revision: 0 });
    expect(await store.head(tenant)).toBe(head);
  });
});

describe('a batch sent again', () => {
  const batch = () => [
    add('a', '1'),
    change('b', { company: 'Hav AS' }, '2', 0),
    remove('c', '3'),
    change('a', { jobTitle: 'Sjef' }, '4', 0),
  ];
  beforeEach(async () => {
    await items.execute(tenant, [add('b', 'setup b'), add('c', 'setup c')]);
  });
  const essence = (results: Awaited<ReturnType<ItemCommands['execute']>>) =>
    results.map(({ decision, state, revision, position }) => ({ decision, state, revision, position }));

  it('is answered as the first time, and stores nothing', async () => {
    const first = await items.execute(tenant, batch());
    const head = await store.head(tenant);
    const again = await items.execute(tenant, batch());
    expect(essence(again)).toEqual(essence(first));
    expect(again.every(({ repeated }) => repeated)).toBe(true);
    expect(await store.head(tenant)).toBe(head);
  });

  it('is answered as the first time also when others went on meanwhile', async () => {
    const first = await items.execute(tenant, batch());
    await items.execute(tenant, [
      change('a', { company: 'Vidde AS' }, 'o1', null, office),
      change('b', { company: 'Vidde AS' }, 'o2', null, office),
    ]);
    expect(essence(await items.execute(tenant, batch()))).toEqual(essence(first));
    expect((await fieldsOf('b'))?.company).toBe('Vidde AS');
  });

  it('keeps a lost conflict lost, and keeps it once', async () => {
    await items.execute(tenant, [change('b', { company: 'Vidde AS' }, 'o1', null, office)]);
    const both = () => change('b', { company: 'Hav AS', jobTitle: 'Sjef' }, '5', 0);
    const two = await items.execute(tenant, [both()]);
    expect(two[0]?.decision).toMatchObject({ events: [{}, {}] });
    expect(essence(await items.execute(tenant, [both()]))).toEqual(essence(two));
    const first = await items.execute(tenant, batch());
    expect(first[1]?.decision).toMatchObject({ conflict: 'client' });
    expect(essence(await items.execute(tenant, batch()))).toEqual(essence(first));
    // The second command wanted the same for the company, and lost the same.
    const events = ['ContactAdded', 'ContactChanged', 'ContactChanged', 'ContactConflictKept'];
    expect(await types('b')).toEqual(events);
  });

  it.each([1, 2])(
    'after a crash that left %i of its writes is finished, and answered as if there had been none',
    async (stored) => {
      beforeAppend = async (writes, append) => {
        await append(tenant, writes.slice(0, stored));
        throw new Error('the power is gone');
      };
      await expect(items.execute(tenant, batch())).rejects.toThrow('power');
      beforeAppend = async () => undefined;
      const again = await items.execute(tenant, batch());
      expect(again).toMatchObject([
        { state: { fields: astrid }, revision: 0 },
        { state: { fields: { company: 'Hav AS' } }, revision: 1 },
        { state: { removed: true }, revision: 1 },
        { state: { fields: { ...astrid, jobTitle: 'Sjef' } }, revision: 1 },
      ]);
      expect(again.map(({ decision }) => decision.kind)).toEqual(Array(4).fill('accepted'));
      expect(await types('a')).toEqual(['ContactAdded', 'ContactChanged']);
      expect(await types('b')).toEqual(['ContactAdded', 'ContactChanged']);
      expect(await types('c')).toEqual(['ContactAdded', 'ContactRemoved']);
      expect(essence(await items.execute(tenant, batch()))).toEqual(essence(again));
    },
  );
});

describe('when somebody is faster', () => {
  /** The other one writes once, right before the first append. */
  const onceBefore = (other: readonly ItemRequest[]) => {
    const competitor = new ItemCommands(store);
    beforeAppend = async () => {
      beforeAppend = async () => undefined;
      await competitor.execute(tenant, other);
      return undefined;
    };
  };

  it('a change is decided anew, on what is there then', async () => {
    await items.execute(tenant, [add('a', '1')]);
    onceBefore([change('a', { company: 'Hav AS' }, 'o1', null, office)]);
    const [result] = await items.execute(tenant, [change('a', { company: 'Fjell AS', jobTitle: 'Sjef' }, '2', 0)]);
    expect(result).toMatchObject({ decision: { conflict: 'client', merged: true }, repeated: false });
    expect(await fieldsOf('a')).toEqual({ ...astrid, company: 'Hav AS', jobTitle: 'Sjef' });
  });

  it('the same Add elsewhere is one item, and the answer is the same', async () => {
    onceBefore([add('a', '1')]);
    const results = await items.execute(tenant, [add('a', '1'), add('b', '2')]);
    expect(results).toMatchObject([{ repeated: true, state: { fields: astrid } }, { state: { fields: astrid } }]);
    expect(await types('a')).toEqual(['ContactAdded']);
    expect(await types('b')).toEqual(['ContactAdded']);
  });

  it('an Add whose item another command made is nothing new', async () => {
    onceBefore([add('a', 'other', { ...astrid, company: 'Hav AS' })]);
    const [result] = await items.execute(tenant, [add('a', '1')]);
    expect(result).toMatchObject({ decision: { events: [] }, state: { fields: { company: 'Hav AS' } } });
    expect(await types('a')).toEqual(['ContactAdded']);
  });

  it('the others of the batch are not held up, nor done twice, also where the log stores part of it', async () => {
    await items.execute(tenant, [add('a', '1')]);
    const competitor = new ItemCommands(store);
    beforeAppend = async (writes, append) => {
      beforeAppend = async () => undefined;
      await competitor.execute(tenant, [change('a', { company: 'Hav AS' }, 'o1', null, office)]);
      // As a log that is atomic over one stream only.
      await append(tenant, writes.slice(0, 1));
      return { kind: 'conflict', index: 1 };
    };
    await items.execute(tenant, [add('b', '2'), change('a', { jobTitle: 'Sjef' }, '3', 0)]);
    expect(await types('b')).toEqual(['ContactAdded']);
    expect(await fieldsOf('a')).toEqual({ ...astrid, company: 'Hav AS', jobTitle: 'Sjef' });
  });

  it('again and again, the command is given up rather than tried for ever', async () => {
    await items.execute(tenant, [add('a', '1')]);
    const competitor = new ItemCommands(store);
    let rounds = 0;
    beforeAppend = async () => {
      await competitor.execute(tenant, [change('a', { company: `${++rounds}` }, `o${rounds}`, null, office)]);
      return undefined;
    };
    await expect(items.execute(tenant, [change('a', { jobTitle: 'Sjef' }, '2', 0)])).rejects.toThrow(ItemContended);
    expect(rounds).toBeLessThan(10);
  });

  it('many at once lose nothing', async () => {
    await items.execute(tenant, [add('a', '1')]);
    const fields = ['company', 'jobTitle', 'nickname', 'department'];
    await Promise.all(fields.map((name) => items.execute(tenant, [change('a', { [name]: `of ${name}` }, name, 0)])));
    expect(await fieldsOf('a')).toMatchObject(Object.fromEntries(fields.map((name) => [name, `of ${name}`])));
  });
});

describe('an erased item', () => {
  it('answers as one that never was, and cannot be made anew', async () => {
    await items.execute(tenant, [add('a', '1'), add('b', '2')]);
    await keys.destroy(tenant, itemSubject('a' as ItemId));
    const results = await items.execute(tenant, [
      add('a', '1'),
      change('a', { company: 'Hav AS' }, '3'),
      change('b', { company: 'Hav AS' }, '4'),
    ]);
    expect(results.map(({ decision }) => decision.kind)).toEqual(['unreadable', 'refused', 'accepted']);
    expect(await types('a')).toEqual(['Forgotten']);
  });

  it('nor can any of a person who was erased', async () => {
    await items.execute(tenant, [add('a', '1')]);
    await keys.destroy(tenant, accountSubject(account));
    const results = await items.execute(tenant, [add('b', '2'), change('a', { company: 'Hav AS' }, '3')]);
    expect(results.map(({ decision }) => decision.kind)).toEqual(['unreadable', 'refused']);
  });
});

describe('a command sent again under another rule for conflicts', () => {
  it('is answered by the rule of then', async () => {
    await items.execute(tenant, [add('a', '1')]);
    await items.execute(tenant, [request('a', { do: 'remove', base: null, rule: 'clientWins' }, '2', office)]);
    const under = (rule: 'serverWins' | 'clientWins') =>
      request('a', { do: 'change', base: 0, rule, patch: { set: { company: 'Ny AS' }, cleared: [] } }, '3');
    const [first] = await items.execute(tenant, [under('serverWins')]);
    const [again] = await items.execute(tenant, [under('clientWins')]);
    expect(first).toMatchObject({ decision: { conflict: 'client' }, state: { removed: true }, repeated: false });
    expect(again).toMatchObject({ decision: { conflict: 'client' }, state: { removed: true }, repeated: true });
  });
});
