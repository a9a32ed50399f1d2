import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { itemFacts } from '../../api/engine.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import { fold, type ItemState } from '../../domain/item/state.ts';
import type { CollectionId, Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import { PastRowsReader } from '../../projections/item-view/past.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { astrid, contact } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { commandIdFrom } from '../ids.ts';
import { type DeviceItemThen, type FolderItemThen, PastStates } from './states.ts';

let world: World;
let states: PastStates;
let people = 0;
let commands = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  const { itemView, syncView, deps } = world.engine;
  const now = () => '2026-11-17T08:00:00.000Z' as Instant;
  const rows = new PastRowsReader(world.db);
  states = new PastStates({ store: world.store, itemView, syncView, rows, facts: itemFacts, open: deps.open, now });
});
afterAll(() => world.stop());

const at = '2026-11-17T08:00:00.000Z' as Instant;
const collections = ['here', 'there'] as [CollectionId, CollectionId];
const items = ['a', 'b', 'c'] as ItemId[];
const person = () => `kari@states${++people}.example`;

async function all<Item>(from: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of from) found.push(item);
  return found;
}

const command: fc.Arbitrary<ItemCommand> = fc.oneof(
  fc.nat(9).map(
    (n): ItemCommand => ({
      ...{ do: 'change', base: null, rule: 'clientWins' },
      patch: { set: { company: `Hav ${n} AS` }, cleared: n % 3 === 0 ? ['email1'] : [] },
    }),
  ),
  fc.constant<ItemCommand>({ do: 'remove', base: null, rule: 'clientWins' }),
  fc.constant<ItemCommand>({ do: 'restore' }),
  fc.constantFrom(...collections).map((to): ItemCommand => ({ do: 'move', to })),
);
const lives = fc.array(fc.record({ item: fc.constantFrom(...items), command }), { minLength: 1, maxLength: 14 });

async function run(email: string, item: ItemId, asked: ItemCommand): Promise<void> {
  const { tenant, account: owner } = world.account(email);
  const exists = (await world.engine.items.history(tenant, 'contact', item)).length > 0;
  const added: ItemCommand = { do: 'add', kind: 'contact', owner, collection: collections[0], fields: astrid };
  await world.execute(email, {
    ...{ item, kind: 'contact', owner, at, actor: { kind: 'office', account: owner } },
    commandId: commandIdFrom(['states', String(++commands)]),
    command: exists ? asked : added,
  });
}

describe('what was at a position', () => {
  it('is the fold of the log up to there: of each item, and of each folder', async () => {
    const property = fc.asyncProperty(lives, async (steps) => {
      const email = person();
      const { tenant } = world.account(email);
      for (const { item, command } of steps) await run(email, item, command);
      await world.settle(email);
      const head = await world.store.head(tenant);
      const log = await world.store.readAll(tenant, 0 as Position, 1_000);
      for (let position = 0; position <= head; position++) {
        const before = log.filter((event) => event.position <= position);
        const expected = new Map<ItemId, ItemState>();
        for (const item of items) {
          const own = before.filter(({ stream }) => stream === itemStream('contact', item));
          const state = fold(own);
          if (state) expected.set(item, state);
          const then = await states.item(tenant, 'contact', item, position as Position);
          expect(then).toMatchObject({ state, isErased: false, revision: own.length - 1 });
        }
        for (const collection of collections) {
          const shown = await all<FolderItemThen>(states.folder(tenant, collection, position as Position));
          const lying = [...expected].filter(([, state]) => !state.removed && state.collection === collection);
          const told = shown.map(({ item, version, fields }) => [item, { version, fields }] as const);
          expect(new Map(told)).toEqual(
            new Map(lying.map(([item, { version, fields }]) => [item, { version, fields }])),
          );
        }
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('what a device held at a position', () => {
  it('tells what it had confirmed from what it was offered', async () => {
    const email = person();
    const { tenant } = world.account(email);
    const collection = world.collection(email, 'contact');
    const folder = { collection, kind: 'contact' } as const;
    const [first, second] = ['one', 'two'].map((name) => new Phone(world, world.session(email, name))) as [
      Phone,
      Phone,
    ];
    const { device } = second.session;
    const held = async (position: Position) => {
      const found = await states.device(tenant, device, folder, position);
      const items = await all<DeviceItemThen>(found?.items ?? (async function* () {})());
      return found && { key: found.key, offeredKey: found.offeredKey, items };
    };
    const head = async () => {
      await world.settle(email);
      return await world.store.head(tenant);
    };
    await first.reset(collection);
    const before = await head();
    await first.sync(collection, { commands: [{ do: 'add', clientId: 'c1', data: contact({ jobTitle: 'Leder' }) }] });
    const [serverId] = [...first.folder(collection).items.keys()] as [string];
    await head();
    const key0 = await second.sync(collection, { key: '0' });
    second.folder(collection).key = key0.key;
    await second.sync(collection);
    const offered = await head();
    // It comes back with the new key: what it was offered is what it holds. Then it hears of a change.
    await first.sync(collection, {
      getChanges: false,
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Sjef' }) }],
    });
    await head();
    await second.sync(collection);
    const changed = await head();

    expect(await held(before)).toBeUndefined();
    expect(await held(offered)).toMatchObject({
      items: [{ item: serverId, held: null, offered: { do: 'add', version: 0 }, fields: { jobTitle: 'Leder' } }],
    });
    expect(await held(changed)).toMatchObject({
      items: [
        { item: serverId, held: { version: 0 }, offered: { do: 'change', version: 1 }, fields: { jobTitle: 'Leder' } },
      ],
    });
    // Whatever came later, the past stays.
    await second.pull(collection);
    await first.sync(collection, { commands: [{ do: 'delete', serverId }] });
    await second.pull(collection);
    await head();
    expect((await held(offered))?.items).toHaveLength(1);
    expect((await held(await head()))?.items).toEqual([
      expect.objectContaining({ item: serverId, offered: expect.objectContaining({ do: 'delete' }) }),
    ]);
  });
});
