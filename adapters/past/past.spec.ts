import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { itemFacts } from '../../api/engine.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import { itemEvent } from '../../domain/item/events.ts';
import type { CollectionId, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { PastRowsReader } from '../../projections/item-view/past.ts';
import type { ItemRow, ItemView } from '../../projections/item-view/read.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { astrid } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { emptyHead } from '../event-log/event-store.port.ts';
import { commandIdFrom } from '../ids.ts';
import { PastConversations } from './conversations.ts';
import { PastItems } from './items.ts';
import { pastRowOpener } from './open.ts';
import { PastStore } from './store.ts';

let world: World;
let people = 0;
let commands = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
});
afterAll(() => world.stop());

const at = '2026-03-01T08:00:00.000Z' as Instant;
const collections = ['here', 'there'] as CollectionId[];
const items = ['a', 'b', 'c', 'd', 'e'] as ItemId[];
const person = () => `kari@past${++people}.example`;

function past(tenant: TenantId, position: Position) {
  const store = new PastStore(world.store, { tenant, position, now: () => at });
  const rows = new PastRowsReader(world.db);
  return { store, items: new PastItems({ store, view: world.engine.itemView, rows, facts: itemFacts }) };
}

const command: fc.Arbitrary<ItemCommand> = fc.oneof(
  fc.nat(9).map(
    (n): ItemCommand => ({
      do: 'change',
      base: null,
      rule: 'clientWins',
      patch: { set: { company: `Hav ${n} AS` }, cleared: [] },
    }),
  ),
  fc.constant<ItemCommand>({ do: 'remove', base: null, rule: 'clientWins' }),
  fc.constantFrom(...collections).map((to): ItemCommand => ({ do: 'move', to })),
);
const step = fc.record({ item: fc.constantFrom(...items), command });

async function run(email: string, item: ItemId, asked: ItemCommand): Promise<void> {
  const { account } = world.account(email);
  const request = { kind: 'contact', actor: { kind: 'office', account }, at, owner: account } as const;
  const exists = (await world.engine.items.history(world.account(email).tenant, 'contact', item)).length > 0;
  const command: ItemCommand = exists
    ? asked
    : { do: 'add', kind: 'contact', owner: account, collection: collections[0] as CollectionId, fields: astrid };
  await world.execute(email, { ...request, item, commandId: commandIdFrom(['past', String(++commands)]), command });
}

/** Everything a folder's view can be asked, in clear. */
async function told(tenant: TenantId, view: ItemView) {
  const open = pastRowOpener(world.engine.deps.open);
  const clear = async (rows: readonly ItemRow[]) => {
    const fields = await open(tenant, rows);
    return rows.map(({ item, collection, position, version, deleted, ends_at, open, owner }) => ({
      ...{ item, collection, position: Number(position), version, deleted, ends_at, open, owner },
      fields: fields.get(item),
    }));
  };
  const folders = [];
  for (const collection of collections) {
    const all = await view.changedSince(tenant, collection, 0 as Position, 100);
    const middle = (all[1]?.position ?? 0) as Position;
    folders.push({
      all: await clear(all),
      some: await clear(await view.changedSince(tenant, collection, middle, 2)),
      named: (await clear(await view.byItems(tenant, collection, items.slice(1, 4)))).sort((x, y) =>
        x.item < y.item ? -1 : 1,
      ),
      outline: (await view.outline(tenant, collection)).map(({ item, version }) => [item, version]),
      last: await view.lastChange(tenant, collection),
    });
  }
  const located = [...(await view.locate(tenant, items))].map(([item, row]) => [item, row.collection, row.deleted]);
  return { folders, located: located.sort() };
}

describe('the past of a tenant', () => {
  it('shows the folders of any position as they were shown then', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const email = person();
        const { tenant } = world.account(email);
        const shown = new Map<Position, unknown>();
        for (const { item, command } of steps) {
          await run(email, item, command);
          await world.settle(email);
          shown.set(await world.store.head(tenant), await told(tenant, world.engine.itemView));
        }
        for (const [position, then] of shown) expect(await told(tenant, past(tenant, position).items)).toEqual(then);
      }),
      { numRuns: 12 },
    );
  });

  it('shows what was appended to it, and the log never hears of that', async () => {
    const email = person();
    const { tenant, account } = world.account(email);
    const [a, b] = items as [ItemId, ItemId];
    const [here] = collections as [CollectionId];
    await run(email, a, { do: 'move', to: here });
    await run(email, b, { do: 'move', to: here });
    await world.settle(email);
    const cut = await world.store.head(tenant);
    await run(email, a, { do: 'remove', base: null, rule: 'clientWins' });
    await world.settle(email);
    const before = await world.store.readAll(tenant, 0 as Position, 100);
    const { store, items: view } = past(tenant, cut);
    const { head } = await store.load(tenant, itemStream('contact', a));
    const change = itemEvent('contact', 'Changed', { base: 0, set: { company: 'Fjell AS' }, cleared: [] });
    const write = {
      ...{ stream: itemStream('contact', a), head, subject: itemSubject(a), owner: accountSubject(account) },
      events: [
        { event: change, meta: { at, actor: { kind: 'admin' as const }, commandId: commandIdFrom(['past', 'once']) } },
      ],
    };
    expect(await store.append(tenant, [write])).toMatchObject({ kind: 'appended', commits: [{ repeated: false }] });
    expect(await store.append(tenant, [write])).toMatchObject({ kind: 'appended', commits: [{ repeated: true }] });
    const other = { ...write, head: emptyHead, events: [{ ...write.events[0]!, event: change }] };
    const newCommand = { ...other.events[0]!.meta, commandId: commandIdFrom(['past', 'other']) };
    expect(await store.append(tenant, [{ ...other, events: [{ event: change, meta: newCommand }] }])).toEqual({
      kind: 'conflict',
      index: 0,
    });

    const rows = await view.changedSince(tenant, here, cut, 10);
    expect(rows).toMatchObject([{ item: a, deleted: false, version: 1, fields: { ...astrid, company: 'Fjell AS' } }]);
    expect((await view.changedSince(tenant, here, 0 as Position, 10)).map(({ item }) => item)).toEqual([b, a]);
    expect(await view.lastChange(tenant, here)).toBe(await store.head(tenant));
    expect((await store.readAll(tenant, 0 as Position, 100)).map(({ type }) => type)).toEqual([
      'ContactAdded',
      'ContactAdded',
      'ContactChanged',
    ]);
    expect(await world.store.readAll(tenant, 0 as Position, 100)).toEqual(before);
  });

  it('goes on with what others did, and with what was done here in the place of what is left out', async () => {
    const email = person();
    const { tenant, account } = world.account(email);
    const [a, b] = items as [ItemId, ItemId];
    await run(email, a, { do: 'move', to: collections[0] as CollectionId });
    const cut = await world.store.head(tenant);
    const change = (company: string): ItemCommand => ({
      ...{ do: 'change', base: null, rule: 'clientWins', patch: { set: { company }, cleared: [] } },
    });
    await run(email, a, change('Hav AS'));
    const replaced = await world.store.head(tenant);
    await run(email, a, change('Fjell AS'));
    await run(email, b, { do: 'move', to: collections[0] as CollectionId });
    await world.settle(email);
    const { store, items: view } = past(tenant, cut);
    const stream = itemStream('contact', a);
    const { head } = await store.load(tenant, stream);
    const meta = { at, actor: { kind: 'admin' as const }, commandId: commandIdFrom(['past', 'here']) };
    const events = ['Dal AS', 'Lund AS'].map((company) => ({
      event: itemEvent('contact', 'Changed', { base: 0, set: { company }, cleared: [] }),
      meta,
    }));
    await store.append(tenant, [{ stream, head, subject: itemSubject(a), owner: accountSubject(account), events }]);
    await store.goOn(await world.store.head(tenant), ({ position }) => position === replaced);
    const seen = (await store.load(tenant, stream)).events;
    expect(seen.map(({ revision, data }) => [revision, (data as { set?: object }).set])).toEqual([
      [0, undefined],
      [1, { company: 'Dal AS' }],
      [2, { company: 'Lund AS' }],
      [3, { company: 'Fjell AS' }],
    ]);
    expect(seen.map(({ position }) => position)).toEqual(seen.map(({ position }) => position).sort((x, y) => x - y));
    const rows = await view.changedSince(tenant, collections[0] as CollectionId, cut, 10);
    expect(rows.map(({ item, version }) => [item, version])).toEqual([
      [a, 3],
      [b, 0],
    ]);
  });

  it('knows nothing of another tenant', async () => {
    const { store } = past('one.example' as TenantId, 10 as Position);
    await expect(store.load('other.example' as TenantId, itemStream('contact', 'a' as ItemId))).rejects.toThrow();
  });

  it('tells what a device held', async () => {
    const email = person();
    const { tenant } = world.account(email);
    const collection = world.collection(email, 'contact');
    const phone = new Phone(world, world.session(email, 'phone1'));
    const { device } = phone.session;
    await phone.reset(collection);
    const shown = new Map<Position, unknown>();
    const look = async (view: Pick<PastConversations, 'conversation' | 'allHeld' | 'conversations'>) => ({
      conversation: await view.conversation(tenant, device, collection),
      all: await view.conversations(tenant, device),
      held: await view.allHeld(tenant, device, collection),
    });
    const { account } = world.account(email);
    for (const item of items) {
      await world.execute(email, {
        ...{ item, kind: 'contact', actor: { kind: 'office', account }, at, owner: account },
        commandId: commandIdFrom(['past', String(++commands)]),
        command: { do: 'add', kind: 'contact', owner: account, collection, fields: astrid },
      });
      await world.settle(email);
      await phone.pull(collection);
      await world.settle(email);
      shown.set(await world.store.head(tenant), await look(world.engine.syncView));
    }
    for (const [position, then] of shown) {
      const view = new PastConversations(past(tenant, position).store, world.engine.syncView);
      expect(await look(view)).toEqual(then);
    }
  });
});
