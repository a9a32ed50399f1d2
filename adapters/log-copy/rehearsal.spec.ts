/** The move of a log that real phones filled, between every two logs there are, and back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CollectionId, ItemId } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { applicationData, contact, fieldsOf, kari } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { MemoryBlobStore } from '../blobs/memory.ts';
import { keyRing } from '../crypto/key-ring.ts';
import { masterKey } from '../crypto/master-key.ts';
import { memoryKeyTable } from '../crypto/memory.ts';
import { memoryEventLog } from '../event-log/memory.ts';
import { type EventLog, LogSealed } from '../event-log/port.ts';
import { postgresEventLog } from '../event-log/postgres/log.ts';
import { sealPostgresLog } from '../event-log/postgres/seal.ts';
import { verifyTenant } from '../event-log/verify.ts';
import { LogCopy } from './copy.ts';
import { cutOver } from './cut-over.ts';
import { Died, dying, everything, newEventStoreLog } from './rig.ts';

const per = 'per@fjord.example';
const keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
const blobs = new MemoryBlobStore();

/** Every log there is, new and empty. */
const logs: Readonly<Record<string, () => Promise<EventLog>>> = {
  memory: async () => memoryEventLog(),
  PostgreSQL: async () => postgresEventLog({ pool: (await freshDatabase()).pool }),
  ...(newEventStoreLog ? { EventStoreDB: newEventStoreLog } : {}),
};
if (!newEventStoreLog) {
  it.skip('the same with EventStoreDB: needs EVENTSTORE_URL, such as esdb://127.0.0.1:2113?tls=false', () => {});
}

/** Two people of two companies with two phones each; hundreds of events, great ones, and some that nobody can read. */
async function fill(world: World): Promise<Phone[]> {
  const phones: Phone[] = [];
  for (const email of [kari, per]) {
    const own = ['a', 'b'].map((name) => new Phone(world, world.session(email, `${name}${email.length}`, 161)));
    phones.push(...own);
    const [first, second] = own as [Phone, Phone];
    const [contacts, notes] = [world.collection(email, 'contact'), world.collection(email, 'note')];
    for (const phone of own) for (const folder of [contacts, notes]) await phone.reset(folder);
    for (let n = 0; n < 20; n++) {
      const commands = Array.from({ length: 5 }, (_, m) => ({
        do: 'add' as const,
        clientId: first.nextClientId(),
        data: contact({ company: `Fjord ${n}.${m}`, givenName: `Ærlig "${m}"` }),
      }));
      await first.sync(contacts, { commands });
      await second.pull(contacts);
      const [item] = [...second.folder(contacts).items.keys()].slice(n);
      const data = contact({ company: `Fjell ${n}`, jobTitle: 'Sjef' });
      await second.sync(contacts, { commands: [{ do: 'change', serverId: item!, data }] });
    }
    const body = (n: number) => ({ type: 'text' as const, content: `${n} ${'Hei på deg. '.repeat(2_000)}` });
    for (let n = 0; n < 4; n++) {
      const data = applicationData('note', { subject: `Notat ${n}`, body: body(n) }, 161);
      await first.sync(notes, { commands: [{ do: 'add', clientId: first.nextClientId(), data }] });
    }
    const gone = [...first.folder(contacts).items.keys()][3] as ItemId;
    await second.sync(contacts, { commands: [{ do: 'delete', serverId: gone }] });
    await keys.destroy(world.account(email).tenant, itemSubject(gone));
    for (const phone of own) for (const folder of [contacts, notes]) await phone.pull(folder);
    await world.settle(email);
  }
  return phones;
}

async function mustBeOne(from: EventLog, to: EventLog): Promise<void> {
  const tenants = (await from.tenants()).map(({ tenant }) => tenant).sort();
  expect((await to.tenants()).map(({ tenant }) => tenant).sort()).toEqual(tenants);
  for (const tenant of tenants) {
    const events = await everything(from, tenant);
    expect(await everything(to, tenant)).toEqual(events);
    const findings: unknown[] = [];
    await verifyTenant(tenant, { log: to, onFinding: (finding) => findings.push(finding) });
    expect(findings).toEqual([]);
    for (const stream of new Set(events.map((event) => event.stream)))
      expect((await to.readStream(tenant, stream)).map(({ id }) => id)).toEqual(
        events.filter((event) => event.stream === stream).map(({ id }) => id),
      );
  }
}

describe('a log that phones filled', () => {
  const filled = memoryEventLog();
  beforeAll(async () => {
    const { pool } = await freshDatabase();
    const world = await World.start({ pool, log: filled, keys, blobs });
    await fill(world);
    await world.stop();
  }, 60_000);

  it('is of two tenants, hundreds of events, many streams', async () => {
    const tenants = await filled.tenants();
    expect(tenants).toHaveLength(2);
    for (const { tenant, head } of tenants) {
      expect(head).toBeGreaterThan(100);
      const events = await everything(filled, tenant);
      expect(new Set(events.map(({ stream }) => stream)).size).toBeGreaterThan(60);
      expect(Math.max(...events.map(({ payload }) => payload.byteLength))).toBeGreaterThan(20_000);
    }
  });

  it(`copied through ${[...Object.keys(logs), 'PostgreSQL', 'memory'].join(', ')} is the same everywhere, event by event`, async () => {
    const opened: EventLog[] = [];
    for (const open of [...Object.values(logs), logs.PostgreSQL!, logs.memory!]) {
      const next = await open();
      await new LogCopy({ from: opened.at(-1) ?? filled, to: next }).catchUp();
      await mustBeOne(filled, next);
      opened.push(next);
    }
    for (const log of opened) await log.close();
  }, 60_000);

  for (const [name, open] of Object.entries(logs)) {
    it(`copied into ${name} and cut at every append is gone on with`, async () => {
      const there = await open();
      let nth = 0;
      for (let isDone = false; !isDone; nth++) {
        const copy = new LogCopy({
          from: filled,
          to: dying(there, 1, nth % 2 === 0 ? 'before' : 'after'),
          pageSize: 9,
        });
        isDone = await copy.catchUp().then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof Died)) throw error;
            return false;
          },
        );
      }
      expect(nth).toBeGreaterThan(10);
      await mustBeOne(filled, there);
      await there.close();
    }, 60_000);
  }
});

describe('phones go on after the move', () => {
  const worlds: World[] = [];
  afterAll(async () => {
    for (const world of worlds.splice(0)) await world.stop();
  });

  /** What the phones asked and hold by now, in the log and in the rows that were made of it. */
  async function rowsOf(world: World): Promise<unknown> {
    const { db } = world;
    const read = (table: string) =>
      db
        .selectFrom(table as never)
        .selectAll()
        .execute();
    const sorted = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    return [
      sorted(await read('projection_checkpoint')),
      sorted(await read('sync_conversation')),
      sorted(await read('item_view')),
    ];
  }

  for (const [name, open] of Object.entries(logs)) {
    it(`into ${name}: with their keys nothing is new, the rows stand as they are, and the next Add comes once to all`, async () => {
      const { pool } = await freshDatabase();
      const old = memoryEventLog();
      const before = await World.start({ pool, log: old, keys, blobs });
      const phones = await fill(before);
      const rows = await rowsOf(before);
      await before.stop();

      const log = await open();
      await new LogCopy({ from: old, to: log }).catchUp();
      const after = await World.start({ pool, log, keys, blobs });
      worlds.push(after);
      expect(await rowsOf(after)).toEqual(rows);
      const [first, second] = phones.map((phone) => phone.copy(after)) as [Phone, Phone];
      const folder = after.collection(kari, 'contact') as CollectionId;
      const held = first.folder(folder).items.size;
      for (const phone of [first, second]) {
        const answer = await phone.sync(folder);
        expect(answer).toMatchObject({ status: 1, commands: [], moreAvailable: false, isEmpty: true });
      }
      expect(await log.head(after.account(kari).tenant)).toBe(await old.head(after.account(kari).tenant));

      const add = { do: 'add' as const, clientId: 'moved', data: contact({ company: 'Ny AS' }) };
      const lost = await first.sync(folder, { commands: [add], lose: true });
      expect(lost.responses[0]?.status).toBe(1);
      // The answer was lost, and comes again.
      const again = await first.sync(folder, { commands: [add] });
      expect(again.responses[0]?.serverId).toBe(lost.responses[0]?.serverId);
      await second.pull(folder);
      for (const phone of [first, second]) {
        expect(phone.folder(folder).items.size).toBe(held + 1);
        expect(phone.complaints).toEqual([]);
      }
      const fresh = new Phone(after, after.session(kari, 'fresh'));
      await fresh.reset(folder);
      const companies = (phone: Phone) =>
        [...phone.folder(folder).items.values()].map((data) => fieldsOf('contact', data).company).sort();
      expect(companies(fresh)).toEqual(companies(first));
    }, 60_000);

    it(`out of PostgreSQL into ${name} while they work: what was answered is there once, what was refused is sent again`, async () => {
      const { pool } = await freshDatabase();
      const old = postgresEventLog({ pool });
      const before = await World.start({ pool, log: old, keys, blobs });
      const phone = new Phone(before, before.session(per, 'live', 161));
      const folder = before.collection(per, 'contact') as CollectionId;
      await phone.reset(folder);
      const log = await open();
      const answered: string[] = [];
      const adding = (n: number) => {
        const data = contact({ company: `Live ${n}`, familyName: `Nr ${n}`, email1: `${n}@fjord.example` });
        return { do: 'add' as const, clientId: `live${n}`, data };
      };
      let refused: number | undefined;
      const working = (async () => {
        for (let n = 0; refused === undefined; n++) {
          await phone.sync(folder, { commands: [adding(n)] }).then(
            () => answered.push(`Live ${n}`),
            (error: unknown) => {
              if (!(error instanceof LogSealed)) throw error;
              refused = n;
            },
          );
        }
      })();
      await expect.poll(() => answered.length, { interval: 5, timeout: 20_000 }).toBeGreaterThan(10);
      const copy = new LogCopy({ from: old, to: log });
      let isOpen = false;
      await cutOver(copy, {
        seal: () => sealPostgresLog(pool),
        open: async () => {
          isOpen = true;
        },
      });
      await working;
      expect(isOpen).toBe(true);
      await mustBeOne(old, log);
      await before.stop();

      const after = await World.start({ pool, log, keys, blobs });
      worlds.push(after);
      const moved = phone.copy(after);
      await moved.sync(folder, { commands: [adding(refused!)] });
      await moved.pull(folder);
      const fresh = new Phone(after, after.session(per, 'fresh2'));
      await fresh.reset(folder);
      const companies = [...fresh.folder(folder).items.values()].map((data) => fieldsOf('contact', data).company);
      expect(companies.sort()).toEqual([...answered, `Live ${refused}`].sort());
      expect([...moved.folder(folder).items.keys()].sort()).toEqual([...fresh.folder(folder).items.keys()].sort());
      expect(moved.complaints).toEqual([]);
    }, 60_000);
  }
});
