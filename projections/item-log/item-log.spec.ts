import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { commandIdFrom } from '../../adapters/ids.ts';
import { parseItemType } from '../../domain/item/events.ts';
import type { AccountId, Instant, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { parseItemStream } from '../../domain/shared/streams.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { contact } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { rebuild } from '../runner/rebuild.ts';
import { itemLog } from './project.ts';
import { type ItemEventFilter, type ItemEventRow, ItemLogReader } from './read.ts';

const [kari, ola, stranger] = ['kari@log.example', 'ola@log.example', 'per@other.example'];
const minuteMs = 60_000;
const startMs = Date.parse('2026-11-17T08:00:00.000Z');

let world: World;
let reader: ItemLogReader;
let tenant: TenantId;
let nowMs = startMs;
let phones: Phone[];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  // Ten minutes between any two exchanges: more than clocks may differ.
  world = await World.start({ pool, nowMs: () => nowMs });
  reader = new ItemLogReader(world.db);
  tenant = world.account(kari).tenant;
  phones = [kari, kari, ola, stranger].map((email, at) => new Phone(world, world.session(email, `phone${at}`)));
  for (const [at, phone] of phones.entries()) {
    const collection = world.collection(phone.session.email, 'contact');
    await phone.reset(collection);
    for (const nth of [0, 1, 2]) {
      nowMs += 10 * minuteMs;
      const clientId = phone.nextClientId();
      const data = contact({ familyName: `Nes ${at} ${nth}` });
      await phone.sync(collection, { commands: [{ do: 'add', clientId, data }] });
      const [serverId] = [...phone.folder(collection).items.keys()];
      nowMs += 10 * minuteMs;
      const jobTitle = `Leder ${at} ${nth}`;
      await phone.sync(collection, {
        conflict: 1,
        getChanges: false,
        commands: [{ do: 'change', serverId: serverId as string, data: contact({ jobTitle }) }],
      });
    }
    const serverId = [...phone.folder(collection).items.keys()].at(-1) as string;
    await phone.sync(collection, { commands: [{ do: 'delete', serverId }] });
    await world.settle(phone.session.email);
  }
  // The first phone does not know what the second did.
  const [first] = phones as [Phone];
  const collection = world.collection(kari, 'contact');
  for (const serverId of first.folder(collection).items.keys()) {
    await first.sync(collection, {
      conflict: 1,
      getChanges: false,
      commands: [{ do: 'change', serverId, data: contact({ jobTitle: 'Sjef', company: '' }) }],
    });
  }
  const item = [...first.folder(collection).items.keys()][0] as ItemId;
  const { account } = world.account(kari);
  await world.execute(kari, {
    ...{ item, kind: 'contact', owner: account, at: '2026-11-18T08:00:00.000Z' as Instant },
    commandId: commandIdFrom(['move']),
    actor: { kind: 'office', account: account as AccountId },
    cause: { command: 'crawl' },
    command: { do: 'move', to: world.collection(kari, 'note') },
  });
  await world.settle(kari);
});
afterAll(() => world.stop());

/** The same from the log itself, without an index. */
async function scan(filter: ItemEventFilter): Promise<number[]> {
  const events = await world.store.readAll(tenant, 0 as Position, 10_000);
  const places = new Map<string, { owner: string; collection: string }>();
  const found: number[] = [];
  for (const event of events) {
    const name = parseItemStream(event.stream);
    if (!name) continue;
    const data = event.data as Record<'owner' | 'collection' | 'to', string> &
      Partial<Record<'fields' | 'set', object>> & { cleared?: string[] };
    const verb = parseItemType(event.type)?.verb;
    const place = places.get(name.item) ?? { owner: '', collection: '' };
    if (verb === 'Added') Object.assign(place, { owner: data.owner, collection: data.collection });
    if (verb === 'Moved') place.collection = data.to;
    places.set(name.item, place);
    const { actor, cause } = event.meta;
    const { lost = { set: {}, cleared: [] }, contested = [] } = data as {
      lost?: { set: object; cleared: string[] };
      contested?: string[];
    };
    const fields = [
      ...[data.fields, data.set, lost.set].flatMap((of) => Object.keys(of ?? {})),
      ...[...(data.cleared ?? []), ...contested, ...lost.cleared],
    ];
    const holds =
      (filter.owner ?? place.owner) === place.owner &&
      (filter.collection ?? place.collection) === place.collection &&
      (filter.item ?? name.item) === name.item &&
      (filter.account === undefined || ('account' in actor && actor.account === filter.account)) &&
      (filter.device === undefined || (actor.kind === 'device' && actor.device === filter.device)) &&
      (filter.actor ?? actor.kind) === actor.kind &&
      (filter.command === undefined || cause?.command === filter.command) &&
      ((filter.types ?? filter.verbs) === undefined || isOf(filter, event, verb)) &&
      (filter.field === undefined || fields.includes(filter.field)) &&
      (filter.from === undefined || event.recordedAt >= filter.from) &&
      (filter.to === undefined || event.recordedAt < filter.to);
    if (holds) found.push(event.position);
  }
  return found;
}
const isOf = ({ types = [], verbs = [] }: ItemEventFilter, event: RecordedEvent, verb = '') =>
  types.includes(event.type) || verbs.includes(verb);

const positions = (rows: readonly ItemEventRow[]) => rows.map(({ position }) => position as number);

describe('the item log', () => {
  it('finds what a scan of the whole log finds, forwards and backwards, in pages of any size', async () => {
    const times = fc.integer({ min: 0, max: 150 }).map((n) => new Date(startMs + n * 5 * minuteMs).toISOString());
    const maybe = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });
    const sessions = phones.map(({ session }) => session);
    const events = await world.store.readAll(tenant, 0 as Position, 10_000);
    const items = [...new Set(events.flatMap(({ stream }) => parseItemStream(stream)?.item ?? []))];
    const filters = fc
      .record({
        owner: maybe(sessions.map(({ account }) => account)),
        account: maybe(sessions.map(({ account }) => account)),
        device: maybe(sessions.map(({ device }) => device)),
        collection: maybe([world.collection(kari, 'contact'), world.collection(kari, 'note')]),
        item: maybe(items),
        actor: maybe(['device', 'office'] as const),
        command: maybe(['Sync Add', 'Sync Change', 'Sync Delete', 'crawl']),
        verbs: maybe([['Added'], ['Removed', 'Changed'], ['ConflictKept'], ['Moved']]),
        types: maybe([['ContactAdded'], ['ContactRemoved', 'NoteAdded']]),
        field: maybe(['jobTitle', 'familyName', 'company']),
        from: fc.option(times, { nil: undefined, freq: 2 }),
        to: fc.option(times, { nil: undefined, freq: 2 }),
      })
      .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
    let found = 0;
    const property = fc.asyncProperty(filters, fc.integer({ min: 1, max: 9 }), async (filter, limit) => {
      const expected = await scan(filter);
      found += expected.length;
      for (const order of ['asc', 'desc'] as const) {
        const rows: number[] = [];
        for (let after: Position | undefined; ; ) {
          const page = await reader.find(tenant, filter, { limit, order, ...(after ? { after } : {}) });
          rows.push(...positions(page));
          if (page.length < limit) break;
          after = page.at(-1)?.position;
        }
        expect(rows).toEqual(order === 'asc' ? expected : expected.toReversed());
      }
    });
    await fc.assert(property, { numRuns: 200 });
    expect(found).toBeGreaterThan(0);
  });

  it('names who, where, by which way and which fields, and holds no value', async () => {
    const rows = await reader.find(tenant, { owner: world.account(kari).account }, { limit: 1_000 });
    const [added] = rows as [ItemEventRow];
    expect(added).toMatchObject({
      ...{ type: 'ContactAdded', verb: 'Added', kind: 'contact', isLink: false, revision: 0, actor: 'device' },
      ...{ owner: world.account(kari).account, collection: world.collection(kari, 'contact'), command: 'Sync Add' },
      recordedAt: new Date(startMs + 10 * minuteMs).toISOString(),
    });
    expect(added.fields).toEqual(expect.arrayContaining(['familyName', 'company', 'email1']));
    const kept = rows.find(({ verb }) => verb === 'ConflictKept');
    expect(kept?.fields).toContain('jobTitle');
    const { rows: stored } = await sql`select * from item_event`.execute(world.db);
    expect(JSON.stringify(stored)).not.toMatch(/Nes|Leder|Fjord|astrid/);
  });

  it('finds an item without being told the tenant', async () => {
    const [other] = await reader.find(world.account(stranger).tenant, {}, { limit: 1 });
    expect(await reader.locate(other?.item as ItemId)).toEqual({ tenant: 'other.example', kind: 'contact' });
    expect(await reader.locate('nobody' as ItemId)).toBeNull();
  });

  it('is the same when it is made anew', async () => {
    const { tables } = await rebuild({ db: world.db, store: world.store, projection: itemLog(), pageSize: 7 });
    expect(tables).toMatchObject([{ table: 'item_event', differing: 0 }]);
    expect(tables[0]?.rows).toBeGreaterThan(20);
  });
});
