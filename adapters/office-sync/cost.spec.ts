import { beforeAll, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../../test/postgres.ts';
import { createRig, emptyTables } from './rig.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

it('costs little to crawl five thousand records of which ten changed', async () => {
  await emptyTables(database);
  const rig = await createRig(database);
  const kari = await rig.person('kari@demo.example');
  const ids = Array.from({ length: 5_000 }, (_, n) =>
    rig.office.screenCreate(kari.email, 'contact', {
      givenName: `Person ${n}`,
      familyName: 'Nordmann',
      mobilePhone: `+47 900 ${n}`,
      email1: `p${n}@demo.example`,
      company: 'Acme AS',
    }),
  );
  expect(await rig.crawl(kari)).toMatchObject({ added: 5_000 });
  await rig.settled();
  const crawl = async () => {
    const before = process.cpuUsage();
    const counts = await rig.crawl(kari);
    await rig.settled();
    const { user, system } = process.cpuUsage(before);
    return { counts, cpuMs: (user + system) / 1_000 };
  };
  await crawl();
  const head = await rig.head();
  for (const id of ids.slice(0, 10)) rig.office.screenUpdate(kari.email, 'contact', id, { company: 'Other AS' });
  const { counts, cpuMs } = await crawl();
  expect(counts).toMatchObject({ seen: 5_000, added: 0, changed: 10 });
  // For each changed record, one event of the item and one of its link.
  expect((await rig.head()) - head).toBe(20);
  // The office in memory makes five thousand hashes in this time; an order of magnitude more would be a scan of streams.
  expect(cpuMs).toBeLessThan(1_000);
  if (process.env.SHOW_COST) console.log({ cpuMs });
  await rig.close();
}, 120_000);
