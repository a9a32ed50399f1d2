import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyHead } from '../../adapters/event-log/event-store.port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { engineProjections } from '../../api/engine.ts';
import { erasureStream, erasureSubject } from '../../domain/erasure/events.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { CollectionId, Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { astrid } from '../../test/world/examples.ts';
import { World } from '../../test/world/world.ts';

import { ProjectionRunner } from '../runner/runner.ts';
import { openContent } from './content.ts';
import type { ItemRow } from './read.ts';

let world: World;
let email: string;
let people = 0;
let commands = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
});
afterAll(() => world.stop());
beforeEach(() => {
  email = `kari@view${++people}.example`;
});

const [contacts, others] = ['contacts' as CollectionId, 'others' as CollectionId];
const place = () => world.account(email);
const view = () => world.engine.itemView;

async function run(item: string, command: ItemCommand, kind: ItemKind = 'contact'): Promise<Position> {
  const { account } = place();
  const result = await world.execute(email, {
    item: item as ItemId,
    kind,
    commandId: commandIdFrom(['view', String(++commands)]),
    actor: { kind: 'office', account },
    at: '2026-03-01T08:00:00.000Z' as Instant,
    owner: account,
    command,
  });
  expect(result.decision.kind).toBe('accepted');
  return result.position;
}
const add = (item: string, fields: Fields = astrid, kind: ItemKind = 'contact', collection = contacts) =>
  run(item, { do: 'add', kind, owner: place().account, collection, fields }, kind);
const change = (item: string, set: Fields, kind: ItemKind = 'contact') =>
  run(item, { do: 'change', base: null, rule: 'clientWins', patch: { set, cleared: [] } }, kind);
const remove = (item: string) => run(item, { do: 'remove', base: null, rule: 'clientWins' });
const move = (item: string, to: CollectionId) => run(item, { do: 'move', to });

async function rows(collection = contacts): Promise<(Omit<ItemRow, 'content'> & { fields: Fields | undefined })[]> {
  await world.settle(email);
  const { tenant } = place();
  const found = await view().changedSince(tenant, collection, 0 as Position, 100);
  const opened = await world.engine.deps.open(tenant, found);
  return found.map(({ content, ...row }) => ({ ...row, fields: opened.get(row.item) }));
}

describe('the item view', () => {
  it('shows items as they are, in the order of their last change', async () => {
    await add('a');
    const second = await add('b');
    const last = await change('a', { company: 'Hav AS' });
    expect(await rows()).toMatchObject([
      { item: 'b', position: second, version: 0, deleted: false, fields: astrid },
      { item: 'a', position: last, version: 1, deleted: false, fields: { ...astrid, company: 'Hav AS' } },
    ]);
    expect(await view().lastChange(place().tenant, contacts)).toBe(last);
  });

  it('keeps a tombstone of what was removed, without its content', async () => {
    await add('a');
    const position = await remove('a');
    expect(await rows()).toMatchObject([{ item: 'a', position, version: 1, deleted: true, fields: undefined }]);
    const { rows: raw } = await sql<{ content: unknown; current: boolean }>`
      select content, current from item_view where tenant = ${place().tenant}`.execute(world.db);
    expect(raw).toEqual([{ content: null, current: true }]);
  });

  it('shows an item that came back', async () => {
    await add('a');
    await world.settle(email);
    await remove('a');
    await world.settle(email);
    const { account } = place();
    await world.execute(email, {
      item: 'a' as ItemId,
      kind: 'contact',
      commandId: commandIdFrom(['view', String(++commands)]),
      actor: { kind: 'admin' },
      at: '2026-03-01T08:00:00.000Z' as Instant,
      owner: account,
      command: { do: 'change', base: 0, rule: 'clientWins', patch: { set: { company: 'Hav AS' }, cleared: [] } },
    });
    expect(await rows()).toMatchObject([{ item: 'a', deleted: false, version: 2, fields: { company: 'Hav AS' } }]);
  });

  it.each([
    ['in one page', false],
    ['page by page', true],
  ])('a moved item leaves a tombstone that is not current (%s)', async (_, isSettled) => {
    const pause = async () => isSettled && (await world.settle(email));
    await add('a');
    await pause();
    const there = await move('a', others);
    expect(await rows(contacts)).toMatchObject([{ item: 'a', position: there, deleted: true, fields: undefined }]);
    expect(await rows(others)).toMatchObject([{ item: 'a', position: there, deleted: false, fields: astrid }]);
    expect((await view().locate(place().tenant, ['a' as ItemId])).get('a' as ItemId)).toMatchObject({
      collection: others,
      deleted: false,
    });
    const back = await move('a', contacts);
    await pause();
    await change('a', { company: 'Hav AS' });
    expect(await rows(contacts)).toMatchObject([{ item: 'a', deleted: false, fields: { company: 'Hav AS' } }]);
    expect(await rows(others)).toMatchObject([{ item: 'a', position: back, deleted: true }]);
    const located = await view().locate(place().tenant, ['a' as ItemId]);
    expect(located.get('a' as ItemId)).toMatchObject({ collection: contacts, deleted: false });
  });

  it('does not move for what nobody sees', async () => {
    await add('a');
    await change('a', { company: 'Hav AS' });
    const { account } = place();
    const before = await rows();
    // Knows only the first version, and loses.
    const result = await world.execute(email, {
      item: 'a' as ItemId,
      kind: 'contact',
      commandId: commandIdFrom(['view', String(++commands)]),
      actor: { kind: 'device', account, device: 'phone' as never },
      at: '2026-03-01T08:00:00.000Z' as Instant,
      owner: account,
      command: { do: 'change', base: 0, rule: 'serverWins', patch: { set: { company: 'Fjell AS' }, cleared: [] } },
    });
    expect(result.decision).toMatchObject({ conflict: 'client' });
    expect(await rows()).toEqual(before);
  });

  it('tells what filters ask: when an appointment ends, and whether a task is open', async () => {
    const span = { start: '2026-03-02T08:00:00.000Z', end: '2026-03-02T09:00:00.000Z', timeZone: 'Europe/Oslo' };
    await add('once', span, 'appointment');
    await add('ever', { ...span, recurrence: { frequency: 'daily' } }, 'appointment');
    await add('open', { subject: 'Ring' }, 'task');
    await add('done', { subject: 'Ring', complete: true }, 'task');
    const facts = (await rows()).map(({ item, ends_at, open }) => [item, ends_at?.toISOString() ?? null, open]);
    expect(facts).toEqual([
      ['once', span.end, true],
      ['ever', null, true],
      ['open', null, true],
      ['done', null, false],
    ]);
    await change('done', { complete: false }, 'task');
    expect((await rows()).at(-1)).toMatchObject({ item: 'done', open: true });
  });

  it('touches the folders that moved, both of a move, and no other', async () => {
    await add('a');
    await add('b', astrid, 'contact', 'third' as CollectionId);
    await world.settle(email);
    const touched = new Map<string, Position>();
    const told = world.runner.projected.subscribe((page) => {
      for (const [topic, positions] of page.touched) touched.set(topic, positions.at(-1) as Position);
    });
    const position = await move('a', others);
    await world.settle(email);
    told.unsubscribe();
    expect([...touched].sort()).toEqual([
      [contacts, position],
      [others, position],
    ]);
  });
});

describe('what the view stores', () => {
  it('holds no word of an item in clear', async () => {
    await add('a', { ...astrid, body: { type: 'text', content: 'Hemmelig møte' } });
    await world.settle(email);
    const { rows: raw } = await sql<{ line: string; content: Buffer }>`
      select v::text as line, content from item_view v where tenant = ${place().tenant}`.execute(world.db);
    expect(raw).toHaveLength(1);
    for (const word of ['Astrid', 'Bråthen', 'Fjord', 'astrid@fjord.example', 'Hemmelig', 'givenName']) {
      expect(raw[0]?.content.includes(Buffer.from(word))).toBe(false);
      expect(raw[0]?.line).not.toContain(word);
      expect(raw[0]?.line).not.toContain(Buffer.from(word).toString('hex'));
    }
  });

  it('is opened by the item’s own key alone, and only in its own row', async () => {
    await add('a');
    await add('b');
    await world.settle(email);
    const { tenant } = place();
    const [row] = await view().byItems(tenant, contacts, ['a' as ItemId]);
    const content = row?.content as Buffer;
    const keys = await world.keys.find(tenant, [itemSubject('a' as ItemId), itemSubject('b' as ItemId)]);
    const [a, b] = [...keys.values()] as [never, never];
    expect(openContent(a, 'a' as ItemId, content)).toEqual(astrid);
    expect(() => openContent(b, 'a' as ItemId, content)).toThrow();
    expect(() => openContent(a, 'b' as ItemId, content)).toThrow();
    const changed = Buffer.from(content);
    changed[20] = (changed[20] as number) ^ 1;
    expect(() => openContent(a, 'a' as ItemId, changed)).toThrow();
  });

  it('says nothing any more once the key is destroyed', async () => {
    await add('a');
    await add('b');
    await world.settle(email);
    await world.keys.destroy(place().tenant, itemSubject('a' as ItemId));
    expect(await rows()).toMatchObject([
      { item: 'a', fields: undefined },
      { item: 'b', fields: astrid },
    ]);
  });

  it('leaves out, when folded anew, whom the log has forgotten', async () => {
    await add('a');
    await change('a', { company: 'Hav AS' });
    await add('b');
    await world.settle(email);
    const { tenant, account } = place();
    await world.keys.destroy(tenant, itemSubject('a' as ItemId));
    await again();
    expect((await rows()).map(({ item, deleted }) => [item, deleted])).toEqual([['b', false]]);
    await world.keys.destroy(tenant, accountSubject(account));
    await again();
    expect(await rows()).toEqual([]);
  });

  it('leaves of an erased item a tombstone that moves the folder, also when folded anew', async () => {
    await add('a');
    await add('b');
    await world.settle(email);
    const { tenant, account } = place();
    const data = { subject: 'item', item: 'a', kind: 'contact', collection: contacts, owner: account, events: 1 };
    const erased = await sayErased({ ...data, isGoneInOffice: true });
    await world.keys.destroy(tenant, itemSubject('a' as ItemId));
    const shown = [
      { item: 'b', deleted: false },
      { item: 'a', deleted: true, position: erased },
    ];
    expect(await rows()).toMatchObject(shown);
    expect(await view().lastChange(tenant, contacts)).toBe(erased);
    expect(await world.engine.heads.head(tenant, contacts)).toBe(erased);
    await again();
    expect(await rows()).toMatchObject(shown);
  });

  it('brings nothing back of an erased person, whose rows are taken away', async () => {
    await add('a');
    await world.settle(email);
    const { tenant, account } = place();
    await change('a', { company: 'Hav AS' });
    await sayErased({ subject: 'person', account, items: 1, events: 2 });
    await world.keys.destroy(tenant, accountSubject(account));
    await world.settle(email);
    await again();
    expect(await rows()).toEqual([]);
  });

  it('turns into a tombstone what was forgotten between two pages', async () => {
    await add('a');
    await world.settle(email);
    const { tenant } = place();
    const { rows: before } = await sql<{ position: string }>`
      select position from projection_checkpoint where tenant = ${tenant} and projection = 'item-view'`.execute(
      world.db,
    );
    await change('a', { company: 'Hav AS' });
    await world.settle(email);
    await world.keys.destroy(tenant, itemSubject('a' as ItemId));
    // As if the second event had not been read before.
    await sql`update projection_checkpoint set position = ${before[0]?.position} where tenant = ${tenant}`.execute(
      world.db,
    );
    await freshRunner();
    const { rows: raw } = await sql`select item, deleted, content from item_view where tenant = ${tenant}`.execute(
      world.db,
    );
    expect(raw).toEqual([{ item: 'a', deleted: true, content: null }]);
  });
});

async function sayErased(data: object): Promise<Position> {
  const at = '2026-03-01T08:00:00.000Z' as Instant;
  const meta = { at, actor: { kind: 'admin' }, commandId: commandIdFrom(['erase', String(++commands)]) } as const;
  const events = [{ event: { type: 'SubjectErased', version: 1, data }, meta }];
  const target = { stream: erasureStream, subject: erasureSubject, owner: erasureSubject };
  const outcome = await world.store.append(place().tenant, [{ ...target, head: emptyHead, events }]);
  if (outcome.kind !== 'appended') throw new Error('it was appended to already');
  return outcome.commits[0]!.position;
}

/** Folds the tenant's log from the beginning. */
async function again(): Promise<void> {
  const { tenant } = place();
  await sql`delete from item_view where tenant = ${tenant}`.execute(world.db);
  await sql`delete from projection_checkpoint where tenant = ${tenant}`.execute(world.db);
  await freshRunner();
}

async function freshRunner(): Promise<void> {
  const runner = new ProjectionRunner({
    db: world.db,
    store: world.store,
    projections: engineProjections(world.keys),
    pageSize: 2,
    onError: (error) => world.errors.push(error),
  });
  await runner.catchUp(place().tenant);
  await runner.stop();
}
