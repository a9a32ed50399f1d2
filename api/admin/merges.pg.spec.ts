/** Merging on request and taking merges back, as people ask for it; phones follow. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContactFields } from '../../domain/contact/fields.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { Instant } from '../../domain/shared/ids.ts';
import { ItemLogReader } from '../../projections/item-log/read.ts';
import { freshDatabase } from '../../test/postgres.ts';
import { startTestShell, type TestShell, testToken } from '../../test/shell.ts';
import { applicationData, fieldsOf } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { Duplicates } from '../services/duplicates.ts';
import { FirstSyncs } from '../services/first-syncs.ts';
import { Merges } from '../services/merges.ts';
import { PutRight } from '../services/put-right.ts';
import type { Support } from '../support.ts';

const kari: ContactFields = {
  fileAs: 'Hansen, Kari',
  givenName: 'Kari',
  familyName: 'Hansen',
  mobilePhone: '+47 900 11 222',
};

let world: World;
let shell: TestShell;
let email: string;
let contacts: string;
let phone: Phone;
let tablet: Phone;
let people = 0;
const inOffice = new Set<string>();
let nowMs = Date.parse('2026-11-20T08:00:00.000Z');
const now = () => new Date((nowMs += 10)).toISOString() as Instant;

beforeAll(async () => {
  world = await World.start({ pool: (await freshDatabase()).pool, nowMs: () => Date.parse(now()) });
  const { store, engine, db } = world;
  const log = new ItemLogReader(db);
  const settled = () => world.settle(email);
  const putRight = new PutRight({ store, items: engine.items, folders: engine.deps.folders.of, now });
  const baseline = { ofHome: async () => [...inOffice].map((item) => ({ item }) as never) };
  const support: Partial<Support> = {
    merges: new Merges({ items: engine.items, putRight, log, settled, now }),
    duplicates: new Duplicates({ deps: engine.deps, baseline, settled }),
    firstSyncs: new FirstSyncs({ view: engine.syncView, folders: engine.deps.folders, store, log, settled }),
  };
  shell = await startTestShell({ support });
});
afterAll(async () => {
  await shell.close();
  await world.stop();
});
beforeEach(async () => {
  email = `kari@merges${++people}.example`;
  await shell.accounts.create({ email, password: 'p' });
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'PHONE'));
  tablet = new Phone(world, world.session(email, 'TABLET'));
  inOffice.clear();
});

const ask = async (method: 'GET' | 'POST', path: string, payload?: object) => {
  const headers = { authorization: `Bearer ${testToken}`, 'x-admin-name': 'Signe' };
  const response = await shell.app.inject({ method, url: `/admin${path}`, headers, ...(payload ? { payload } : {}) });
  return { status: response.statusCode, body: response.json() };
};
const ofPerson = (path: string) => `/accounts/${email}${path}`;

async function bring(on: Phone, ...all: ContactFields[]): Promise<string[]> {
  const answer = await on.sync(contacts, {
    commands: all.map((fields) => ({
      do: 'add',
      clientId: on.nextClientId(),
      data: applicationData('contact', fields),
    })),
  });
  return answer.responses.map(({ serverId }) => serverId as string);
}
const change = (on: Phone, serverId: string, fields: Fields) =>
  on.sync(contacts, { commands: [{ do: 'change', serverId, data: applicationData('contact', fields) }] });
async function shown(): Promise<Record<string, Fields>> {
  for (const one of [phone, tablet]) await one.pull(contacts);
  const [a, b] = [phone, tablet].map((one) =>
    Object.fromEntries([...one.folder(contacts).items].map(([item, data]) => [item, fieldsOf('contact', data)])),
  );
  expect(a).toEqual(b);
  expect([...phone.complaints, ...tablet.complaints]).toEqual([]);
  return a as Record<string, Fields>;
}

/** The tablet brings what the phone had brought, written otherwise. */
async function merged(): Promise<{ item: string; merge: string }> {
  await phone.pull(contacts);
  const [item] = (await bring(phone, kari)) as [string];
  await world.settle(email);
  tablet.folder(contacts).key = (await tablet.sync(contacts, { key: '0' })).key;
  await bring(tablet, { ...kari, familyName: 'Hanssen', nickname: 'Kaja', jobTitle: 'Sjef' });
  expect(await shown()).toEqual({ [item]: { ...kari, nickname: 'Kaja', jobTitle: 'Sjef' } });
  const { body } = await ask('GET', ofPerson('/merges'));
  expect(body.merges).toMatchObject([{ item, title: 'Kari Hansen', brought: 'Kari Hanssen', isUndone: false }]);
  return { item, merge: body.merges[0].merge };
}

describe('a merge taken back', () => {
  it('gives back what was filled, but what somebody changed since, and the other stands by itself', async () => {
    const { item, merge } = await merged();
    await change(phone, item, { ...kari, nickname: 'Kaja', jobTitle: 'Leder' });
    const revision = Number(merge.split(':')[1]);
    const taken = await ask('POST', `/items/${item}/unmerge`, { revision, reason: 'two people' });
    expect(taken).toMatchObject({ status: 200, body: { item, cleared: ['nickname'] } });
    const { other } = taken.body;
    expect(await shown()).toEqual({
      [item]: { ...kari, jobTitle: 'Leder' },
      [other]: { ...kari, familyName: 'Hanssen', nickname: 'Kaja', jobTitle: 'Sjef' },
    });
    const head = await world.log.head(world.account(email).tenant);
    expect(await ask('POST', `/items/${item}/unmerge`, { revision })).toEqual(taken);
    expect(await world.log.head(world.account(email).tenant)).toBe(head);
    expect((await ask('GET', ofPerson('/merges'))).body.merges).toMatchObject([{ merge, other, isUndone: true }]);
  });

  it('is asked for by its revision', async () => {
    const { item } = await merged();
    for (const [id, revision] of [[item, 0] as const, [item, 99] as const, ['nobody', 1] as const]) {
      const answer = await ask('POST', `/items/${id}/unmerge`, { revision });
      expect(answer).toMatchObject({ status: 404, body: { error: 'unknown_merge' } });
    }
    expect((await ask('POST', `/items/${item}/unmerge`, { revision: -1 })).status).toBe(400);
  });
});

describe('duplicates', () => {
  /** Two of one person, that one phone brought itself; and two others who are alike. */
  async function given(): Promise<string[]> {
    await phone.pull(contacts);
    const kare = { ...kari, fileAs: 'Hansen, Kåre', givenName: 'Kåre' };
    return await bring(phone, { ...kari, company: 'Fjord AS' }, { ...kari, company: 'Fjord', nickname: 'Kaja' }, kare);
  }

  it('are listed with why and how sure, and nothing is changed', async () => {
    const [one, two] = (await given()) as [string, string, string];
    const before = await shown();
    const { body } = await ask('GET', ofPerson('/duplicates?folder=contacts'));
    expect(body).toMatchObject({
      duplicates: [
        {
          pair: `${one}:${two}`,
          folder: 'Contacts',
          sure: 'shared',
          matchedBy: ['name', 'number'],
          keep: { item: one, title: 'Kari Hansen', inOffice: false },
          other: { item: two },
        },
      ],
      next: null,
    });
    expect(await shown()).toEqual(before);
    expect((await ask('GET', ofPerson('/duplicates?folder=nowhere'))).body.error).toBe('unknown_folder');
  });

  it('are made one on request; phones follow, and unmerge makes them two again', async () => {
    const [one, two, kare] = (await given()) as [string, string, string];
    const before = await shown();
    const request = { keep: one, other: two, reason: 'typed twice' };
    const done = await ask('POST', ofPerson('/duplicates/merge'), request);
    expect(done).toMatchObject({ status: 200, body: { kept: one, removed: two, filled: ['nickname'] } });
    expect(await ask('POST', ofPerson('/duplicates/merge'), request)).toEqual(done);
    expect(await shown()).toEqual({ [one]: { ...before[one], nickname: 'Kaja' }, [kare]: before[kare] });
    const removal = (await world.engine.items.history(world.account(email).tenant, 'contact', two as never)).at(-1);
    expect(removal).toMatchObject({
      type: 'ContactRemoved',
      meta: { actor: { kind: 'admin', name: 'Signe' }, cause: { command: 'duplicates', reason: 'typed twice' } },
    });

    const [, revision] = done.body.merge.split(':');
    const back = await ask('POST', `/items/${one}/unmerge`, { revision: Number(revision) });
    expect(back.body).toMatchObject({ other: two, cleared: ['nickname'] });
    expect(await shown()).toEqual(before);
    const again = (await ask('GET', ofPerson('/duplicates'))).body.duplicates;
    expect(again).toMatchObject([{ isUnmerged: true }]);
    expect((await ask('POST', ofPerson('/duplicates/merge'), request)).status).toBe(200);
    expect(Object.keys(await shown()).sort()).toEqual([one, kare].sort());
  });

  it('the one that the office knows stays, though it is younger', async () => {
    const [one, two] = (await given()) as [string, string];
    inOffice.add(two);
    const { body } = await ask('GET', ofPerson('/duplicates'));
    expect(body.duplicates).toMatchObject([{ pair: `${two}:${one}`, keep: { inOffice: true } }]);
  });

  it('are not merged across people, nor with what is not there', async () => {
    const [one, two] = (await given()) as [string, string];
    const mine = email;
    email = `ola@${mine.split('@')[1]}`;
    await shell.accounts.create({ email, password: 'p' });
    const stranger = await ask('POST', ofPerson('/duplicates/merge'), { keep: one, other: two });
    expect(stranger).toMatchObject({ status: 404, body: { error: 'unknown_item' } });
    expect((await ask('GET', ofPerson('/duplicates'))).body.duplicates).toEqual([]);
    email = mine;
    const itself = await ask('POST', ofPerson('/duplicates/merge'), { keep: one, other: one });
    expect(itself).toMatchObject({ status: 404 });
    await phone.sync(contacts, { commands: [{ do: 'delete', serverId: two }] });
    await world.settle(email);
    const gone = await ask('POST', ofPerson('/duplicates/merge'), { keep: one, other: two });
    expect(gone).toMatchObject({ status: 409, body: { error: 'removed' } });
  });
});

describe('how a device began', () => {
  it('is told with what was here and what it brought', async () => {
    await merged();
    const person = { tenant: world.account(email).tenant, account: { id: world.account(email).account } } as never;
    const firstSyncs = new FirstSyncs({
      ...{ view: world.engine.syncView, folders: world.engine.deps.folders, store: world.store },
      ...{ log: new ItemLogReader(world.db), settled: () => world.settle(email) },
    });
    expect(await firstSyncs.of(person, tablet.session.device)).toMatchObject([
      { folder: 'Contacts', itemsHere: 1, brought: 1, merged: 1 },
    ]);
    expect(await firstSyncs.of(person, phone.session.device)).toMatchObject([{ itemsHere: 0, brought: 1, merged: 0 }]);
  });
});
