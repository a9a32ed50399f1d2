import { type Kysely, sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { createKysely } from '../../adapters/postgres/kysely.ts';
import { accountStream } from '../../domain/account/stream.ts';
import type { AccountId, ItemId, Position, TenantId } from '../../domain/shared/ids.ts';
import { itemStream } from '../../domain/shared/streams.ts';
import { linkStream } from '../../domain/writeback/events.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { countingPool } from '../../test/world/counting-pool.ts';
import { PageWrites } from '../runner/page.ts';
import type { AnyDatabase, Projection } from '../runner/projection.ts';
import { writeBackIntents } from './project.ts';
import { WriteBackQueue } from './read.ts';

let db: Kysely<AnyDatabase>;
let sent: string[];
let tenants = 0;
let tenant: TenantId;
let position: number;
let one: Projection;
let other: Projection;

beforeAll(async () => {
  const pool = countingPool((await freshDatabase()).pool);
  sent = pool.sent;
  db = createKysely(pool as never);
});
beforeEach(() => {
  tenant = `tenant${++tenants}.example` as TenantId;
  position = 0;
  [one, other] = [writeBackIntents(), writeBackIntents()];
});

const [kari, ola] = ['kari' as AccountId, 'ola' as AccountId];

type Said = Pick<RecordedEvent, 'stream' | 'type' | 'data' | 'meta' | 'revision'>;
const office = (account: AccountId, type: 'OfficeConnected' | 'OfficeDisconnected' | 'Forgotten') =>
  ({
    stream: accountStream(account),
    type,
    data: {},
    meta: { actor: { kind: 'admin' } },
    revision: 0,
  }) as unknown as Said;
const added = (account: AccountId, item: string, revision = 0) =>
  ({
    stream: itemStream('contact', item as ItemId),
    type: revision === 0 ? 'ContactAdded' : 'ContactChanged',
    data: {},
    meta: { actor: { kind: 'device', account, device: 'phone' } },
    revision,
  }) as unknown as Said;
const confirmed = (item: string, itemRevision: number) =>
  ({
    stream: linkStream(item as ItemId),
    type: 'WriteBackConfirmed',
    data: { itemRevision },
    meta: { actor: { kind: 'office', account: kari } },
    revision: 1,
  }) as unknown as Said;

/** Folds a page and answers how many statements that took. */
async function page(view: Projection, ...said: Said[]): Promise<number> {
  const [from, writes] = [position as Position, new PageWrites(db, tenant)];
  sent.length = 0;
  const events = said.map((event) => {
    const hex = (tenants * 1_000 + ++position).toString(16).padStart(12, '0');
    return { ...event, position, id: `00000000-0000-4000-8000-${hex}`, tenant } as unknown as RecordedEvent;
  });
  await view.project(writes.page(from, events));
  await writes.execute([], position as Position);
  return sent.length;
}

async function intents(): Promise<unknown[]> {
  const { rows } = await sql<{ item: string; revision: number; outcome: string | null }>`
    select item, revision, outcome from writeback_intent where tenant = ${tenant} order by position`.execute(db);
  return rows.map(({ item, revision, outcome }) => [item, revision, outcome]);
}

describe('intents for the office', () => {
  it('are made of what people with an office do, and of nobody else', async () => {
    await page(one, office(kari, 'OfficeConnected'), added(kari, 'a'), added(ola, 'b'));
    await page(one, added(kari, 'c'), added(ola, 'd'));
    await page(one, office(kari, 'OfficeDisconnected'));
    await page(one, added(kari, 'e'));
    expect(await intents()).toEqual([
      ['a', 0, null],
      ['c', 0, null],
    ]);
  });

  it('follow who has an office also when another process folded that', async () => {
    await page(one, added(kari, 'a'));
    await page(other, office(kari, 'OfficeConnected'));
    await page(one, added(kari, 'b'));
    await page(other, added(kari, 'c'), office(kari, 'Forgotten'));
    await page(one, added(kari, 'd'));
    // It was there at the start of its page, and left within it.
    expect(await intents()).toEqual([['b', 0, null]]);
  });

  it('cost one question about each account, and none while this process folds every page', async () => {
    expect(await page(one, added(kari, 'a'), added(ola, 'b'))).toBe(2);
    expect(await page(one, added(kari, 'c'))).toBe(1);
    expect(await page(one, office(kari, 'OfficeConnected'))).toBe(1);
    expect(await page(one, added(kari, 'd'), added(ola, 'e'))).toBe(1);
    expect(await page(other, added(ola, 'f'))).toBe(2);
    expect(await page(one, added(kari, 'g'))).toBe(2);
    expect((await intents()).length).toBe(2);
  });

  it('that the office refused are counted by its reason, for all or for one person', async () => {
    const queue = new WriteBackQueue(db);
    await page(one, office(kari, 'OfficeConnected'), office(ola, 'OfficeConnected'));
    await page(one, added(kari, 'a'), added(kari, 'b'), added(ola, 'c'), added(ola, 'd'), added(ola, 'e'));
    const refuse = (item: string, reason: string, account: AccountId) =>
      queue.settle(tenant, item as ItemId, 0, 'refused', reason, account);
    await refuse('a', 'title too long', kari);
    await refuse('c', 'title too long', ola);
    await refuse('d', 'recordNotFound', ola);
    await queue.settle(tenant, 'e' as ItemId, 0, 'done', null, ola);
    expect(await queue.refusals({ tenant })).toEqual([
      { tenant, reason: 'title too long', times: 2, accounts: 2, first: 3, last: 5, item: 'c' },
      { tenant, reason: 'recordNotFound', times: 1, accounts: 1, first: 6, last: 6, item: 'd' },
    ]);
    expect(await queue.refusals({ tenant, account: kari })).toMatchObject([{ times: 1, item: 'a' }]);
  });

  it('are not taken for known from a page that was given up', async () => {
    const writes = new PageWrites(db, tenant);
    const event = { ...office(kari, 'OfficeConnected'), position: 1, tenant } as unknown as RecordedEvent;
    await one.project(writes.page(0 as Position, [event]));
    const moved = writes.execute([{ name: 'writeback', version: 1, from: 9 as Position }], 1 as Position);
    await expect(moved).rejects.toThrow();
    await page(one, added(kari, 'a'));
    expect(await intents()).toEqual([]);
  });
});

describe('what the office confirmed', () => {
  it.each([
    ['in one page', false],
    ['page by page', true],
  ])('settles what was there up to its revision, and no more (%s)', async (_, isCut) => {
    const all = [
      office(kari, 'OfficeConnected'),
      added(kari, 'a'),
      added(kari, 'a', 1),
      added(kari, 'b'),
      confirmed('a', 1),
      added(kari, 'a', 2),
    ];
    if (isCut) for (const said of all) await page(one, said);
    else await page(one, ...all);
    expect(await intents()).toEqual([
      ['a', 0, 'done'],
      ['a', 1, 'done'],
      ['b', 0, null],
      ['a', 2, null],
    ]);
  });
});
