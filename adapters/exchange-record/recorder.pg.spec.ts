/** What is recorded of phones that speak HTTP to the route, in a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import { el } from '../../test/eas-client/elements.ts';
import { freshDatabase } from '../../test/postgres.ts';
import type { ItemClass } from '../activesync/classes/port.ts';
import { TestDevice } from '../activesync/test-server/device.ts';
import { startTestServer, type TestParts, type TestServer } from '../activesync/test-server/server.ts';
import { AirSync, Contacts } from '../activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../activesync/wbxml/decode.ts';
import { formatXml } from '../activesync/wbxml/format.ts';
import { systemClock } from '../clock.ts';
import { deviceKeyFrom } from '../ids.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Exchange } from './port.ts';
import { postgresExchanges } from './postgres/store.ts';
import { ExchangeRecorder } from './recorder.ts';
import type { ExchangeStore } from './store.port.ts';

const tenant = 'demo.example' as TenantId;
let pool: Pool;
let server: TestServer;
let parts: TestParts;
let store: ExchangeStore;
let recorder: ExchangeRecorder;
/** Texts of what the record sends to the database. */
const sent: string[] = [];
/** Where a phone's first name is this one, the class fails, and quotes it. */
const unshowable = 'Torbjørn';
let people = 0;

beforeAll(async () => {
  ({ pool } = await freshDatabase());
  server = await startTestServer(pool, (deps, given) => {
    parts = given;
    const counting = {
      query: (text: string, values: unknown[]) => {
        sent.push(text);
        return pool.query(text, values);
      },
      connect: () => {
        sent.push('connect');
        return pool.connect();
      },
    } as unknown as Pool;
    store = postgresExchanges({ pool: counting, keys: parts.keys });
    recorder = new ExchangeRecorder({
      ...{ store, keys: parts.keys, clock: systemClock, appVersion: '1', mappingVersion: 1 },
      ...{ keptDays: 30, bodiesKeptDays: 7, onTrouble: () => {} },
      position: (one) => parts.runner.position(one),
    });
    const classOf: typeof deps.classOf = (kind) => {
      const itemClass = deps.classOf(kind) as ItemClass<{ givenName?: string }>;
      return {
        ...itemClass,
        render: (writer, fields, context) => {
          if ((fields as { givenName?: string }).givenName === unshowable && context.version === 161) {
            throw new TypeError(`cannot show ${unshowable}`);
          }
          itemClass.render(writer, fields as never, context);
        },
      } as ItemClass;
    };
    return { ...deps, classOf, record: recorder };
  });
});
afterAll(() => server.stop());

interface Phone {
  readonly device: TestDevice;
  readonly contacts: string;
  readonly account: Exchange['account'];
  readonly key: Exchange['device'];
  recorded(): Promise<Exchange[]>;
}

async function phoneOf(email: string, version: 141 | 161 = 141): Promise<Phone> {
  const device = new TestDevice(server, { email, version });
  const contacts = (await device.folders()).get('Contacts') as string;
  const { account } = (await server.create({ email }).catch(() => undefined)) ?? (await find(email));
  const key = deviceKeyFrom(account.id, device.deviceId);
  const recorded = async () => {
    expect(await recorder.flush()).toBe(true);
    return await store.list({ device: key, limit: 100 });
  };
  return { device, contacts, account: account.id, key, recorded };
}

const find = async (email: string) =>
  (await server.accounts.find(email)) as NonNullable<Awaited<ReturnType<typeof server.accounts.find>>>;

async function freshPhone(version: 141 | 161 = 141): Promise<Phone> {
  const email = `person${++people}@demo.example`;
  await server.create({ email });
  return await phoneOf(email, version);
}

const addOf = (givenName: string, clientId = 'c1') =>
  el(AirSync.Add, [
    el(AirSync.ClientId, clientId),
    el(AirSync.ApplicationData, [el(Contacts.FirstName, givenName), el(Contacts.LastName, 'Bråthen')]),
  ]);

describe('the record of exchanges', () => {
  it('has what was asked, decided and answered, and the events name it', async () => {
    const { device, contacts, recorded, account } = await freshPhone();
    const { key } = await device.pull(contacts);
    const before = await server.head(tenant);
    const { responses } = await device.sync(contacts, key, [addOf('Astrid')]);
    expect(responses).toHaveLength(1);
    const last = (await recorded()).at(-1) as Exchange;
    expect(last).toMatchObject({
      ...{ tenant, account, command: 'Sync', version: 141, httpStatus: 200, status: null, position: before },
      ...{ verdicts: [], causes: [], hasBody: false, waitedMs: 0 },
    });
    expect(last.collections).toEqual([
      {
        ...{ collection: contacts, kind: 'contact', key: '1.1', recognised: 'next', revision: 0 },
        commands: { add: 1, change: 0, delete: 0, fetch: 0 },
        statuses: { 1: 1 },
        told: { add: 0, change: 0, delete: 0, softDelete: 0 },
        ...{ withheld: 0, status: 1, issuedKey: '1.2', moreAvailable: false },
      },
    ]);
    const caused = (await parts.store.readAll(tenant, before, 100)).map(({ meta }) => meta.cause?.exchange);
    expect(caused).toEqual([last.id, last.id]);
  });

  it('keeps the bodies of a failed exchange, once, for the key of the person alone', async () => {
    const { device, contacts, recorded, account } = await freshPhone();
    const { key } = await device.pull(contacts);
    await device.sync(contacts, `${key.slice(0, -1)}9`, [addOf('Sigrid')]);
    const [failed, ...more] = (await recorded()).filter(({ verdicts }) => verdicts.length > 0) as [Exchange];
    expect(more).toEqual([]);
    expect(failed).toMatchObject({ verdicts: ['unknownKey'], causes: ['sync.invalidSyncKey'], hasBody: true });
    const body = await store.body(failed);
    expect(body).toMatchObject({ userAgent: 'Test/1.0', policyKey: '0', query: { command: 'Sync' }, error: null });
    expect(xmlOf(body?.request)).toContain('<Contacts:FirstName>Sigrid</Contacts:FirstName>');
    expect(xmlOf(body?.answer)).toContain('<AirSync:Status>3</AirSync:Status>');

    const stranger = (await freshPhone()).account;
    await expect(store.body({ ...failed, account: stranger })).rejects.toThrow('seal is broken');
    await parts.keys.destroy(tenant, accountSubject(account));
    expect(await store.body(failed)).toBeUndefined();
  });

  it('tells what was withheld, of which item and why, as long as the item is not erased', async () => {
    const email = `person${++people}@demo.example`;
    await server.create({ email });
    const old = await phoneOf(email);
    const { key } = await old.device.pull(old.contacts);
    await old.device.sync(old.contacts, key, [addOf(unshowable)]);
    const { device, contacts, recorded, key: withheldFrom } = await phoneOf(email, 161);
    expect((await device.pull(contacts)).items).toEqual([]);
    const found = (await recorded()).filter(({ verdicts }) => verdicts.includes('withheld'));
    expect(found).toMatchObject([{ causes: ['withheld'], collections: [{ withheld: 1 }], hasBody: true }]);
    const [withheld] = await store.withheldFor(tenant, withheldFrom);
    expect(withheld).toMatchObject({
      collection: contacts,
      reason: `cannot show ${unshowable}`,
      exchange: found[0]?.id,
    });
    expect(await store.withheldFor(tenant, withheldFrom, 'another' as ItemId)).toEqual([]);
    await parts.keys.destroy(tenant, itemSubject(withheld?.item as ItemId));
    expect(await store.withheldFor(tenant, withheldFrom)).toMatchObject([{ item: withheld?.item, reason: null }]);
  });

  it('holds nothing of what people wrote in clear', async () => {
    const { device, contacts, recorded } = await freshPhone(161);
    const { key } = await device.pull(contacts);
    await device.sync(contacts, `${key}9`, [addOf('Gunnhild')]);
    await device.sync(contacts, key, [addOf(unshowable)]);
    await device.sync(contacts, `${key}8`, [addOf(unshowable)]);
    expect((await recorded()).filter(({ hasBody }) => hasBody).length).toBeGreaterThan(1);
    for (const table of ['exchange', 'exchange_body', 'exchange_quiet', 'exchange_withheld']) {
      const { rows } = await pool.query<{ text: string }>(`select t::text as text from ${table} t`);
      expect(rows.length, table).toBeGreaterThan(0);
      for (const word of ['Gunnhild', unshowable, 'Bråthen', 'demo.example:', 'secret']) {
        const hex = Buffer.from(word).toString('hex');
        const found = rows.filter(({ text }) => text.includes(word) || text.includes(hex));
        expect(found, `${word} in ${table}`).toEqual([]);
      }
    }
  });

  it('writes nothing for exchanges that have nothing to say, and a row for all of an hour', async () => {
    const { device, contacts, recorded, key: deviceKey } = await freshPhone();
    const { key } = await device.pull(contacts);
    // The first look settles what the phone was just given.
    await device.sync(contacts, key);
    const before = await recorded();
    const counted = async () => (await store.quiet(tenant, deviceKey)).reduce((sum, { times }) => sum + times, 0);
    const countedBefore = await counted();
    sent.length = 0;
    for (let times = 0; times < 40; times++) await device.sync(contacts, key);
    expect(sent).toEqual([]);
    expect(recorder.counts.waiting).toBe(0);
    expect(await recorded()).toEqual(before);
    expect(sent.filter((text) => text.includes('exchange_quiet'))).toHaveLength(1);
    expect((await counted()) - countedBefore).toBe(40);
    expect((await store.quiet(tenant, deviceKey)).length).toBeLessThanOrEqual(2);
  });

  it('keeps everything of a device under watch, and nothing of the others', async () => {
    const watched = await freshPhone();
    const other = await freshPhone();
    const until = new Date(Date.now() + 60_000).toISOString() as never;
    await server.devices.administer(await find(watched.device.email), watched.device.deviceId, {
      type: 'watch',
      until,
    });
    const exchange = async ({ device, contacts }: Phone) => {
      const { key } = await device.pull(contacts);
      for (let times = 0; times < 3; times++) await device.sync(contacts, key);
    };
    const begin = (await watched.recorded()).length;
    await exchange(watched);
    await exchange(other);
    const kept = (await watched.recorded()).slice(begin);
    expect(kept.filter(({ collections }) => collections.length === 0).length).toBeGreaterThanOrEqual(3);
    for (const one of kept) expect(await store.body(one)).toMatchObject({ request: expect.any(Uint8Array) });
    expect((await other.recorded()).some(({ hasBody }) => hasBody)).toBe(false);

    await server.devices.administer(await find(watched.device.email), watched.device.deviceId, { type: 'endWatch' });
    await exchange(watched);
    expect((await watched.recorded()).slice(begin + kept.length).some(({ hasBody }) => hasBody)).toBe(false);
  });

  it('keeps everything of everyone while that is asked for, also for the process that starts then', async () => {
    const phone = await freshPhone();
    await recorder.watchAll({ until: new Date(Date.now() + 60_000).toISOString(), by: 'Solveig' });
    await phone.device.pull(phone.contacts);
    expect((await phone.recorded()).at(-1)?.hasBody).toBe(true);
    expect(await store.watchAll()).toMatchObject({ by: 'Solveig' });
    await recorder.watchAll(undefined);
    await phone.device.pull(phone.contacts);
    expect((await phone.recorded()).at(-1)?.hasBody).toBe(false);
    expect(await store.watchAll()).toBeUndefined();
  });

  it('finds exchanges by device, person, time and verdict, page by page', async () => {
    const { device, contacts, account, key: deviceKey, recorded } = await freshPhone();
    const { key } = await device.pull(contacts);
    const middle = new Date().toISOString();
    await device.sync(contacts, `${key}9`);
    await device.sync(contacts, `${key}9`);
    const all = await recorded();
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).toSorted());
    const first = await store.list({ account, limit: 2 });
    const rest = await store.list({ account, limit: 100, after: first[1]?.id });
    expect([...first, ...rest]).toEqual(all);
    expect(await store.list({ device: deviceKey, newestFirst: true, limit: 100 })).toEqual(all.toReversed());
    const later = await store.list({ tenant, account, from: middle, suspicious: true, withBody: true, limit: 100 });
    expect(later).toEqual(all.slice(-2));
    expect(await store.list({ account, to: middle, limit: 100 })).toEqual(all.slice(0, -2));
    expect(await store.find(all[0]?.id as Exchange['id'])).toEqual(all[0]);
    const [cause] = await store.causes({ tenant, account, from: middle });
    expect(cause).toMatchObject({ cause: 'sync.invalidSyncKey', times: 2, devices: 1, example: all.at(-1)?.id });
  });

  it('forgets a person, and what is too old, bodies first', async () => {
    const { device, contacts, account, recorded } = await freshPhone();
    await device.sync(contacts, '19999999991');
    const [failed] = (await recorded()).filter(({ hasBody }) => hasBody) as [Exchange];
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const never = inDays(-1_000);
    await store.sweep({ from: never, bodiesFrom: inDays(1), withheldFrom: never });
    expect(await store.find(failed.id)).toEqual({ ...failed, hasBody: false });
    expect(await store.body(failed)).toBeUndefined();
    expect(await store.forget(account)).toBeGreaterThan(0);
    expect(await store.list({ account, limit: 10 })).toEqual([]);
    const another = await freshPhone();
    expect(await another.recorded()).not.toEqual([]);
    expect(await store.sweep({ from: inDays(1), bodiesFrom: inDays(1), withheldFrom: inDays(1) })).toBeGreaterThan(0);
    const { rows } = await pool.query('select from exchange union all select from exchange_withheld');
    expect(rows).toEqual([]);
  });
});

function xmlOf(wbxml: Uint8Array | null | undefined): string {
  const decoded = decodeWbxml(wbxml ?? new Uint8Array());
  return decoded.ok ? formatXml(decoded.root) : decoded.reason;
}
