/** What pages cost, counted in statements sent, with every read model there is. */
import fc from 'fast-check';
import { type Kysely, sql } from 'kysely';
import { NEVER } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EventStore } from '../../adapters/event-log/event-store.port.ts';
import { allProjections } from '../../api/catalogue.ts';
import type { CollectionId, Position, TenantId } from '../../domain/shared/ids.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { countingPool } from '../../test/world/counting-pool.ts';
import { contact } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import type { ItemRow } from '../item-view/read.ts';
import { CheckpointMoved } from './checkpoints.ts';
import type { AnyDatabase } from './projection.ts';
import { ProjectionRunner } from './runner.ts';

let world: World;
let sent: string[];
let email: string;
let phone: Phone;
let contacts: CollectionId;
let people = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  const runnerPool = countingPool(pool);
  sent = runnerPool.sent;
  world = await World.start({ pool, runnerPool, projections: allProjections });
});
afterAll(() => world.stop());
beforeEach(async () => {
  email = `kari@trips${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, `phone${people}`));
  await phone.reset(contacts);
  await add('Bråthen');
  await world.settle(email);
});

const add = (familyName: string) =>
  phone.sync(contacts, {
    commands: [{ do: 'add', clientId: phone.nextClientId(), data: contact({ familyName }) }],
  });
const change = (serverId: string, jobTitle: string) =>
  phone.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ jobTitle }) }] });
const held = () => [...phone.folder(contacts).items.keys()] as [string, ...string[]];

/** What the runner sends until it has written what is done. */
async function costs(act: () => Promise<unknown>): Promise<string[]> {
  await world.settle(email);
  sent.length = 0;
  await act();
  await world.settle(email);
  return [...sent];
}

describe('a page of a person without an office', () => {
  it('is one round trip when a phone adds a contact', async () => {
    for (const name of ['Nes', 'Dal', 'Vik']) {
      expect(await costs(() => add(name))).toEqual([expect.stringMatching(/^with w0 as .*item_view.*moved as/s)]);
    }
    expect(phone.complaints).toEqual([]);
  });

  it('is one when a phone changes or deletes what this process has folded', async () => {
    const [serverId] = held();
    expect(await costs(() => change(serverId, 'Leder'))).toHaveLength(1);
    expect(await costs(() => change(serverId, 'Sjef'))).toHaveLength(1);
    const removing = () => phone.sync(contacts, { commands: [{ do: 'delete', serverId }] });
    expect(await costs(removing)).toHaveLength(1);
  });

  it('is one when a device begins anew', async () => {
    const [reset] = [await costs(() => phone.reset(contacts))];
    expect(reset.length).toBeGreaterThan(0);
    expect(reset.every((text) => text.startsWith('with w0 as'))).toBe(true);
  });
});

/** Every table that is made of this world's events, sealed content opened. */
async function rowsOf(db: Kysely<AnyDatabase>, tenant: TenantId): Promise<unknown> {
  const { rows: items } = await sql<ItemRow>`
    select * from item_view where tenant = ${tenant} order by collection, item`.execute(db);
  const opened = await world.engine.deps.open(tenant, items);
  const { rows: known } = await sql`
    select * from device_known where tenant = ${tenant} order by device, collection, item`.execute(db);
  const { rows: conversations } = await sql`
    select * from sync_conversation where tenant = ${tenant} order by device, collection`.execute(db);
  const { rows: checkpoints } = await sql`
    select * from projection_checkpoint where tenant = ${tenant} order by projection`.execute(db);
  const { rows: log } = await sql`select * from item_event where tenant = ${tenant} order by position`.execute(db);
  const shown = items.map(({ content, ...row }) => ({ ...row, fields: opened.get(row.item) }));
  return { items: shown, known, conversations, checkpoints, log };
}

describe('several processes', () => {
  it('write the rows of one, whichever of them writes which page', async () => {
    const { tenant } = world.account(email);
    const other = new Phone(world, world.session(email, `other${people}`));
    const [one, two] = (await add('Nes').then(held)) as [string, string];
    await other.reset(contacts);
    for (const title of ['Leder', 'Sjef']) {
      await change(one, title);
      await change(two, `${title} også`);
      // Does not know of it: the log keeps what is lost.
      await other.sync(contacts, {
        conflict: 1,
        getChanges: false,
        commands: [{ do: 'change', serverId: one, data: contact({ jobTitle: `ikke ${title}` }) }],
      });
      await other.pull(contacts);
    }
    await phone.reset(contacts);
    await phone.sync(contacts, { commands: [{ do: 'delete', serverId: two }] });
    await change(one, 'Direktør');
    await world.settle(email);
    const head = await world.store.head(tenant);
    expect((await world.store.readAll(tenant, 0 as Position, 1_000)).map(({ type }) => type)).toContain(
      'ContactConflictKept',
    );
    const expected = await rowsOf(world.db, tenant);

    const steps = fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 4 })), { minLength: 5, maxLength: 30 });
    const property = fc.asyncProperty(steps, async (taken) => {
      for (const table of ['item_view', 'device_known', 'sync_conversation', 'item_event', 'projection_checkpoint']) {
        await sql`delete from ${sql.table(table)} where tenant = ${tenant}`.execute(world.db);
      }
      let end = 0;
      const store: EventStore = {
        ...world.store,
        commits: NEVER,
        recorded: NEVER,
        head: async () => end as Position,
        readAll: async (...[of, after, limit]) =>
          (await world.store.readAll(of, after, limit)).filter(({ position }) => position <= end),
      };
      const errors: unknown[] = [];
      const runners = [0, 1].map(
        () =>
          new ProjectionRunner({
            db: world.db,
            store,
            projections: allProjections(world.keys),
            onError: (error) => errors.push(error),
          }),
      ) as [ProjectionRunner, ProjectionRunner];
      for (const [who, count] of [...taken, [0, head] as const]) {
        end = Math.min(end + count, head);
        const runner = runners[who] as ProjectionRunner;
        runner.wake(tenant);
        expect(await runner.waitFor(tenant, end as Position, 5_000)).toBe(true);
      }
      for (const runner of runners) await runner.stop();
      expect(errors.filter((error) => !(error instanceof CheckpointMoved))).toEqual([]);
      expect(await rowsOf(world.db, tenant)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 15 });
  });
});
