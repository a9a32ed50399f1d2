import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../../test/postgres.ts';
import { startTestShell, type TestShell, testToken } from '../../test/shell.ts';
import { contact, fieldsOf } from '../../test/world/examples.ts';
import { Phone } from '../../test/world/phone.ts';
import { World } from '../../test/world/world.ts';
import { Conversations } from '../services/conversations.ts';
import type { Support } from '../support.ts';

const email = 'kari@conversations.example';
let world: World;
let shell: TestShell;
let phone: Phone;
let contacts: string;

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({ pool });
  const { deps, syncView } = world.engine;
  const conversations = new Conversations({ deps, view: syncView, store: world.store });
  shell = await startTestShell({ support: { conversations } as Partial<Support> as Support });
  await shell.accounts.create({ email, password: 'p' });
  contacts = world.collection(email, 'contact');
  phone = new Phone(world, world.session(email, 'PHONE'));
  await phone.reset(contacts);
  await phone.sync(contacts, { commands: [{ do: 'add', clientId: '1', data: contact() }] });
});
afterAll(async () => {
  await shell.close();
  await world.stop();
});

const ask = async (method: 'GET' | 'POST', path: string, payload?: object) => {
  const response = await shell.app.inject({
    method,
    url: `/admin/accounts/${email}/devices/${path}`,
    headers: { authorization: `Bearer ${testToken}`, 'x-admin-name': 'Signe' },
    ...(payload ? { payload } : {}),
  });
  return { status: response.statusCode, body: response.json() };
};

describe('the administration of conversations', () => {
  it('has a device told everything anew, and tells afterwards who asked for that, when and why', async () => {
    const [item] = [...phone.folder(contacts).items.keys()] as [string];
    phone.folder(contacts).items.set(item, contact({ company: 'Feil AS' }));
    const asked = await ask('POST', 'PHONE/resync', { folder: 'contacts', reason: 'misses Astrid' });
    expect(asked).toMatchObject({
      status: 200,
      body: { folders: [{ collection: contacts, folder: 'Contacts', outcome: 'resynced' }], hierarchy: null },
    });
    expect((await ask('POST', 'PHONE/resync')).body.folders).toMatchObject([{ outcome: 'pending' }]);
    await phone.pull(contacts);
    expect(fieldsOf('contact', phone.folder(contacts).items.get(item)!)).toMatchObject({ company: 'Fjord AS' });

    const told = await ask('GET', 'PHONE/conversations/Contacts');
    expect(told.status).toBe(200);
    expect(told.body).toMatchObject({
      collection: contacts,
      epochs: [
        { epoch: 1, cause: 'syncKeyZero', keys: 2, known: 1, by: { kind: 'device' } },
        { epoch: 2, cause: 'resync', by: { kind: 'admin', name: 'Signe' }, reason: 'misses Astrid' },
        { epoch: 3, cause: 'earlierKey', keys: 2, known: 1, lastKey: phone.folder(contacts).key },
      ],
      next: null,
    });
    const page = await ask('GET', 'PHONE/conversations/Contacts?limit=1&after=1');
    expect(page.body).toMatchObject({ epochs: [{ epoch: 2 }], next: 2 });
  });

  it('says what is not there, and what to do', async () => {
    expect(await ask('POST', 'PHONE/resync', { folder: 'Nope' })).toMatchObject({
      status: 404,
      body: { error: 'unknown_folder' },
    });
    expect(await ask('POST', 'NEW/resync')).toMatchObject({ status: 409, body: { error: 'never_synced' } });
    for (const path of ['NEW/conversations/Contacts', 'PHONE/conversations/x-y', 'PHONE/conversations/..%2F']) {
      expect(await ask('GET', path)).toMatchObject({ status: 404, body: { error: 'unknown_conversation' } });
    }
    expect((await ask('POST', 'PHONE/resync', { folder: '' })).status).toBe(400);
    expect((await ask('POST', 'PHONE/resync', { all: true })).status).toBe(400);
    expect((await ask('GET', 'PHONE/conversations/Contacts?limit=0')).status).toBe(400);
  });
});
