import fc from 'fast-check';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { CollectionId, DeviceKey, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { syncStream } from '../../domain/shared/streams.ts';
import type { Holding, SyncEventData } from '../../domain/sync/events.ts';
import { applyHeld, type ConversationState, evolve, type Held } from '../../domain/sync/state.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { PageWrites } from '../runner/page.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import { syncView } from './project.ts';
import { SyncViewReader } from './read.ts';

type Event = { [T in keyof SyncEventData]: { type: T; data: SyncEventData[T] } }[keyof SyncEventData];

let db: Kysely<AnyDatabase>;
let reader: SyncViewReader;
let tenants = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  db = new Kysely<AnyDatabase>({ dialect: new PostgresDialect({ pool }) });
  reader = new SyncViewReader(db);
});

const devices = ['phone', 'tablet'] as DeviceKey[];
const collections = ['contacts', 'calendar'] as CollectionId[];
const items = ['a', 'b', 'c', 'd'] as ItemId[];

const op: fc.Arbitrary<Holding> = fc
  .tuple(
    fc.constantFrom(...items),
    fc.constantFrom('add' as const, 'change' as const, 'delete' as const, 'softDelete' as const, 'stale' as const),
    fc.nat(9),
  )
  .map(([item, what, version]) =>
    what === 'add' || what === 'change' ? [item, what, version, `hash${version}`] : [item, what, 0, ''],
  );
const known = fc.subarray(items).map((held) => held.map((item) => [item, 1, 'seed'] as const));
const step = fc.record({
  device: fc.constantFrom(...devices),
  collection: fc.constantFrom(...collections),
  what: fc.oneof(
    { weight: 6, arbitrary: fc.record({ ops: fc.array(op, { maxLength: 4 }), isLost: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ known }) },
    { weight: 1, arbitrary: fc.record({ seeds: known }) },
    { weight: 1, arbitrary: fc.record({ taken: fc.subarray(items), put: known }) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Folded {
  state: ConversationState | null;
  revision: number;
  readonly held: Map<ItemId, Held>;
}

/** The steps as events, and what the domain itself makes of them. */
function told(tenant: TenantId, steps: readonly Step[]) {
  const conversations = new Map<string, Folded>();
  const events: RecordedEvent[] = [];
  for (const { device, collection, what } of steps) {
    const name = `${device}/${collection}`;
    let it = conversations.get(name);
    if (!it) conversations.set(name, (it = { state: null, revision: -1, held: new Map() }));
    const { type, data } = eventOf(it.state, what);
    const evolved = evolve(it.state, type, data);
    it.state = evolved.state;
    it.revision++;
    applyHeld(it.held, evolved.held);
    const stream = syncStream(device, collection);
    events.push({
      tenant,
      stream,
      revision: it.revision,
      position: events.length + 1,
      type,
      data,
    } as unknown as RecordedEvent);
  }
  return { events, conversations };
}

function eventOf(state: ConversationState | null, what: Step['what']): Event {
  if (!state || 'known' in what) {
    const seeds = 'known' in what ? what.known : [];
    return {
      type: 'SyncReset',
      data: { epoch: (state?.epoch ?? 0) + 1, cause: 'earlierKey', supported: null, known: seeds },
    };
  }
  if ('seeds' in what) return { type: 'SyncSeeded', data: { known: what.seeds } };
  if ('taken' in what) return { type: 'SyncMoved', data: { at: state.issued, taken: what.taken, put: what.put } };
  const base = state.offer && !what.isLost ? state.offer.key : state.acknowledged;
  const cursor = { position: state.issued as Position, config: 'c' };
  return { type: 'SyncAnswered', data: { key: state.issued + 1, base, ops: what.ops, cursor } };
}

async function project(tenant: TenantId, events: readonly RecordedEvent[], pageSize: number): Promise<void> {
  const view = syncView();
  for (let at = 0; at < events.length; at += pageSize) {
    const page = events.slice(at, at + pageSize);
    const writes = new PageWrites(db, tenant);
    await view.project(writes.page(at as Position, page));
    await writes.execute([], (at + page.length) as Position);
  }
}
const sorted = (held: ReadonlyMap<ItemId, Held>) => [...held].sort(([a], [b]) => (a < b ? -1 : 1));

describe('the view of conversations', () => {
  it('is what the domain makes of the events, however they are cut into pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 31 }),
        async (steps, pageSize) => {
          const tenant = `tenant${++tenants}.example` as TenantId;
          const { events, conversations } = told(tenant, steps);
          await project(tenant, events, pageSize);
          for (const [name, { state, revision, held }] of conversations) {
            const [device, collection] = name.split('/') as [DeviceKey, CollectionId];
            expect(await reader.conversation(tenant, device, collection)).toEqual({ collection, revision, state });
            expect(sorted(await reader.allHeld(tenant, device, collection))).toEqual(sorted(held));
            const some = items.slice(0, 2);
            expect(sorted(await reader.held(tenant, device, collection, some))).toEqual(
              sorted(held).filter(([item]) => some.includes(item)),
            );
          }
          for (const device of devices) {
            const found = (await reader.conversations(tenant, device)).map(({ collection }) => collection);
            expect(found.sort()).toEqual(collections.filter((it) => conversations.has(`${device}/${it}`)).sort());
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps tenants apart, also with devices and folders of the same names', async () => {
    const [one, other] = ['one.example' as TenantId, 'other.example' as TenantId];
    const place = { device: 'phone' as DeviceKey, collection: 'contacts' as CollectionId };
    const known = [['a' as ItemId, 1, 'seed'] as const];
    await project(one, told(one, [{ ...place, what: { known } }]).events, 10);
    await project(other, told(other, [{ ...place, what: { known: [] } }]).events, 10);
    expect([...(await reader.allHeld(one, place.device, place.collection)).keys()]).toEqual(['a']);
    expect([...(await reader.allHeld(other, place.device, place.collection)).keys()]).toEqual([]);
  });

  it('has no rows for streams that are none of its own, and none before the first event', async () => {
    const tenant = 'foreign.example' as TenantId;
    const event = { tenant, stream: 'contact-a', revision: 0, position: 1, type: 'ContactAdded', data: {} };
    await project(tenant, [event as unknown as RecordedEvent], 10);
    expect(await reader.conversation(tenant, 'phone' as DeviceKey, 'contacts' as CollectionId)).toBeUndefined();
  });

  it('leaves what was forgotten as it last was', async () => {
    const tenant = 'forgotten.example' as TenantId;
    const place = { device: 'phone' as DeviceKey, collection: 'contacts' as CollectionId };
    const { events } = told(tenant, [{ ...place, what: { known: [['a' as ItemId, 1, 'seed']] } }]);
    const forgotten = {
      ...events[0],
      revision: 1,
      position: 2,
      type: 'Forgotten',
      data: null,
    } as unknown as RecordedEvent;
    await project(tenant, [...events, forgotten], 10);
    expect((await reader.conversation(tenant, place.device, place.collection))?.revision).toBe(0);
    const { rows } = await sql`select * from sync_conversation where tenant = ${tenant}`.execute(db);
    expect(rows).toHaveLength(1);
  });

  it('stores ids, hashes and numbers, and nothing of what an item says', async () => {
    const { rows } = await sql<{ state: string }>`select state from sync_conversation limit 50`.execute(db);
    expect(rows.length).toBeGreaterThan(0);
    const fields = ['epoch', 'cause', 'issued', 'acknowledged', 'cursor', 'offer', 'stale', 'options', 'supported'];
    for (const { state } of rows) expect(Object.keys(JSON.parse(state)).sort()).toEqual([...fields].sort());
  });
});
