import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppointmentFields } from '../../domain/appointment/fields.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import type { ItemEventData } from '../../domain/item/events.ts';
import { itemEvent } from '../../domain/item/events.ts';
import type { Body, Fields, ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, Instant, ItemId } from '../../domain/shared/ids.ts';
import { itemStream, itemSubject } from '../../domain/shared/streams.ts';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { applicationData, contact } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { AirSyncBase } from '../activesync/wbxml/code-pages/index.ts';
import { child, type Element, textOf } from '../activesync/wbxml/element.ts';
import { PostgresBlobStore } from '../blobs/postgres.ts';
import { commandIdFrom } from '../ids.ts';
import { ItemBodies } from './bodies.ts';
import { inlineBytesMax, isLong, replaceInEvent } from './long-bodies.ts';

let database: FreshDatabase;
let world: World;
let people = 0;

beforeAll(async () => {
  database = await freshDatabase();
  world = await World.start({ pool: database.pool, blobs: new PostgresBlobStore(database.pool) });
});
afterAll(() => world.stop());

/** Text of so many bytes, Norwegian letters among them, that says where it is cut. */
function text(bytes: number, name: string): string {
  let result = '';
  for (let line = 0; result.length < bytes; line++) result += `${name} linje ${line} på fjorden\n`;
  const whole = Buffer.from(result).subarray(0, bytes).toString('utf8');
  return whole.replace(/\uFFFD$/, '');
}

function someone() {
  const email = `kari@long${++people}.example`;
  return {
    email,
    ...world.account(email),
    notes: world.collection(email, 'note'),
    calendar: world.collection(email, 'appointment'),
    contacts: world.collection(email, 'contact'),
    phone: () => new Phone(world, world.session(email, `long${++people}`)),
  };
}

const note = (content: string): Element =>
  applicationData('note', { subject: 'Lang', body: { type: 'text', content } } as Fields);

function bodyOf(data: Element | undefined): { data: string | undefined; truncated: string | undefined } {
  const body = data && child(data, AirSyncBase.Body);
  return {
    data: body && textOf(body, AirSyncBase.Data),
    truncated: body && textOf(body, AirSyncBase.Truncated),
  };
}

const count = async (tenant: string): Promise<number> =>
  (await database.pool.query('select count(*)::int as n from blobs where tenant = $1', [tenant])).rows[0].n;

let commands = 0;
const request = (kind: ItemKind, item: string, account: AccountId, command: ItemCommand, name?: string) => ({
  item: item as ItemId,
  kind,
  commandId: commandIdFrom(['bodies', name ?? String(++commands)]),
  actor: { kind: 'office' as const, account },
  at: new Date().toISOString() as Instant,
  owner: account,
  command,
});

describe('a long body', () => {
  it('goes from phone to phone whole, and cut short to a third that asks for less', async () => {
    const { email, tenant, notes, phone } = someone();
    const [a, b, c] = [phone(), phone(), phone()];
    const content = text(1_048_576, email);
    await a.reset(notes);
    const answer = await a.sync(notes, { commands: [{ do: 'add', clientId: '1', data: note(content) }] });
    expect(answer.responses).toMatchObject([{ status: 1 }]);
    await b.pull(notes, { bodyType: 1 });
    expect(bodyOf([...b.folder(notes).items.values()][0]).data === content).toBe(true);
    await c.pull(notes, { bodyType: 1, truncationSize: 500 });
    const short = bodyOf([...c.folder(notes).items.values()][0]);
    expect(short.truncated).toBe('1');
    expect(content.startsWith(short.data ?? ' ')).toBe(true);
    expect(Buffer.byteLength(short.data ?? '')).toBeGreaterThan(496);
    expect([...a.complaints, ...b.complaints, ...c.complaints]).toEqual([]);

    const [stored] = (await world.log.readAll(tenant, 0 as never, 10)).filter(({ type }) => type === 'NoteAdded');
    expect(stored?.payload.byteLength).toBeLessThan(1_000);
    expect(await count(tenant)).toBe(1);
  });

  it('cannot be read in the database without the key, and not at all once the item is erased', async () => {
    const { email, tenant, account, notes } = someone();
    const content = text(100_000, 'hemmelig');
    const fields = { subject: 'x', body: { type: 'text', content } } as Fields;
    const collection = notes as CollectionId;
    await world.execute(
      email,
      request('note', 'erased', account, { do: 'add', kind: 'note', owner: account, collection, fields }),
    );
    await world.settle(email);
    const { rows } = await database.pool.query<{ bytes: Buffer }>('select bytes from blobs where tenant = $1', [
      tenant,
    ]);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.bytes.includes('hemmelig')).toBe(false);
    const views = await database.pool.query<{ content: Buffer }>('select content from item_view where tenant = $1', [
      tenant,
    ]);
    expect(views.rows[0]?.content.length).toBeLessThan(1_000);
    await world.keys.destroy(tenant, itemSubject('erased' as ItemId));
    const history = await world.engine.items.history(tenant, 'note', 'erased' as ItemId);
    expect(history.map(({ type, data }) => [type, data])).toEqual([['Forgotten', null]]);
  });

  it('sent twice is one event and one blob', async () => {
    const { tenant, notes, phone } = someone();
    const a = phone();
    await a.reset(notes);
    const command = { do: 'add' as const, clientId: '1', data: note(text(200_000, 'to')) };
    const lost = await a.sync(notes, { commands: [command], lose: true });
    const head = await world.log.head(tenant);
    const again = await a.sync(notes, { commands: [command] });
    expect(again.responses[0]?.serverId).toBe(lost.responses[0]?.serverId);
    const added = (await world.log.readAll(tenant, 0 as never, 50)).filter(({ stream }) => stream.startsWith('note-'));
    expect(added).toHaveLength(1);
    expect((await world.log.readAll(tenant, head, 50)).every(({ stream }) => stream.startsWith('sync-'))).toBe(true);
    expect(await count(tenant)).toBe(1);
  });

  it('that is the same is no change, and the same again from another is no conflict', async () => {
    const { email, account, notes } = someone();
    const body: Body = { type: 'text', content: text(90_000, 'lik') };
    const collection = notes as CollectionId;
    const item = `same${people}`;
    await world.execute(
      email,
      request('note', item, account, { do: 'add', kind: 'note', owner: account, collection, fields: { body } }),
    );
    const change = (content: string): ItemCommand => ({
      do: 'change',
      base: 0,
      rule: 'serverWins',
      patch: { set: { body: { type: 'text', content } }, cleared: [] },
    });
    const same = await world.execute(email, request('note', item, account, change(body.content)));
    expect(same).toMatchObject({ decision: { kind: 'accepted', events: [] }, revision: 0 });
    const other = await world.execute(email, request('note', item, account, change(`${body.content}!`)));
    expect(other.state?.fields.body).toEqual({ type: 'text', content: `${body.content}!` });
  });

  it('that loses a conflict is kept whole beside the event', async () => {
    const { tenant, notes, phone } = someone();
    const [a, b] = [phone(), phone()];
    await a.reset(notes);
    await a.sync(notes, { commands: [{ do: 'add', clientId: '1', data: note('kort') }] });
    await b.pull(notes);
    const [serverId] = [...b.folder(notes).items.keys()] as [string];
    const mine = text(70_000, 'a');
    const yours = text(80_000, 'b');
    await a.sync(notes, { commands: [{ do: 'change', serverId, data: note(mine) }] });
    const answer = await b.sync(notes, { commands: [{ do: 'change', serverId, data: note(yours) }], conflict: 1 });
    expect(answer.responses).toMatchObject([{ do: 'change', status: 7 }]);
    const history = await world.engine.items.history(tenant, 'note', serverId as ItemId);
    const kept = history.find(({ type }) => type === 'NoteConflictKept')?.data as ItemEventData['ConflictKept'];
    expect(kept.lost.set.body).toEqual({ type: 'text', content: yours });
    const stored = (await world.log.readStream(tenant, itemStream('note', serverId as ItemId))).map(
      ({ payload }) => payload.byteLength,
    );
    expect(Math.max(...stored)).toBeLessThan(2_000);
  });

  it('of one occurrence lives there too', async () => {
    const { email, tenant, account, calendar } = someone();
    const long: Body = { type: 'html', content: `<p>${text(50_000, 'uke')}</p>` };
    const fields: AppointmentFields = {
      subject: 'Ukemøte',
      start: '2026-03-02T08:00:00.000Z',
      end: '2026-03-02T09:00:00.000Z',
      timeZone: 'Europe/Oslo',
      recurrence: { frequency: 'weekly', byDay: ['MO'] },
      exceptions: { '2026-03-09T08:00:00.000Z': { changed: { body: long } } },
    };
    const collection = calendar as CollectionId;
    const add: ItemCommand = { do: 'add', kind: 'appointment', owner: account, collection, fields };
    await world.execute(email, request('appointment', 'series', account, add));
    const changed = { ...fields.exceptions, '2026-03-16T08:00:00.000Z': { changed: { body: long, subject: 'Nytt' } } };
    const change: ItemCommand = {
      do: 'change',
      base: 0,
      rule: 'serverWins',
      patch: { set: { exceptions: changed }, cleared: [] },
    };
    const result = await world.execute(email, request('appointment', 'series', account, change));
    expect(result.state?.fields.exceptions).toEqual(changed);
    expect(await count(tenant)).toBe(2);
    const stored = await world.log.readStream(tenant, itemStream('appointment', 'series' as ItemId));
    expect(Math.max(...stored.map(({ payload }) => payload.byteLength))).toBeLessThan(2_000);
    await world.settle(email);
    const row = (await world.engine.itemView.locate(tenant, ['series' as ItemId])).get('series' as ItemId);
    const opened = await world.engine.deps.open(tenant, row ? [row] : []);
    expect(opened.get('series' as ItemId)?.exceptions).toEqual(changed);
  });
});

describe('what nothing can hold', () => {
  it('is refused by itself with Status 6, once and for all, and its neighbours are carried out', async () => {
    const { contacts, phone } = someone();
    const a = phone();
    await a.reset(contacts);
    const add = (clientId: string, fields = {}) => ({ do: 'add' as const, clientId, data: contact(fields) });
    const tooLong = { company: 'x'.repeat(1_200_000) };
    const batch = [add('1'), add('2', tooLong), add('3')];
    const statuses = async (options = {}) =>
      (await a.sync(contacts, { commands: batch, ...options })).responses.map(({ clientId, status }) => [
        clientId,
        status,
      ]);
    const expected = [
      ['1', 1],
      ['2', 6],
      ['3', 1],
    ];
    expect(await statuses({ lose: true })).toEqual(expected);
    expect(await statuses()).toEqual(expected);
    expect(a.folder(contacts).items.size).toBe(2);
    expect(a.complaints).toEqual([]);
    const [serverId] = [...a.folder(contacts).items.keys()] as [string];
    const change = { do: 'change' as const, serverId, data: contact(tooLong) };
    expect((await a.sync(contacts, { commands: [change] })).responses).toMatchObject([{ do: 'change', status: 6 }]);
  });
});

describe('the walk through an event', () => {
  it('counts bytes, not letters, and leaves what is short as the same object', () => {
    expect(isLong({ type: 'text', content: 'a'.repeat(inlineBytesMax) })).toBe(false);
    expect(isLong({ type: 'text', content: 'a'.repeat(inlineBytesMax + 1) })).toBe(true);
    expect(isLong({ type: 'text', content: 'å'.repeat(inlineBytesMax / 2) })).toBe(false);
    expect(isLong({ type: 'text', content: 'å'.repeat(inlineBytesMax / 2 + 1) })).toBe(true);
    const event = itemEvent('note', 'Changed', {
      base: 0,
      set: { body: { type: 'text', content: 'kort' } },
      cleared: [],
    });
    expect(replaceInEvent(event, (body) => body)).toBe(event);
  });

  it('loads within its bound: newest first, older bodies stay named', async () => {
    const { email, tenant, account, notes } = someone();
    const collection = notes as CollectionId;
    const item = `bound${people}`;
    const body = (at: number): Body => ({ type: 'text', content: text(40_000, String(at)) });
    await world.execute(
      email,
      request('note', item, account, {
        do: 'add',
        kind: 'note',
        owner: account,
        collection,
        fields: { body: body(0) },
      }),
    );
    for (const at of [1, 2])
      await world.execute(
        email,
        request('note', item, account, {
          do: 'change',
          base: at - 1,
          rule: 'serverWins',
          patch: { set: { body: body(at) }, cleared: [] },
        }),
      );
    const small = new ItemBodies({ blobs: world.blobs, keys: world.keys, onLost: () => {}, loadBytesMax: 90_000 });
    const raw = {
      ...world.store,
      load: async () => ({ events: await stored(), head: { revision: 2, hash: new Uint8Array(32) } }),
    };
    const stored = async () =>
      (await world.store.readAll(tenant, 0 as never, 100)).filter(
        ({ stream }) => stream === itemStream('note', item as ItemId),
      );
    const page = await small.over(raw).load(tenant, itemStream('note', item as ItemId));
    const found = page.events.map(({ data }) => {
      const { fields, set } = data as { fields?: Fields; set?: Fields };
      const of = (fields ?? set) as Fields;
      return 'content' in (of.body as Body);
    });
    expect(found).toEqual([false, true, true]);
  });
});
