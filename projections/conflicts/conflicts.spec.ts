import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandIdFrom } from '../../adapters/ids.ts';
import type { ItemCommand } from '../../domain/item/decide.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { DeviceKey, Instant, ItemId } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { astrid } from '../../test/world/examples.ts';
import { World } from '../../test/world/world.ts';
import { rebuild } from '../runner/rebuild.ts';
import { conflictsView } from './project.ts';
import { ConflictsReader } from './read.ts';

let world: World;
let reader: ConflictsReader;
let commands = 0;
const [kari, ola] = ['kari@kept.example', 'ola@kept.example'];
const device = 'phone1' as DeviceKey;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  reader = new ConflictsReader(world.db);
});
afterAll(() => world.stop());

async function run(email: string, item: string, command: ItemCommand, kind: Actor['kind'] = 'office'): Promise<void> {
  const { account } = world.account(email);
  const actor = kind === 'device' ? { kind, account, device } : kind === 'office' ? { kind, account } : { kind };
  const result = await world.execute(email, {
    ...{ item: item as ItemId, kind: 'contact', owner: account, at: '2026-03-01T08:00:00.000Z' as Instant },
    ...{ commandId: commandIdFrom(['kept', String(++commands)]), actor: actor as Actor, command },
  });
  expect(result.decision.kind).toBe('accepted');
}
/** The conflict stands at revision 2. */
async function contested(email: string, item: string): Promise<void> {
  const { account } = world.account(email);
  const collection = world.collection(email, 'contact');
  const change = (company: string, base: number | null): ItemCommand => ({
    ...{ do: 'change', base, rule: 'serverWins' },
    patch: { set: { company }, cleared: [] },
  });
  await run(email, item, { do: 'add', kind: 'contact', owner: account, collection, fields: astrid });
  await run(email, item, change('Hav AS', null));
  await run(email, item, change('Fjell AS', 0), 'device');
}
const decide = (email: string, item: string) => run(email, item, { do: 'decide', conflict: 2, for: 'theirs' }, 'admin');
const rows = async () => (await sql`select * from item_conflict order by tenant, position`.execute(world.db)).rows;

describe('the kept conflicts', () => {
  it('are the same folded one by one, in one page, and anew', async () => {
    await contested(kari, 'a');
    await world.settle(kari);
    await decide(kari, 'a');
    await world.settle(kari);
    await contested(kari, 'b');
    await decide(kari, 'b');
    await contested(ola, 'c');
    await world.settle(kari);
    const live = await rows();
    expect(live).toMatchObject([
      { item: 'a', revision: 2, loser: 'client', contested: ['company'], decided: 3, decided_for: 'theirs' },
      { item: 'b', revision: 2, decided: 3 },
      { item: 'c', revision: 2, decided: null, decided_for: null },
    ]);
    for (const pageSize of [1, 2, 1_000]) {
      const report = await rebuild({ db: world.db, store: world.store, projection: conflictsView(), pageSize });
      expect(report.tables).toMatchObject([{ table: 'item_conflict', differing: 0 }]);
      expect(await rows()).toEqual(live);
    }
  });

  it('are found by whose they are, by who came, by time, and by whether they are open', async () => {
    const { tenant, account } = world.account(kari);
    const find = async (filter: Parameters<ConflictsReader['find']>[0]) =>
      (await reader.find(filter, null, 100)).map(({ item }) => item);
    expect(await find({})).toEqual(['a', 'b', 'c']);
    expect(await find({ tenant, owner: account })).toEqual(['a', 'b']);
    expect(await find({ tenant, owner: account, isOpen: true })).toEqual([]);
    expect(await find({ isOpen: true, actor: 'device' })).toEqual(['c']);
    expect(await find({ actor: 'office' })).toEqual([]);
    expect(await find({ tenant, device })).toEqual(['a', 'b', 'c']);
    expect(await find({ since: '2100-01-01T00:00:00.000Z' as Instant })).toEqual([]);
    const [first] = await reader.find({}, null, 1);
    expect((await reader.find({}, first ?? null, 100)).map(({ item }) => item)).toEqual(['b', 'c']);
  });

  it('of an erased item are no more', async () => {
    const { tenant } = world.account(ola);
    await world.keys.destroy(tenant, itemSubject('c' as ItemId));
    await rebuild({ db: world.db, store: world.store, projection: conflictsView() });
    expect(await rows()).toMatchObject([{ item: 'a' }, { item: 'b' }]);
  });
});
