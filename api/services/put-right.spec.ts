/** Items put right reach every phone; nothing of others is lost; nothing is done twice. */
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Contacts } from '../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Fields } from '../../domain/item/fields.ts';
import { fold } from '../../domain/item/state.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import { ConflictsReader } from '../../projections/conflicts/read.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { contact, fieldsOf } from '../../test/world/examples.ts';
import { Phone, type PhoneCommand, type SyncAnswer, type SyncOptionsOfPhone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { Conflicts } from './conflicts.ts';
import { PutRight } from './put-right.ts';
import { Restoring } from './restoring.ts';

let world: World;
let restoring: Restoring;
let conflicts: Conflicts;
let email: string;
let phone: Phone;
let tablet: Phone;
let people = 0;
let nowMs = Date.parse('2026-11-20T08:00:00.000Z');
const now = () => new Date((nowMs += 1_000)).toISOString() as Instant;
const siv: Actor = { kind: 'admin', name: 'Siv' };
const wish = { actor: siv, cause: { command: 'test', reason: 'by mistake' } };

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool, nowMs: () => Date.parse(now()) });
  const log = new ItemLogReader(world.db);
  const putRight = new PutRight({
    ...{ store: world.store, items: world.engine.items, now },
    folders: async (_, account) => world.tree(account),
  });
  const settled = async () => await world.settle(email);
  restoring = new Restoring({ putRight, log, settled, now });
  conflicts = new Conflicts({ reader: new ConflictsReader(world.db), log, putRight, settled });
});
afterAll(() => world.stop());

const folder = () => world.collection(email, 'contact');
beforeEach(async () => {
  email = `kari${++people}@right.example`;
  phone = new Phone(world, world.session(email, 'phone'));
  tablet = new Phone(world, world.session(email, 'tablet'));
  for (const one of [phone, tablet]) await one.reset(folder());
});

const send = (on: Phone, command: PhoneCommand, options: SyncOptionsOfPhone = {}): Promise<SyncAnswer> =>
  on.sync(folder(), { commands: [command], getChanges: false, ...options });
async function add(on: Phone, fields: Fields): Promise<ItemId> {
  const answer = await send(on, { do: 'add', clientId: on.nextClientId(), data: contact(fields) });
  return answer.responses[0]?.serverId as ItemId;
}
const change = (on: Phone, serverId: ItemId, fields: Fields, conflict?: 0 | 1) =>
  send(on, { do: 'change', serverId, data: contact(fields) }, conflict === undefined ? {} : { conflict });
const remove = (on: Phone, serverId: ItemId) => send(on, { do: 'delete', serverId });
async function bothPull(): Promise<void> {
  await world.settle(email);
  for (const one of [phone, tablet]) await one.pull(folder());
  expect([...phone.complaints, ...tablet.complaints]).toEqual([]);
}
const shown = (on: Phone, item: ItemId): Fields | undefined => {
  const data = on.folder(folder()).items.get(item);
  return data && fieldsOf('contact', data);
};
const history = async (item: ItemId) =>
  (await world.store.load(world.account(email).tenant, itemStream('contact', item))).events;
const stateOf = async (item: ItemId) => fold(await history(item));
const undo = async (since: Instant, apply: boolean, limit = 100) => {
  await world.settle(email);
  const { tenant } = world.account(email);
  const steps = [];
  let until: Instant | undefined;
  for (let after: Position | null = 0 as Position; after !== null; ) {
    const request = { tenant, device: phone.session.device, since, ...(until ? { until } : {}), apply, after, limit };
    const page = await restoring.undo(request, wish);
    steps.push(...page.steps);
    ({ until, next: after } = page);
  }
  return steps;
};

describe('restore and revert', () => {
  it('bring an item back on every phone, and say in the history who asked and why', async () => {
    const item = await add(phone, { company: 'Fjord AS' });
    await bothPull();
    await remove(tablet, item);
    await bothPull();
    expect(shown(phone, item)).toBeUndefined();
    expect(await restoring.restore(item, wish)).toMatchObject({ kind: 'done', does: ['restore'], removed: false });
    await bothPull();
    for (const one of [phone, tablet]) expect(shown(one, item)).toMatchObject({ company: 'Fjord AS' });
    expect((await history(item)).at(-1)?.meta).toMatchObject({ actor: siv, cause: wish.cause });
    expect(await restoring.restore(item, wish)).toMatchObject({ kind: 'done', does: [] });
  });

  it('make it what it was at a revision, once', async () => {
    const item = await add(phone, { company: 'Fjord AS' });
    await change(phone, item, { company: 'Hav AS', jobTitle: 'Sjef' });
    expect(await restoring.revert(item, 0, wish)).toMatchObject({ does: ['change'], fields: ['company', 'jobTitle'] });
    await bothPull();
    expect(shown(phone, item)).toMatchObject({ company: 'Fjord AS' });
    expect(shown(tablet, item)).not.toHaveProperty('jobTitle');
    const length = (await history(item)).length;
    expect(await restoring.revert(item, 0, wish)).toMatchObject({ does: [] });
    expect(await history(item)).toHaveLength(length);
    expect(await restoring.revert(item, 99, wish)).toEqual({ kind: 'refused', reason: 'noRevision' });
  });

  it('know nothing of an item that never was', async () => {
    expect(await restoring.restore('nobody' as ItemId, wish)).toBeUndefined();
  });
});

describe('undo of a device', () => {
  it('tells first and does then, item by item, page by page, leaving what others did; and once', async () => {
    // What it leaves out of these it blanks (MS-ASCMD 2.2.3.178 Supported).
    await phone.reset(folder(), { supported: [Contacts.CompanyName] });
    const names = ['A', 'B', 'C', 'D', 'E'];
    const items: ItemId[] = [];
    for (const familyName of names) items.push(await add(tablet, { familyName, company: 'Fjord AS' }));
    await bothPull();
    const [a, b, c, d, e] = items as [ItemId, ItemId, ItemId, ItemId, ItemId];
    const since = now();
    nowMs += 60_000;
    await remove(phone, a);
    await change(phone, b, { familyName: 'B', company: '', jobTitle: 'Sjef' });
    await change(phone, c, { familyName: 'x', company: 'x' });
    const added = await add(phone, { familyName: 'F' });
    const kept = await add(phone, { familyName: 'G' });
    await bothPull();
    // Since then others had these in hand.
    await change(tablet, c, { familyName: 'x', company: 'Hav AS' });
    await change(tablet, kept, { familyName: 'G', company: 'Hav AS' });
    await change(tablet, d, { familyName: 'D', company: 'Vidde AS' });
    await bothPull();
    const [told, before] = [await undo(since, false), await world.log.head(world.account(email).tenant)];
    expect(told.map(({ item, does, fields }) => [item, does, [...fields].sort()])).toEqual([
      [a, ['restore'], []],
      [b, ['change'], ['company', 'jobTitle']],
      [c, ['change'], ['familyName']],
      [added, ['remove'], []],
      [kept, [], []],
    ]);
    expect(told[2]?.left).toMatchObject([{ what: ['company'], by: { device: tablet.session.device } }]);
    expect(told[4]?.left).toMatchObject([{ what: ['item'], by: { device: tablet.session.device } }]);
    expect(await world.log.head(world.account(email).tenant)).toBe(before);

    expect(await undo(since, true, 2)).toEqual(told);
    await bothPull();
    for (const one of [phone, tablet]) {
      expect(shown(one, a)).toMatchObject({ familyName: 'A', company: 'Fjord AS' });
      expect(shown(one, b)).toMatchObject({ familyName: 'B', company: 'Fjord AS' });
      expect(shown(one, b)).not.toHaveProperty('jobTitle');
      expect(shown(one, c)).toMatchObject({ familyName: 'C', company: 'Hav AS' });
      expect(shown(one, d)).toMatchObject({ company: 'Vidde AS' });
      expect(shown(one, e)).toMatchObject({ company: 'Fjord AS' });
      expect(shown(one, added)).toBeUndefined();
      expect(shown(one, kept)).toMatchObject({ familyName: 'G', company: 'Hav AS' });
    }
    const head = await world.log.head(world.account(email).tenant);
    expect((await undo(since, true)).filter(({ does }) => does.length > 0)).toEqual([]);
    expect(await world.log.head(world.account(email).tenant)).toBe(head);
  });

  it('leaves what the device did before the span', async () => {
    const item = await add(phone, { company: 'Fjord AS' });
    nowMs += 60_000;
    const since = now();
    await change(phone, item, { company: 'Hav AS' });
    await undo(since, true);
    expect(await stateOf(item)).toMatchObject({ removed: false, fields: { company: 'Fjord AS' } });
  });
});

describe('conflicts', () => {
  /** Both change the company of one contact; the tablet is first. */
  async function contested(rule: 0 | 1 = 1): Promise<ItemId> {
    const item = await add(phone, { company: 'Fjord AS' });
    await bothPull();
    await change(tablet, item, { company: 'Hav AS' });
    await change(phone, item, { company: 'Fjell AS' }, rule);
    await bothPull();
    return item;
  }
  const list = async (more: { isOpen?: boolean; since?: Instant } = {}) => {
    const { tenant, account } = world.account(email);
    return (await conflicts.page({ tenant, owner: account, ...more }, null, 100)).conflicts;
  };

  it('are listed with both versions, to whom they belong and who lost', async () => {
    const item = await contested();
    const [only, ...more] = await list();
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      row: {
        item,
        kind: 'contact',
        loser: 'client',
        device: phone.session.device,
        contested: ['company'],
        decided: null,
      },
      versions: { lost: { values: { company: 'Fjell AS' } }, won: { removed: false, values: { company: 'Hav AS' } } },
    });
    const { tenant } = world.account(email);
    expect((await conflicts.page({ tenant, device: tablet.session.device }, null, 9)).conflicts).toEqual([]);
    expect(await list({ since: '2100-01-01T00:00:00.000Z' as Instant })).toEqual([]);
  });

  it('hold no value in their read model', async () => {
    await contested();
    const { rows } = await sql`select * from item_conflict`.execute(world.db);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toMatch(/Fjell|Hav AS/);
  });

  it('decided for mine win on every phone, are closed, and are decided once', async () => {
    const item = await contested();
    const [{ row }] = (await list()) as [Awaited<ReturnType<typeof list>>[number]];
    expect(await conflicts.decide(item, row.revision, 'mine', wish)).toMatchObject({
      does: ['change'],
      fields: ['company'],
    });
    await bothPull();
    for (const one of [phone, tablet]) expect(shown(one, item)).toMatchObject({ company: 'Fjell AS' });
    expect(await list({ isOpen: true })).toEqual([]);
    expect(await list({ isOpen: false })).toMatchObject([{ row: { decidedFor: 'mine' } }]);
    const length = (await history(item)).length;
    expect(await conflicts.decide(item, row.revision, 'mine', wish)).toMatchObject({ kind: 'done' });
    expect(await conflicts.decide(item, row.revision, 'theirs', wish)).toEqual({ kind: 'refused', reason: 'decided' });
    expect(await history(item)).toHaveLength(length);
    expect(await conflicts.decide(item, 0, 'theirs', wish)).toBeUndefined();
  });

  it('decided for theirs change nothing on any phone', async () => {
    const item = await contested();
    const before = shown(phone, item);
    const [{ row }] = (await list()) as [Awaited<ReturnType<typeof list>>[number]];
    expect(await conflicts.decide(item, row.revision, 'theirs', wish)).toMatchObject({ does: [] });
    await bothPull();
    expect([shown(phone, item), shown(tablet, item)]).toEqual([before, before]);
    expect(await list({ isOpen: true })).toEqual([]);
  });

  it('that nobody decided are decided again under another policy: told first, done then, and once', async () => {
    const lost = await contested(1);
    const won = await contested(0);
    const { tenant, account } = world.account(email);
    const replay = (apply: boolean) =>
      conflicts.replay('clientWins', { tenant, owner: account }, { apply, after: null, limit: 50 }, wish);
    const told = await replay(false);
    expect(told.steps.map(({ row, for: choice, does }) => [row.item, choice, does])).toEqual([
      [lost, 'mine', ['change']],
      [won, 'theirs', []],
    ]);
    expect((await list({ isOpen: true })).length).toBe(2);
    expect((await replay(true)).steps).toEqual(told.steps);
    await bothPull();
    for (const item of [lost, won]) expect(shown(tablet, item)).toMatchObject({ company: 'Fjell AS' });
    expect((await replay(true)).steps).toEqual([]);
    expect((await history(lost)).at(-1)).toMatchObject({
      type: 'ConflictDecided',
      data: { for: 'mine', policy: 'clientWins' },
    });
  });

  it('are decided by the account’s own policy, whatever the phone asks for', async () => {
    for (const [policy, rule] of [
      ['clientWins', 1],
      ['serverWins', 0],
    ] as const) {
      Object.assign(phone, { session: { ...phone.session, conflictPolicy: policy } });
      const item = await contested(rule);
      expect(shown(tablet, item)).toMatchObject({ company: policy === 'clientWins' ? 'Fjell AS' : 'Hav AS' });
    }
  });
});
