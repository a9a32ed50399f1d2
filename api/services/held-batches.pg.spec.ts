import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { memoryEventLog } from '../../adapters/event-log/memory.ts';
import type { EventLog } from '../../adapters/event-log/port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { parseItemType } from '../../domain/item/events.ts';
import type { Instant, ItemId } from '../../domain/shared/ids.ts';
import { heldBatches } from '../../projections/held-batches/project.ts';
import { HeldBatchReader } from '../../projections/held-batches/read.ts';
import { rebuild } from '../../projections/runner/rebuild.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { applicationData, contact, fieldsOf } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { HeldBatches } from './held-batches.ts';

const admin = { kind: 'admin', name: 'Solveig' } as const;
const limits = { items: 2, percent: 30, withinMinutes: 10 };

let pool: pg.Pool;
let world: World;
let log: EventLog;
let service: HeldBatches;
let email: string;
let contacts: string;
let phone: Phone;
let tablet: Phone;
let people = 0;
let officeCommands = 0;
let nowMs = Date.parse('2026-03-02T08:00:00.000Z');
/** The next append of a decision fails, as when the process dies. */
let diesBeforeNoting = false;

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  log = memoryEventLog();
  const append: EventLog['append'] = (tenant, writes) => {
    const isNote = writes.some(({ events }) => events.some(({ type }) => /^Batch/.test(type)));
    if (!diesBeforeNoting || !isNote) return log.append(tenant, writes);
    diesBeforeNoting = false;
    return Promise.reject(new Error('killed'));
  };
  world = await World.start({ pool, nowMs: () => nowMs, log: { ...log, append }, massDeletes: limits });
  const reader = new HeldBatchReader(world.db);
  service = new HeldBatches({ deps: world.engine.deps, store: world.store, reader });
});
afterAll(() => world.stop());
beforeEach(() => {
  nowMs += 3_600_000;
});

/** Two devices with so many contacts. */
async function given(count: number): Promise<string[]> {
  email = `kari@batch${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone', 161));
  tablet = new Phone(world, world.session(email, 'tablet', 161));
  await phone.reset(contacts);
  const commands = Array.from({ length: count }, (_, index) => ({
    do: 'add' as const,
    clientId: phone.nextClientId(),
    data: contact({ company: `Nr ${index} AS` }),
  }));
  await phone.sync(contacts, { commands });
  // Given them anew, it has read the folder up to here.
  await phone.reset(contacts);
  await both();
  return [...phone.folder(contacts).items.keys()];
}
const both = async () => {
  await phone.pull(contacts);
  await tablet.pull(contacts);
};
const deleting = (items: readonly string[]) => ({
  commands: items.map((serverId) => ({ do: 'delete' as const, serverId })),
});
const changing = (item: string, company: string) => ({
  commands: [{ do: 'change' as const, serverId: item, data: contact({ company }) }],
});
const held = (device: Phone) => [...device.folder(contacts).items.keys()].sort();
const companiesOn = (device: Phone) =>
  Object.fromEntries(
    [...device.folder(contacts).items].map(([item, data]) => [item, fieldsOf('contact', data).company]),
  );
const complaints = () => [...phone.complaints, ...tablet.complaints];

async function batches(isOpenOnly = false) {
  await world.settle(email);
  return await service.list({ person: world.account(email), isOpenOnly, limit: 100 });
}
const onlyBatch = async () => {
  const rows = await batches();
  expect(rows).toHaveLength(1);
  return rows[0]?.batch as string;
};

function inOffice(item: string, company: string) {
  const { account } = world.account(email);
  return world.execute(email, {
    ...{ item: item as ItemId, kind: 'contact', owner: account, at: new Date(nowMs).toISOString() as Instant },
    commandId: commandIdFrom(['office', String(++officeCommands)]),
    actor: { kind: 'office', account },
    command: { do: 'change', base: null, rule: 'clientWins', patch: { set: { company }, cleared: [] } },
  });
}

describe('a held batch', () => {
  it('is listed with the device, the folder, when and how much, and its items by name', async () => {
    const items = await given(5);
    await phone.sync(contacts, deleting(items));
    const [row] = await batches();
    expect(row).toMatchObject({
      ...{ device: phone.session.device, collection: contacts, account: world.account(email).account },
      ...{ asked_by: 'Sync', items: 3, items_before: 5, state: 'open', held_at: new Date(nowMs) },
    });
    const shown = await service.show(row?.batch as string);
    expect(shown?.items).toHaveLength(3);
    expect(shown?.items[0]).toMatchObject({ do: 'delete', title: 'Astrid Bråthen', isThere: true });
    expect(await service.countOpen(world.account(email).tenant, world.account(email).account)).toBe(1);
  });

  it('is carried out as the device’s own when it is released, on every device', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    const batch = await onlyBatch();
    expect(await service.release(batch, admin)).toEqual({ kind: 'done', items: 4, staying: 0, repeated: false });
    await both();
    expect(held(tablet)).toEqual([]);
    expect((await phone.sync(contacts)).isEmpty).toBe(true);
    const history = await world.engine.items.history(world.account(email).tenant, 'contact', items[5] as ItemId);
    expect(history.at(-1)).toMatchObject({
      type: 'ContactRemoved',
      meta: {
        actor: { kind: 'device', device: phone.session.device },
        cause: { command: 'release', reason: `batch ${batch}, released by Solveig` },
      },
    });
    expect(await batches(true)).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  it('is given back to the device when it is discarded, and the device is woken', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    await phone.pull(contacts);
    expect(held(phone)).toEqual([]);
    const batch = await onlyBatch();
    const parked = phone.sync(contacts, { waitSeconds: 600 });
    expect(await service.discard(batch, admin)).toMatchObject({ kind: 'done', items: 4 });
    expect((await parked).commands).toHaveLength(4);
    await both();
    expect(held(phone)).toEqual(items.slice(2).sort());
    expect(held(tablet)).toEqual(held(phone));
    expect((await phone.sync(contacts)).isEmpty).toBe(true);
    expect(complaints()).toEqual([]);
  });

  it('can be decided once; the same decision again changes nothing', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    const batch = await onlyBatch();
    await service.discard(batch, admin);
    expect(await service.discard(batch, admin)).toMatchObject({ kind: 'done', repeated: true });
    expect(await service.release(batch, admin)).toEqual({ kind: 'decided', outcome: 'discarded' });
    expect(await service.release('nobodys', admin)).toEqual({ kind: 'unknown' });
    await both();
    expect(held(tablet)).toHaveLength(4);
  });

  it('whose release was cut off by a crash is finished by releasing it again, and done once', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    const batch = await onlyBatch();
    diesBeforeNoting = true;
    await expect(service.release(batch, admin)).rejects.toThrow('killed');
    expect(await batches(true)).toHaveLength(1);
    expect(await service.release(batch, admin)).toMatchObject({ kind: 'done', staying: 0, repeated: false });
    const { tenant } = world.account(email);
    const history = await world.engine.items.history(tenant, 'contact', items[5] as ItemId);
    expect(history.filter(({ type }) => parseItemType(type)?.verb === 'Removed')).toHaveLength(1);
    await both();
    expect(held(tablet)).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  it('leaves what others changed since, and the device gets it again', async () => {
    const items = (await given(6)).sort();
    await phone.sync(contacts, deleting(items));
    await tablet.pull(contacts);
    const kept = held(tablet).at(-1) as string;
    await inOffice(kept, 'Hav AS');
    expect(await service.release(await onlyBatch(), admin)).toMatchObject({ items: 4, staying: 1 });
    await both();
    expect(companiesOn(phone)).toEqual({ [kept]: 'Hav AS' });
    expect(companiesOn(tablet)).toEqual({ [kept]: 'Hav AS' });
    expect(complaints()).toEqual([]);
  });

  it('of emptied items empties them when released, and fills them on the device again when discarded', async () => {
    const nothing = applicationData('contact', { fileAs: 'Bråthen, Astrid' });
    for (const word of ['release', 'discard'] as const) {
      const items = await given(6);
      await phone.sync(contacts, {
        commands: items.map((serverId) => ({ do: 'change' as const, serverId, data: nothing })),
      });
      await phone.pull(contacts);
      expect(await service[word](await onlyBatch(), admin)).toMatchObject({ kind: 'done', items: 4 });
      await both();
      const filled = Object.values(companiesOn(tablet)).filter((company) => company !== undefined);
      expect(filled).toHaveLength(word === 'release' ? 0 : 4);
      expect(companiesOn(phone)).toEqual(companiesOn(tablet));
      expect((await phone.sync(contacts)).isEmpty).toBe(true);
    }
  });

  it('is given back also to a device that missed the answer before', async () => {
    const items = await given(7);
    await phone.sync(contacts, deleting(items.slice(0, 6)));
    await inOffice(items[6] as string, 'Hav AS');
    await world.settle(email);
    await phone.sync(contacts, { lose: true });
    await service.discard(await onlyBatch(), admin);
    await both();
    expect(held(phone)).toEqual(items.slice(2).sort());
    expect(companiesOn(phone)).toEqual(companiesOn(tablet));
    expect(complaints()).toEqual([]);
  });

  it('does not empty what the device has filled again since', async () => {
    const items = await given(6);
    const data = applicationData('contact', { fileAs: 'Bråthen, Astrid' });
    await phone.sync(contacts, { commands: items.map((serverId) => ({ do: 'change' as const, serverId, data })) });
    await phone.sync(contacts, changing(items[5] as string, 'Hav AS'));
    await service.release(await onlyBatch(), admin);
    await both();
    expect(companiesOn(tablet)).toMatchObject({ [items[5] as string]: 'Hav AS', [items[4] as string]: undefined });
    expect(companiesOn(phone)).toEqual(companiesOn(tablet));
  });

  it('of a device that began anew is carried out on it too when it is released', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    await phone.reset(contacts);
    expect(held(phone)).toHaveLength(4);
    await service.release(await onlyBatch(), admin);
    await both();
    expect(held(phone)).toEqual([]);
    expect(held(tablet)).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  it('is read page by page, the newest first', async () => {
    const items = await given(9);
    await phone.sync(contacts, deleting(items.slice(0, 6)));
    nowMs += 3_600_000;
    await phone.reset(contacts);
    await phone.sync(contacts, deleting(held(phone)));
    const all = (await batches()).map(({ batch }) => batch);
    expect(all).toHaveLength(2);
    const page = async (after?: string) =>
      (
        await service.list({ person: world.account(email), isOpenOnly: false, limit: 1, ...(after ? { after } : {}) })
      ).map(({ batch }) => batch);
    expect([...(await page()), ...(await page(all[0])), ...(await page(all[1]))]).toEqual(all);
  });

  it('is the same when the read model is made anew', async () => {
    const items = await given(6);
    await phone.sync(contacts, deleting(items));
    await world.settle(email);
    const { tables } = await rebuild({ db: world.db, store: world.store, projection: heldBatches(), pageSize: 3 });
    expect(tables).toMatchObject([{ table: 'held_batch', differing: 0 }]);
    expect(tables[0]?.rows).toBeGreaterThan(5);
  });
});

describe('a held batch while everybody goes on working', () => {
  const step = fc.oneof(
    fc.record({ who: fc.constant('phone' as const), lose: fc.boolean(), nth: fc.nat(7) }),
    fc.record({ who: fc.constant('tablet' as const), deletes: fc.boolean(), nth: fc.nat(7) }),
    fc.record({ who: fc.constant('office' as const), nth: fc.nat(7) }),
    fc.record({ who: fc.constant('beginsAnew' as const) }),
    fc.record({ who: fc.constant('options' as const), bodyType: fc.constantFrom(1 as const, 2 as const) }),
  );

  it('loses nothing that others wrote, and both devices end with what is there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        fc.array(step, { maxLength: 4 }),
        fc.constantFrom('release' as const, 'discard' as const),
        async (before, after, word) => {
          const items = await given(8);
          await phone.sync(contacts, deleting(items));
          const batch = await onlyBatch();
          /** What others wrote last, and have not deleted themselves. */
          const written = new Map<string, string>();
          let words = 0;
          const take = async (steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) => {
            for (const one of steps) {
              const item = 'nth' in one ? (items[one.nth] as string) : '';
              const company = `Ord ${++words} AS`;
              if (one.who === 'beginsAnew') await phone.reset(contacts);
              else if (one.who === 'options') await phone.pull(contacts, { bodyType: one.bodyType });
              else if (one.who === 'office') {
                const { decision } = await inOffice(item, company);
                if (decision.kind === 'accepted' && decision.conflict !== 'client') written.set(item, company);
              } else if (one.who === 'phone') {
                if (phone.folder(contacts).items.has(item))
                  await phone.sync(contacts, { ...changing(item, company), lose: one.lose });
                if (written.has(item)) written.delete(item);
              } else {
                await tablet.pull(contacts);
                if (!tablet.folder(contacts).items.has(item)) continue;
                await tablet.sync(contacts, one.deletes ? deleting([item]) : changing(item, company));
                if (one.deletes) written.delete(item);
                else written.set(item, company);
              }
            }
          };
          await take(before);
          await world.settle(email);
          expect(await service[word](batch, admin)).toMatchObject({ kind: 'done' });
          await take(after);
          await world.settle(email);
          await both();
          await both();
          expect(companiesOn(phone)).toEqual(companiesOn(tablet));
          for (const [item, company] of written) expect(companiesOn(tablet)[item]).toBe(company);
          expect((await phone.sync(contacts)).isEmpty).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});
