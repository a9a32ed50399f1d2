/**
 * A phone is set up, and its person keeps what is on it: what is here already must not be there twice afterwards, and no
 * two people may become one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Element } from '../../adapters/activesync/wbxml/element.ts';
import { commandIdFrom, itemIdFrom } from '../../adapters/ids.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { Instant, ItemId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../postgres.ts';
import { Random } from '../simulator/random.ts';
import { applicationData, fieldsOf } from '../world/examples.ts';
import { Phone } from '../world/phone.ts';
import { World } from '../world/world.ts';
import { addressBook, shuffled } from './address-book.ts';
import { type Manner, setUp } from './keeping-phone.ts';

let world: World;
let people = 0;

beforeAll(async () => {
  world = await World.start({ pool: (await freshDatabase()).pool });
});
afterAll(() => world.stop());

const manners: Manner[] = [
  { name: 'brings first, then takes', order: 'upload', batch: 50, windowSize: 100, lost: 0.2 },
  { name: 'takes first, then brings', order: 'download', batch: 50, windowSize: 100, lost: 0.2 },
  { name: 'brings and takes at once', order: 'mixed', batch: 20, windowSize: 30, lost: 0.3 },
  { name: 'brings all at once, and little comes', order: 'mixed', batch: 500, windowSize: 10, lost: 0.3 },
  {
    name: 'numbers everything anew after a lost answer',
    order: 'mixed',
    batch: 40,
    windowSize: 50,
    lost: 0.4,
    renumbers: true,
  },
];

/** What each side says of itself alone: `here` and `brought` name who an item is, so a merged one must name one. */
interface Sides {
  readonly kind: ItemKind;
  readonly server: readonly Fields[];
  readonly phone: readonly Fields[];
  readonly here: (fields: Fields) => string | undefined;
  readonly brought: (fields: Fields) => string | undefined;
}

async function meet(sides: Sides, manner: Manner, seed: number) {
  const { kind } = sides;
  const random = new Random(seed);
  const email = `kari@met${++people}.example`;
  const { tenant, account } = world.account(email);
  const collection = world.collection(email, kind);
  await world.engine.items.execute(
    tenant,
    sides.server.map((fields, at) => {
      const commandId = commandIdFrom(['met', email, String(at)]);
      return {
        item: itemIdFrom(commandId),
        kind,
        commandId,
        actor: { kind: 'office' as const, account },
        at: new Date().toISOString() as Instant,
        owner: account,
        command: { do: 'add' as const, kind, owner: account, collection, fields },
      };
    }),
  );
  const phone = new Phone(world, world.session(email, 'phone'));
  const data = sides.phone.map((fields): Element => applicationData(kind, fields));
  await setUp(phone, collection, data, manner, random);
  await world.settle(email);

  const rows = await world.engine.itemView.outline(tenant, collection);
  const items = rows.map(({ item }) => item);
  const opened = await world.engine.deps.open(tenant, await world.engine.itemView.byItems(tenant, collection, items));
  const held = phone.folder(collection).items;
  const named = (all: Iterable<Fields>) =>
    [...all].map((fields) => [sides.here(fields), sides.brought(fields)] as const);
  return {
    phone,
    server: named(opened.values()),
    onPhone: named([...held.values()].map((one) => fieldsOf(kind, one))),
    ids: { server: [...items].sort(), phone: [...held.keys()].sort() as ItemId[] },
  };
}

type Named = readonly (readonly [string | undefined, string | undefined])[];
const wronglyMerged = (named: Named) => named.filter(([here, brought]) => here && brought && here !== brought);
const twice = (named: Named) => {
  const all = named.map(([here, brought]) => here ?? brought);
  return all.filter((who, at) => all.indexOf(who) !== at);
};

function expectOneOfEach(met: Awaited<ReturnType<typeof meet>>, count: number): void {
  for (const named of [met.server, met.onPhone]) {
    expect(wronglyMerged(named)).toEqual([]);
    expect(twice(named)).toEqual([]);
    expect(named).toHaveLength(count);
  }
  expect(met.ids.phone).toEqual(met.ids.server);
  expect(met.phone.complaints).toEqual([]);
}

const contacts = (seed: number): Sides => {
  const book = addressBook(new Random(seed), 500, 0.6);
  return {
    kind: 'contact',
    server: book.server.map(({ who, fields }) => ({ ...fields, customerId: who })),
    phone: book.phone.map(({ who, fields }) => ({ ...fields, governmentId: who })),
    here: (fields) => fields.customerId as string | undefined,
    brought: (fields) => fields.governmentId as string | undefined,
  };
};

describe('500 contacts on both sides, 60 % of them the same people', () => {
  it.each(manners.map((manner, at) => ({ ...manner, seed: at + 1 })))(
    'a phone that $name',
    async (manner) => {
      const sides = contacts(manner.seed);
      const met = await meet(sides, manner, manner.seed);
      expectOneOfEach(met, 700);
    },
    120_000,
  );
});

const subjects = [
  'Møte om budsjett',
  'Lunsj',
  'Befaring på Ås',
  'Styremøte',
  'Tannlege',
  'Løpetur',
  'Telefon med Kåre',
];
const rewritten = (random: Random, text: string) =>
  random.pick([text, text.toUpperCase(), ` ${text} `, `${text}.`, text.replace('å', 'aa').replace('ø', 'oe')]);

/** `count` on each side; those before `shared` are on both. */
function sidesOf(random: Random, count: number, shared: number, make: (at: number) => Fields) {
  const all = Array.from({ length: 2 * count - shared }, (_, at) => ({ who: `w${at}`, fields: make(at) }));
  const again = all.slice(0, shared).map(({ who, fields }) => {
    return { who, fields: { ...fields, subject: rewritten(random, fields.subject as string) } };
  });
  return {
    server: shuffled(random, all.slice(0, count)),
    phone: shuffled(random, [...again, ...all.slice(count)]),
  };
}

const firstOf = (value: unknown) => (value as string[] | undefined)?.[0];

describe('appointments and tasks', () => {
  it.each(manners.slice(0, 3))(
    'one of each, with a phone that $name',
    async (manner) => {
      const random = new Random(11);
      // Every hour has several subjects, and every subject several hours.
      const { server, phone } = sidesOf(random, 150, 90, (at) => {
        const startMs = Date.UTC(2026, 2, 2 + Math.floor(at / 14), 8 + (Math.floor(at / 7) % 2) * 2);
        return {
          subject: subjects[at % 7] as string,
          start: new Date(startMs).toISOString(),
          end: new Date(startMs + 3_600_000).toISOString(),
          timeZone: 'Europe/Oslo',
          busyStatus: 'busy',
        };
      });
      const sides: Sides = {
        kind: 'appointment',
        server: server.map(({ who, fields }) => ({ ...fields, uid: `office-${who}`, categories: [who] })),
        phone: phone.map(({ who, fields }) => ({ ...fields, uid: `phone-${who}`, location: who })),
        here: ({ categories }) => firstOf(categories),
        brought: ({ location }) => location as string | undefined,
      };
      expectOneOfEach(await meet(sides, manner, 5), 210);
    },
    60_000,
  );

  it.each(manners.slice(0, 3))(
    'one task of each, with a phone that $name',
    async (manner) => {
      const random = new Random(12);
      const { server, phone } = sidesOf(random, 150, 90, (at) => ({
        subject: subjects[at % 7] as string,
        due: new Date(Date.UTC(2026, 2, 2 + Math.floor(at / 7))).toISOString().slice(0, 10),
        complete: false,
        importance: 'normal',
      }));
      const sides: Sides = {
        kind: 'task',
        server: server.map(({ who, fields }) => ({ ...fields, categories: [who] })),
        phone: phone.map(({ who, fields }) => ({ ...fields, body: { type: 'text', content: who } })),
        here: ({ categories }) => firstOf(categories),
        brought: ({ body }) => (body as { content?: string } | undefined)?.content,
      };
      expectOneOfEach(await meet(sides, manner, 6), 210);
    },
    60_000,
  );
});
