import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { itemClasses } from '../../api/engine.ts';
import { createSandbox, type SandboxSources } from '../../api/sandbox.ts';
import { unpaired } from '../../domain/device/state.ts';
import type { Fields, ItemKind } from '../../domain/item/fields.ts';
import type { CollectionId, ExchangeId, Instant, ItemId, Position } from '../../domain/shared/ids.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { PastRowsReader } from '../../projections/item-view/past.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { contact, fieldsOf } from '../../test/world/examples.ts';
import { MemoryExchanges } from '../../test/world/exchanges.ts';
import { Phone, type PhoneCommand } from '../../test/world/phone.ts';
import { World, worldSecret } from '../../test/world/world.ts';
import type { ItemClass } from '../activesync/classes/port.ts';
import { type MemoryBlob, MemoryBlobStore } from '../blobs/memory.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Replayed } from './port.ts';
import { Replays } from './replays.ts';
import { Summary } from './summary.ts';

let pool: Pool;
let world: World;
let record: MemoryExchanges;
let email: string;
let contacts: CollectionId;
let phone: Phone;
let other: Phone;
let people = 0;
const blobs = new Map();
/** What the server's class of contacts stumbles over. */
const stumbling = 'Feil AS';

const brokenClasses: Record<ItemKind, ItemClass> = {
  ...itemClasses,
  contact: {
    ...itemClasses.contact,
    parse(data, context) {
      const parsed = itemClasses.contact.parse(data, context);
      if (parsed.kind === 'parsed' && parsed.patch.set.company === stumbling) throw new TypeError('a fault');
      return parsed;
    },
  },
};

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  record = new MemoryExchanges();
  const store = new MemoryBlobStore(Date.now, blobs as Map<never, Map<string, MemoryBlob>>);
  world = await World.start({ pool, record, blobs: store, classes: brokenClasses });
});
afterAll(() => world.stop());
beforeEach(async () => {
  email = `kari@replay${++people}.example`;
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'phone'));
  other = new Phone(world, world.session(email, 'other'));
  record.all.length = 0;
  await phone.reset(contacts);
});

function sources(classes: Record<ItemKind, ItemClass> = itemClasses): SandboxSources {
  const { account } = world.account(email);
  return {
    stored: world.stored,
    keys: world.keys,
    blobs: world.blobs,
    itemView: world.engine.itemView,
    rows: new PastRowsReader(world.db),
    syncView: world.engine.syncView,
    itemLog: new ItemLogReader(world.db),
    syncKeySecret: worldSecret,
    classes,
    peopleOf: () => ({
      people: { person: async () => world.person(email) },
      devices: { device: () => unpaired, run: () => Promise.reject(new Error('devices do not change in this world')) },
      folders: {
        of: () => world.tree(account),
        run: () => Promise.reject(new Error('folders do not change in this world')),
      },
      close: () => {},
    }),
  };
}

function replays(classes?: Record<ItemKind, ItemClass>): Replays {
  const given = sources(classes);
  return new Replays({
    record,
    sandbox: () => createSandbox(given),
    stored: world.stored,
    commit: {
      items: world.engine.items,
      view: world.engine.itemView,
      open: world.engine.deps.open,
      now: () => new Date().toISOString() as Instant,
    },
  });
}

const add = (company: string, more: object = {}): PhoneCommand => ({
  do: 'add',
  clientId: phone.nextClientId(),
  data: contact({ company, ...more }),
});
const companiesOf = (one: Phone) =>
  [...one.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company).sort();
const admin = { kind: 'admin', name: 'Siri' } as const;
const told = ({ outcome, decisions, events, answer, skipped }: Replayed) => ({
  ...{ outcome, decisions, events, skipped },
  // Long bodies are no help to whoever reads what differs.
  answer: answer.map(({ of, text }) => [of, text.slice(0, 80)]),
});
const asRecorded = { outcome: 'same', decisions: [], events: [], answer: [], skipped: null };

/** Every row of every table. */
async function databaseHash(): Promise<string> {
  const tables = await pool.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = current_schema() order by 1`,
  );
  const hash = createHash('sha256');
  for (const { name } of tables.rows) {
    const { rows } = await pool.query(`select t::text as line from "${name}" t order by 1`);
    hash.update(`${name}\n${rows.map(({ line }) => line).join('\n')}\n`);
  }
  return hash.digest('hex');
}

describe('a recorded exchange', () => {
  const command = fc.record({
    who: fc.constantFrom('phone', 'other'),
    do: fc.constantFrom('add', 'change', 'delete', 'nothing', 'lose', 'earlier'),
    which: fc.nat(5),
    company: fc.constantFrom('Hav AS', 'Fjell AS', 'Dal AS'),
    body: fc.constantFrom('', 'Kort', 'Lang '.repeat(9_000)),
  });

  it('comes to the same when nothing changed in the program', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 12 }), async (steps) => {
        email = `kari@replay${++people}.example`;
        contacts = world.collection(email, 'contact');
        const phones = {
          phone: new Phone(world, world.session(email, 'phone')),
          other: new Phone(world, world.session(email, 'other')),
        };
        record.all.length = 0;
        const keys: string[] = [];
        await phones.phone.reset(contacts);
        await phones.other.reset(contacts, { bodyType: 1 });
        for (const { who, do: what, which, company, body } of steps) {
          const one = phones[who as 'phone' | 'other'];
          const held = [...one.folder(contacts).items.keys()];
          const serverId = held[which % Math.max(1, held.length)];
          const data = contact({ company, ...(body ? { body: { type: 'text', content: body } } : {}) });
          const commands: PhoneCommand[] =
            what === 'add' || (what !== 'nothing' && !serverId)
              ? [{ do: 'add', clientId: one.nextClientId(), data }]
              : what === 'change' || what === 'lose'
                ? [{ do: 'change', serverId: serverId as string, data }]
                : what === 'delete'
                  ? [{ do: 'delete', serverId: serverId as string }]
                  : [];
          if (what === 'earlier' && keys.length > 0)
            await one.sync(contacts, { key: keys[which % keys.length] as string });
          else await one.sync(contacts, { commands, lose: what === 'lose' });
          keys.push(one.folder(contacts).key);
        }
        await world.settle(email);
        const again = replays(brokenClasses);
        for (const { id, verdicts } of [...record.all]) {
          const replayed = (await again.one(id)) as Replayed;
          const outcome = verdicts.length > 0 ? 'failing' : 'same';
          expect(told(replayed)).toEqual({ ...asRecorded, outcome });
        }
      }),
      { numRuns: 8, interruptAfterTimeLimit: 20_000 },
    );
  }, 60_000);

  it('runs without a trace in the database, the log and the bodies', async () => {
    await phone.sync(contacts, {
      commands: [add('Hav AS', { body: { type: 'text', content: 'Lang '.repeat(9_000) } })],
    });
    await other.reset(contacts);
    await phone.sync(contacts, { commands: [add(stumbling)] });
    await world.settle(email);
    const { tenant } = world.account(email);
    const state = async () => ({
      database: await databaseHash(),
      log: (await world.log.readAll(tenant, 0 as Position, 1_000)).map(({ id, hash }) => [id, hash]),
      blobs: [...blobs].map(([name, held]) => [name, [...held.keys()].sort()]),
    });
    const before = await state();
    let appends = 0;
    const counted = world.log.commits.subscribe(() => appends++);
    for await (const one of replays().failures({ from: '2000-01-01', to: '9999-12-31' }))
      expect(one.outcome).toBe('fine');
    for (const { id } of [...record.all]) await replays().one(id, { actor: admin, isDry: true });
    counted.unsubscribe();
    expect(appends).toBe(0);
    expect(await state()).toEqual(before);
  });

  it('that failed by a fault is fine with the mended program, and what it missed reaches every device', async () => {
    await other.reset(contacts);
    const commands = [add('Hav AS'), add(stumbling)];
    const failed = await phone.sync(contacts, { commands });
    expect(failed.status).not.toBe(1);
    const { id } = record.last;
    expect(record.last).toMatchObject({ verdicts: ['failed'], causes: ['error.TypeError'] });

    expect(await replays(brokenClasses).one(id)).toMatchObject({ outcome: 'failing', causes: ['error.TypeError'] });
    const now = (await replays().one(id, { actor: admin, isDry: true })) as Replayed & { commands: object[] };
    expect(now).toMatchObject({
      outcome: 'fine',
      causes: [],
      commands: [
        { command: 'Sync Add', outcome: 'applied' },
        { command: 'Sync Add', outcome: 'applied' },
      ],
    });
    expect(now.events.filter(({ type }) => type === 'ContactAdded')).toMatchObject([
      { difference: 'onlyNow' },
      { difference: 'onlyNow' },
    ]);
    expect(now.answer.some(({ of }) => of === 'now')).toBe(true);
    await other.pull(contacts);
    expect(companiesOf(other)).toEqual([]);

    await replays().one(id, { actor: admin, isDry: false, reason: 'mended' });
    await world.settle(email);
    await other.pull(contacts);
    expect(companiesOf(other)).toEqual([stumbling, 'Hav AS']);
    const { tenant } = world.account(email);
    const item = [...other.folder(contacts).items.keys()][0] as ItemId;
    const [event] = await world.engine.items.history(tenant, 'contact', item);
    expect(event?.meta).toMatchObject({ actor: admin, cause: { command: 'replay', exchange: id, reason: 'mended' } });

    const head = await world.log.head(tenant);
    expect(await replays().one(id, { actor: admin, isDry: false })).toMatchObject({
      commands: [{ outcome: 'doneBefore' }, { outcome: 'doneBefore' }],
    });
    expect(await world.log.head(tenant)).toBe(head);
  });

  it('that failed is not applied a second time when the phone has come with it again', async () => {
    await phone.sync(contacts, { commands: [add(stumbling)] });
    const { id } = record.last;
    await other.reset(contacts);
    const given = { ...contact({ company: stumbling }) };
    // The phone began anew and another server took it: the same person, written in by another way.
    const { account, tenant } = world.account(email);
    await world.execute(email, {
      ...{ item: 'again' as ItemId, kind: 'contact', actor: { kind: 'office', account } },
      ...{ at: new Date().toISOString() as Instant, owner: account, commandId: `${people}` as never },
      command: { do: 'add', kind: 'contact', owner: account, collection: contacts, fields: fieldsOf('contact', given) },
    });
    await world.settle(email);
    const head = await world.log.head(tenant);
    expect(await replays().one(id, { actor: admin, isDry: false })).toMatchObject({
      commands: [{ outcome: 'thereAlready', detail: 'again' }],
    });
    expect(await world.log.head(tenant)).toBe(head);
  });

  it('whose change was overtaken is kept as the loser of a conflict', async () => {
    const answer = await phone.sync(contacts, { commands: [add('Hav AS')] });
    const serverId = answer.responses[0]?.serverId as string;
    await phone.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ company: stumbling }) }] });
    const { id, verdicts } = record.last;
    expect(verdicts).toEqual(['failed']);
    await phone.sync(contacts, { commands: [{ do: 'change', serverId, data: contact({ company: 'Fjell AS' }) }] });
    expect(await replays().one(id, { actor: admin, isDry: false })).toMatchObject({
      outcome: 'fine',
      commands: [{ item: serverId, outcome: 'keptAsLoser' }],
    });
    await world.settle(email);
    await other.reset(contacts);
    expect(companiesOf(other)).toEqual(['Fjell AS']);
  });

  it('that failed is not applied beyond what the guard lets a device delete', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `Hav ${n} AS`);
    await phone.sync(contacts, { commands: names.map((name) => add(name)) });
    await phone.sync(contacts);
    const held = [...phone.folder(contacts).items.keys()];
    const deletes = held.slice(0, 50).map((serverId): PhoneCommand => ({ do: 'delete', serverId }));
    await phone.sync(contacts, { commands: [...deletes, add(stumbling)] });
    expect(record.last.verdicts).toEqual(['failed']);
    const replayed = await replays().one(record.last.id, { actor: admin, isDry: false });
    const applied = replayed?.commands.filter(({ outcome }) => outcome === 'applied') ?? [];
    expect(applied.filter(({ command }) => command === 'Sync Delete')).toHaveLength(20);
    await world.settle(email);
    await other.reset(contacts);
    expect(other.folder(contacts).items.size).toBe(60 - 20 + 1);
  });

  it('is held back again when it was held back for what was deleted before', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `Hav ${n} AS`);
    await phone.sync(contacts, { commands: names.map((name) => add(name)) });
    await phone.sync(contacts);
    const held = [...phone.folder(contacts).items.keys()];
    const deleted = (from: number, to: number) =>
      held.slice(from, to).map((serverId): PhoneCommand => ({ do: 'delete', serverId }));
    await phone.sync(contacts, { commands: deleted(0, 15) });
    await phone.sync(contacts, { commands: deleted(15, 30) });
    await world.settle(email);
    const { id } = record.last;
    const { tenant } = world.account(email);
    const events = await world.store.readAll(tenant, 0 as Position, 1_000);
    expect(events.filter(({ type }) => type === 'CommandsHeld')).toHaveLength(1);
    expect(told((await replays().one(id)) as Replayed)).toEqual(asRecorded);
  });

  it('tells which devices another build would answer otherwise', async () => {
    await phone.sync(contacts, { commands: [add('Hav AS')] });
    await other.reset(contacts);
    await phone.sync(contacts);
    const shouting: Record<ItemKind, ItemClass> = {
      ...itemClasses,
      contact: {
        ...itemClasses.contact,
        render: (writer, fields, context) =>
          itemClasses.contact.render(writer, { ...fields, company: 'HAV AS' } as Fields, context),
      },
    };
    const summary = new Summary();
    const all = { from: '2000-01-01', to: '9999-12-31' };
    for await (const one of replays(shouting).everything(all)) summary.add(one);
    const { devices, outcomes } = summary.result;
    expect(outcomes).toMatchObject({ broken: 0, fine: 0, skipped: 0 });
    // Both phones held, or were sent, the name as it was.
    const which = devices.map(({ device }) => device).sort();
    expect(which).toEqual([phone.session.device, other.session.device].sort());
    const unchanged = new Summary();
    for await (const one of replays().everything(all)) unchanged.add(one);
    expect(unchanged.result.devices).toEqual([]);
  });

  it('shows how a span would have gone on, from where everything was kept', async () => {
    await phone.sync(contacts, { commands: [add(stumbling)] });
    await phone.sync(contacts, { commands: [add('Hav AS')] });
    await phone.sync(contacts, { commands: [add('Dal AS')] });
    const [, , , second] = record.all;
    const { tenant, account } = world.account(email);
    const { device } = phone.session;
    const span = async () => {
      const found: Replayed[] = [];
      const whole = { tenant, account, device, from: '2000-01-01', to: '9999-12-31' };
      for await (const one of replays().span(whole)) found.push(one);
      return found;
    };
    const all = await span();
    expect(all.map(({ outcome }) => outcome)).toEqual(['same', 'same', 'fine', 'different', 'different']);
    record.forget(second?.id as ExchangeId);
    expect((await span()).map(({ outcome }) => outcome)).toEqual(['same', 'same', 'fine', 'skipped', 'same']);
  });
});
