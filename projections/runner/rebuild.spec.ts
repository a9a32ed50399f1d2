import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineProjections } from '../../api/engine.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { contact } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { rebuildOutdated } from './outdated.ts';
import type { Projection } from './projection.ts';
import { type RebuildOptions, RebuildRefused, rebuild } from './rebuild.ts';

const comparison = { item_view: { sealed: ['content'] } };
let world: World;
let people = 0;
let itemView: Projection;
let syncView: Projection;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  [itemView, syncView] = engineProjections(world.keys) as [Projection, Projection];
});
afterAll(() => world.stop());

const make = (projection: Projection, more: Partial<RebuildOptions> = {}) =>
  rebuild({ db: world.db, store: world.store, projection, comparison, pageSize: 7, checkpointEvents: 7, ...more });

/** A person with a phone and some contacts, changed and deleted. */
async function someone() {
  const email = `kari@rebuild${++people}.example`;
  const { tenant } = world.account(email);
  const contacts = world.collection(email, 'contact');
  const phone = new Phone(world, world.session(email, `phone${people}`));
  await phone.reset(contacts);
  const add = async (count: number): Promise<void> => {
    const commands = Array.from({ length: count }, (_, nth) => ({
      do: 'add' as const,
      clientId: phone.nextClientId(),
      data: contact({ familyName: `Bråthen ${nth}` }),
    }));
    await phone.sync(contacts, { commands });
  };
  await add(10);
  const [first, second] = [...phone.folder(contacts).items.keys()] as [string, string];
  await phone.sync(contacts, {
    commands: [
      { do: 'change', serverId: first, data: contact({ jobTitle: 'Leder' }) },
      { do: 'delete', serverId: second },
    ],
  });
  await world.settle(email);
  return { email, tenant, contacts, phone, add };
}

const sideSchemas = async (): Promise<number> =>
  (await sql`select from pg_namespace where nspname like 'rebuild%'`.execute(world.db)).rows.length;

describe('a rebuild beside a running program', () => {
  it('makes the same rows, puts them in place, and phones notice nothing', async () => {
    const { email, contacts, phone, add } = await someone();
    const told: number[] = [];
    for (const projection of [itemView, syncView]) {
      const report = await make(projection, { onProgress: ({ events }) => told.push(events) });
      expect(report.isSwapped).toBe(true);
      expect(report.tables.length).toBeGreaterThan(0);
      for (const table of report.tables) {
        expect(table).toMatchObject({ differing: 0, hash: table.liveHash });
        expect([table.rows, table.rows > 0]).toEqual([table.liveRows, true]);
      }
    }
    expect(told.length).toBeGreaterThan(3);
    await add(3);
    await world.settle(email);
    expect(await phone.sync(contacts)).toMatchObject({ commands: [] });
    const other = new Phone(world, world.session(email, `other${people}`));
    await other.pull(contacts);
    expect(other.folder(contacts).items.size).toBe(12);
    expect([...phone.complaints, ...other.complaints]).toEqual([]);
    expect(await sideSchemas()).toBe(0);
  });

  it('takes in what is committed meanwhile', async () => {
    const { email, contacts, add } = await someone();
    let isFirst = true;
    const during: Promise<void>[] = [];
    const report = await make(itemView, {
      onProgress: () => {
        if (isFirst) during.push(add(5));
        isFirst = false;
      },
    });
    await Promise.all(during);
    await world.settle(email);
    expect(report.tables).toMatchObject([{ table: 'item_view', differing: 0 }]);
    const other = new Phone(world, world.session(email, `other${people}`));
    await other.pull(contacts);
    expect(other.folder(contacts).items.size).toBe(14);
    expect((await make(itemView, { isDryRun: true })).tables).toMatchObject([{ differing: 0 }]);
  });

  it('names how many rows differ, changes nothing in a dry run, and mends them otherwise', async () => {
    const { tenant } = await someone();
    await sql`update item_view set version = version + 5 where tenant = ${tenant} and not deleted`.execute(world.db);
    await sql`delete from item_view where tenant = ${tenant} and deleted`.execute(world.db);
    const dry = await make(itemView, { isDryRun: true });
    // Nine rows stand on both sides in two shapes; the tombstone on one.
    expect(dry).toMatchObject({ isSwapped: false, tables: [{ differing: 19 }] });
    expect(dry.tables[0]?.rows).toBe((dry.tables[0]?.liveRows ?? 0) + 1);
    expect(await make(itemView, { isDryRun: true })).toMatchObject({ tables: [{ differing: 19 }] });
    expect(await make(itemView)).toMatchObject({ isSwapped: true, tables: [{ differing: 19 }] });
    expect(await make(itemView, { isDryRun: true })).toMatchObject({ tables: [{ differing: 0 }] });
  });

  it('that was cut goes on where it was', async () => {
    await someone();
    const cut = make(itemView, {
      onProgress: ({ events }) => {
        if (events >= 14) throw new Error('the power is gone');
      },
    });
    await expect(cut).rejects.toThrow('the power is gone');
    const all = (await make(syncView, { isDryRun: true })).events;
    const report = await make(itemView);
    // The page that was under way is folded again, those before it are not.
    expect(report.events).toBe(all - 7);
    expect(report.tables).toMatchObject([{ differing: 0 }]);
  });

  it('writes an item once that changed in many pages, and the same rows as page by page', async () => {
    await someone();
    const written: number[] = [];
    const view = itemView.gather?.();
    if (!view) throw new Error('the item view gathers');
    const counted: Projection = {
      ...itemView,
      gather: () => ({
        add: (page) => view.add(page),
        get size() {
          return view.size;
        },
        async write(page, limit) {
          written.push(view.size);
          await view.write(page, limit);
        },
      }),
    };
    const report = await make(counted, { checkpointEvents: 1_000_000 });
    expect(report.tables).toMatchObject([{ differing: 0 }]);
    expect(report.events).toBeGreaterThan(written[0] ?? Number.POSITIVE_INFINITY);
  });

  it('is refused while another process rebuilds the same, and not while it rebuilds another', async () => {
    await someone();
    const second: Promise<unknown>[] = [];
    await make(itemView, {
      onProgress: () => {
        if (second.length === 0)
          second.push(
            make(itemView).catch((error) => error),
            make(syncView, { isDryRun: true }),
          );
      },
    });
    const [refused, other] = await Promise.all(second);
    expect(refused).toBeInstanceOf(RebuildRefused);
    expect(other).toMatchObject({ isSwapped: false });
  });

  it('of what is outdated is made once when two nodes start at the same time, and the other waits for it', async () => {
    const { pool } = await freshDatabase();
    const apart = await World.start({ pool });
    const phone = new Phone(apart, apart.session('ola@rebuild.example', 'phone'));
    await phone.reset(apart.collection('ola@rebuild.example', 'contact'));
    await apart.settle('ola@rebuild.example');
    await apart.stop();
    const raised = engineProjections(apart.keys).map((one) => ({ ...one, version: one.version + 1 }));
    const begun: string[] = [];
    const outdated = async () => {
      const onBegin = (projection: string) => begun.push(projection);
      const made = await rebuildOutdated({ db: apart.db, store: apart.store, projections: raised, onBegin });
      const { rows } = await sql<{ old: number }>`
        select count(*) as old from projection_checkpoint c
        join unnest(${raised.map(({ name }) => name)}::text[], ${raised.map(({ version }) => version)}::integer[])
          as r (name, version) on r.name = c.projection and c.version < r.version`.execute(apart.db);
      // Neither goes on to serve before all of it is done.
      return { made, old: Number(rows[0]?.old) };
    };
    const [one, two] = await Promise.all([outdated(), outdated()]);
    expect([one.old, two.old]).toEqual([0, 0]);
    const names = raised.map(({ name }) => name).sort();
    expect([...one.made, ...two.made].sort()).toEqual(names);
    expect(begun.sort()).toEqual(names);
  });

  it('of a raised version is not compared, and a newer one is left alone', async () => {
    const { pool } = await freshDatabase();
    const apart = await World.start({ pool });
    const phone = new Phone(apart, apart.session('ola@rebuild.example', 'phone'));
    await phone.reset(apart.collection('ola@rebuild.example', 'contact'));
    await apart.settle('ola@rebuild.example');
    await apart.stop();
    const present = engineProjections(apart.keys)[1] as Projection;
    const raised = { ...present, version: present.version + 1 };
    const report = await rebuild({ db: apart.db, store: apart.store, projection: raised });
    expect(report).toMatchObject({ isSwapped: true, tables: [] });
    const { rows } = await sql`select version from projection_checkpoint where projection = 'sync'`.execute(apart.db);
    expect(rows).toEqual([{ version: raised.version }]);
    const older = rebuild({ db: apart.db, store: apart.store, projection: present });
    await expect(older).rejects.toBeInstanceOf(RebuildRefused);
  });
});
