import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { Fields } from '../../domain/item/fields.ts';
import type { ItemId } from '../../domain/shared/ids.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { OfficeError } from '../office/errors.ts';
import type { FakeOfficeFault } from '../office/memory.ts';
import { canonicalJson } from '../office/normalise.ts';
import type { OfficeRecordId } from '../office/port.ts';
import { createRig, emptyTables, type Rig, type RigPerson, tenant } from './rig.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

const fields = ['mobilePhone', 'company', 'jobTitle', 'photo'] as const;
type Field = (typeof fields)[number];
const heldFields: readonly Field[] = ['mobilePhone', 'company', 'jobTitle'];

type Action =
  | { readonly do: 'phoneAdd' }
  | {
      readonly do: 'phoneChange' | 'officeChange';
      readonly which: number;
      readonly field: Field;
      readonly clear: boolean;
    }
  | { readonly do: 'phoneRemove' | 'officeRemove'; readonly which: number }
  | { readonly do: 'officeAdd' | 'crawl' | 'writeBack' | 'restart' | 'wait' }
  | { readonly do: 'faults'; readonly faults: readonly (FakeOfficeFault | undefined)[] };

// Few items, so that both sides meet on one.
const which = fc.nat(3);
const faultArbitrary = fc.constantFrom<(FakeOfficeFault | undefined)[]>(
  ...([undefined, undefined, 'unavailable', 'sessionExpired', 'quota', 'lost', 'lostAnswer', 'emptyList'] as const),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Action[]>({ do: 'phoneAdd' }, { do: 'officeAdd' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('phoneChange' as const, 'officeChange' as const),
      which,
      field: fc.constantFrom(...fields),
      clear: fc.nat(5).map((n) => n === 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('phoneRemove' as const, 'officeRemove' as const), which }),
  },
  { weight: 5, arbitrary: fc.constantFrom<Action[]>({ do: 'crawl' }, { do: 'writeBack' }) },
  { weight: 1, arbitrary: fc.constantFrom<Action[]>({ do: 'restart' }, { do: 'wait' }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('faults' as const), faults: fc.array(faultArbitrary, { maxLength: 12 }) }),
  },
);

let people = 0;

/** What a phone said of a field, and when it was told that this is stored. */
interface Said {
  readonly item: ItemId;
  readonly field: Field;
  readonly value: string | undefined;
}

class World {
  readonly rig: Rig;
  readonly kari: RigPerson;
  readonly said: Said[] = [];
  readonly items: ItemId[] = [];
  /** What colleagues typed last, by record and field. */
  readonly typed = new Map<string, string>();
  faults: (FakeOfficeFault | undefined)[] = [];
  #token = 0;

  constructor(rig: Rig, kari: RigPerson) {
    this.rig = rig;
    this.kari = kari;
  }

  async act(action: Action): Promise<void> {
    const { rig, kari } = this;
    switch (action.do) {
      case 'phoneAdd': {
        const value = `p${++this.#token}`;
        const item = await rig.addOnPhone(kari, 'contact', { mobilePhone: value, photo: value });
        this.items.push(item);
        this.said.push({ item, field: 'mobilePhone', value });
        return;
      }
      case 'phoneChange': {
        const item = await this.#pick(action.which);
        if (!item) return;
        const value = action.clear ? undefined : `p${++this.#token}`;
        const result = await rig.changeOnPhone(
          kari,
          'contact',
          item,
          value === undefined ? {} : { [action.field]: value },
          value === undefined ? [action.field] : [],
        );
        if (result.decision.kind === 'accepted' && result.decision.events.length > 0)
          this.said.push({ item, field: action.field, value });
        return;
      }
      case 'phoneRemove': {
        const item = await this.#pick(action.which);
        if (item) await rig.removeOnPhone(kari, 'contact', item);
        for (const field of fields) if (item) this.said.push({ item, field, value: undefined });
        return;
      }
      case 'officeAdd':
        rig.office.screenCreate(kari.email, 'contact', { mobilePhone: `o${++this.#token}` });
        return;
      case 'officeChange': {
        const id = this.#record(action.which);
        const value = action.clear ? undefined : `o${++this.#token}`;
        if (!id) return;
        rig.office.screenUpdate(kari.email, 'contact', id, { [action.field]: value });
        if (value !== undefined && heldFields.includes(action.field)) this.typed.set(`${id}/${action.field}`, value);
        else this.typed.delete(`${id}/${action.field}`);
        return;
      }
      case 'officeRemove': {
        const id = this.#record(action.which);
        if (id) rig.office.screenDelete(kari.email, 'contact', id);
        for (const field of fields) this.typed.delete(`${id}/${field}`);
        return;
      }
      case 'crawl':
        await rig.crawl(kari).catch((error: unknown) => {
          if (!(error instanceof OfficeError)) throw error;
        });
        return;
      case 'writeBack':
        await rig.settled();
        await rig.sync.writeBack.runDue();
        return;
      case 'restart':
        rig.restart();
        return;
      case 'wait':
        rig.clock.advance(60_000);
        return;
      case 'faults':
        this.faults = [...action.faults];
        return;
    }
  }

  async #pick(at: number): Promise<ItemId | undefined> {
    const shown = [...(await this.rig.shown(this.kari.account, 'contact')).keys()];
    return shown[at % Math.max(1, shown.length)];
  }

  #record(at: number): OfficeRecordId | undefined {
    const records = this.rig.office.screenRecords(this.kari.email, 'contact');
    return records[at % Math.max(1, records.length)]?.id;
  }
}

it('phones and office come to the same whatever happens in between, and nothing is lost without being kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 60, size: 'max' }), async (actions) => {
      await emptyTables(database);
      let world: World | undefined;
      const rig = await createRig(database, { fault: () => world?.faults.shift() });
      const kari = await rig.person(`kari${++people}@demo.example`);
      world = new World(rig, kari);
      for (let n = 0; n < 3; n++) await world.act({ do: 'officeAdd' });
      await world.act({ do: 'crawl' });
      for (const one of actions) await world.act(one);

      world.faults = [];
      for (let round = 0; round < 3; round++) {
        await rig.writeBack();
        await rig.crawl(kari);
        if ((await rig.sync.crawl.confirmShrink(tenant, kari.account, { kind: 'admin' })) > 0) await rig.crawl(kari);
      }
      await rig.writeBack();
      const head = await rig.head();
      await rig.crawl(kari);
      expect(await rig.head()).toBe(head);
      expect(await rig.sync.writeBack.nextDueMs()).toBeUndefined();
      expect(rig.failures).toEqual([]);

      const shown = await rig.shown(kari.account, 'contact');
      const ours = [...shown.values()].map((one) => canonicalJson(rig.office.normalise('contact', one))).sort();
      const theirs = rig.office
        .screenRecords(kari.email, 'contact')
        .map((one) => canonicalJson(one.fields))
        .sort();
      expect(ours).toEqual(theirs);
      const keys = rig.office.screenRecords(kari.email, 'contact').flatMap((one) => one.externalKey ?? []);
      expect(new Set(keys).size).toBe(keys.length);
      // Nothing a colleague typed was written over before it was seen.
      const everything = JSON.stringify((await rig.store.readAll(tenant, 0 as never, 100_000)).map(({ data }) => data));
      for (const value of world.typed.values()) expect(everything).toContain(`"${value}"`);
      for (const one of world.said) await isKept(rig, world, one, shown.get(one.item));
      await rig.close();
    }),
    { numRuns: 25 },
  );
}, 120_000);

/** What a phone said last of a field is there, was known to the office before it changed it, or is kept as the loser. */
async function isKept(rig: Rig, world: World, said: Said, shown: Fields | undefined): Promise<void> {
  const { item, field, value } = said;
  const last = world.said.findLast((other) => other.item === item && other.field === field);
  if (last !== said || value === undefined || shown?.[field] === value) return;
  const kept = (await rig.history('contact', item)).some(
    (event) => event.type === 'ContactConflictKept' && JSON.stringify(event.data).includes(`"${value}"`),
  );
  const wasInOffice = (await rig.link(item)).some(
    (event) =>
      (event.type === 'WriteBackConfirmed' || event.type === 'OfficeObserved') &&
      JSON.stringify(event.data).includes(`"${value}"`),
  );
  const isHeldByOffice = heldFields.includes(field);
  expect({ item, field, value, kept: kept || (isHeldByOffice ? wasInOffice : shown === undefined) }).toMatchObject({
    kept: true,
  });
}
