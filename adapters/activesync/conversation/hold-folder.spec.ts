import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person } from '../../../api/services/directory.ts';
import { HeldBatches } from '../../../api/services/held-batches.ts';
import { HeldBatchReader } from '../../../projections/held-batches/read.ts';
import { el, numberAt } from '../../../test/eas-client/elements.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { createKysely } from '../../postgres/kysely.ts';
import type { ActiveSyncDeps } from '../deps.ts';
import { addContact, serverIds, TestDevice } from '../test-server/device.ts';
import { startTestServer, type TestServer } from '../test-server/server.ts';
import { AirSync, FolderHierarchy, ItemOperations } from '../wbxml/code-pages/index.ts';
import { child, textOf } from '../wbxml/element.ts';

let server: TestServer;
let service: HeldBatches;
let person: Person;
let phone: TestDevice;
let tablet: TestDevice;
let folder: string;
let people = 0;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  let deps: ActiveSyncDeps | undefined;
  server = await startTestServer(pool, (given) => (deps = given));
  const store = (deps as unknown as ActiveSyncDeps).events;
  service = new HeldBatches({
    deps: server.engine.deps,
    store,
    reader: new HeldBatchReader(createKysely(pool as pg.Pool)),
  });
});
afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** A folder that the phone made, with so many contacts, on two devices. */
async function given(count: number, features: string[] = []): Promise<string[]> {
  const email = `kari${++people}@folders.example`;
  person = await server.create({ email, features });
  phone = new TestDevice(server, { email });
  tablet = new TestDevice(server, { email });
  await phone.folderSync();
  const { FolderCreate, SyncKey, ParentId, DisplayName, Type, ServerId } = FolderHierarchy;
  const parts = [el(SyncKey, phone.folderKey), el(ParentId, '0'), el(DisplayName, 'Kunder'), el(Type, '14')];
  const { root } = await phone.send('FolderCreate', el(FolderCreate, parts));
  phone.folderKey = (root && textOf(root, SyncKey)) ?? '';
  folder = (root && textOf(root, ServerId)) ?? '';
  await tablet.folderSync();
  const { key } = await phone.sync(folder, '0');
  const adds = Array.from({ length: count }, (_, index) => addContact(`c${index}`, `Nr ${index}`));
  return serverIds((await phone.sync(folder, key, adds)).responses);
}

async function deleteFolder(): Promise<number> {
  const { FolderDelete, SyncKey, ServerId, Status } = FolderHierarchy;
  const { root } = await phone.send(
    'FolderDelete',
    el(FolderDelete, [el(SyncKey, phone.folderKey), el(ServerId, folder)]),
  );
  phone.folderKey = (root && textOf(root, SyncKey)) ?? phone.folderKey;
  return numberAt(root, Status) as number;
}

async function emptyFolder(): Promise<number> {
  const asked = el(ItemOperations.EmptyFolderContents, [el(AirSync.CollectionId, folder)]);
  const { root } = await phone.send('ItemOperations', el(ItemOperations.ItemOperations, [asked]));
  const [answer] = (root && child(root, ItemOperations.Response)?.children) ?? [];
  return numberAt(answer, ItemOperations.Status) as number;
}

const present = async () => (await tablet.pull(folder)).items.sort();
async function open() {
  await server.settle(person.tenant);
  const whose = { tenant: person.tenant, account: person.account.id };
  return await service.list({ person: whose, isOpenOnly: true, limit: 10 });
}

describe('a phone that deletes a folder', () => {
  it('of few items takes them with it', async () => {
    await given(20);
    expect(await deleteFolder()).toBe(1);
    expect(await open()).toEqual([]);
    expect((await phone.folderSync()).changes).toEqual([]);
    expect((await tablet.sync(folder, '0')).status).toBe(12);
  });

  it('of many is told that it is done; folder and items stay, and it finds the folder again', async () => {
    const items = (await given(21)).sort();
    expect(await deleteFolder()).toBe(1);
    expect(await open()).toMatchObject([{ asked_by: 'FolderDelete', items: 21, items_before: 21, collection: folder }]);
    expect(await present()).toEqual(items);
    const { changes } = await phone.folderSync();
    expect(changes.map((change) => [change.tag, textOf(change, FolderHierarchy.ServerId)])).toEqual([
      [FolderHierarchy.Add, folder],
    ]);
    expect((await phone.folderSync()).changes).toEqual([]);
    expect((await phone.pull(folder)).items.sort()).toEqual(items);
  });

  it('again and again makes one batch, and when it is released the folder is empty and can go', async () => {
    await given(30);
    for (let nth = 0; nth < 3; nth++) {
      expect(await deleteFolder()).toBe(1);
      await phone.folderSync();
    }
    const batches = await open();
    expect(batches).toMatchObject([{ items: 30 }]);
    expect(await service.release(batches[0]?.batch as string, { kind: 'admin' })).toMatchObject({ staying: 0 });
    await server.settle(person.tenant);
    expect(await present()).toEqual([]);
    expect(await deleteFolder()).toBe(1);
    expect((await tablet.sync(folder, '0')).status).toBe(12);
  });

  it('that it never synced is kept from it too', async () => {
    const items = (await given(25)).sort();
    [phone, tablet] = [tablet, phone];
    expect(await deleteFolder()).toBe(1);
    expect(await open()).toHaveLength(1);
    expect(await present()).toEqual(items);
    await phone.folderSync();
    expect((await phone.pull(folder)).items).toHaveLength(25);
  });
});

describe('a phone of an account that is not guarded', () => {
  it('may delete everything at once', async () => {
    await given(40, ['mass-deletes']);
    const { key, items } = await phone.pull(folder);
    const deletes = items.map((item) => el(AirSync.Delete, [el(AirSync.ServerId, item)]));
    await phone.sync(folder, key, deletes.slice(0, 39));
    expect(await present()).toHaveLength(1);
    await given(40, ['mass-deletes']);
    expect(await emptyFolder()).toBe(1);
    await server.settle(person.tenant);
    expect(await present()).toEqual([]);
    expect(await open()).toEqual([]);
  });
});

describe('a phone that empties a folder', () => {
  it('of few items empties it', async () => {
    await given(20);
    expect(await emptyFolder()).toBe(1);
    await server.settle(person.tenant);
    expect(await present()).toEqual([]);
  });

  it('of many is answered alike, and nothing is lost, also when it asks again after the batch was discarded', async () => {
    const items = (await given(40)).sort();
    expect(await emptyFolder()).toBe(1);
    expect(await emptyFolder()).toBe(1);
    const [batch, ...others] = await open();
    expect(others).toEqual([]);
    expect(await present()).toEqual(items);
    await service.discard(batch?.batch as string, { kind: 'admin' });
    expect(await open()).toEqual([]);
    expect(await emptyFolder()).toBe(1);
    expect(await open()).toMatchObject([{ asked_by: 'EmptyFolderContents', items: 40 }]);
    expect(await present()).toEqual(items);
  });
});

describe('a phone that waits with Ping', () => {
  it('is told of the folder when what it deleted is given back', async () => {
    await given(30);
    const { key, items } = await phone.pull(folder);
    await phone.sync(
      folder,
      key,
      items.map((item) => el(AirSync.Delete, [el(AirSync.ServerId, item)])),
    );
    const [batch] = await open();
    let isOver = false;
    const waiting = phone.ping(600, [folder]).finally(() => (isOver = true));
    await expect.poll(() => server.engine.heads.parked).toBe(1);
    expect(isOver).toBe(false);
    await service.discard(batch?.batch as string, { kind: 'admin' });
    expect((await waiting).status).toBe(2);
  });
});
