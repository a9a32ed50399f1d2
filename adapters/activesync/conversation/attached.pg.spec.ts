import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceKey } from '../../../domain/shared/ids.ts';
import { freshDatabase } from '../../../test/postgres.ts';
import { contact, fieldsOf } from '../../../test/world/examples.ts';
import { Phone } from '../../../test/world/phone.ts';
import { World } from '../../../test/world/world.ts';
import { getItemEstimateHandler } from '../commands/get-item-estimate/handle.ts';
import type { Session } from '../session.ts';
import { AirSync, GetItemEstimate } from '../wbxml/code-pages/index.ts';
import { decodeWbxml } from '../wbxml/decode.ts';
import { formatXml } from '../wbxml/format.ts';
import { Writer } from '../wbxml/writer.ts';

let world: World;
let email: string;
let contacts: string;
let people = 0;
/** The devices of each account, the latest first, and who succeeded whom. */
const known = new Map<string, DeviceKey[]>();
const succeeded: string[] = [];

beforeAll(async () => {
  const { pool } = await freshDatabase();
  world = await World.start({
    pool,
    kin: {
      formerSelves: async ({ account, device }) => (known.get(account) ?? []).filter((it) => it !== device),
      succeed: async ({ device }, former) => void succeeded.push(`${former} → ${device}`),
    },
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  email = `kari@attached${++people}.example`;
  contacts = world.collection(email, 'contact');
  succeeded.length = 0;
});

function session(name: string, of = email): Session {
  const made = world.session(of, name);
  const devices = known.get(made.account) ?? [];
  if (!devices.includes(made.device)) known.set(made.account, [made.device, ...devices]);
  return made;
}
async function begun(name: string): Promise<Phone> {
  const phone = new Phone(world, session(name));
  await phone.reset(contacts);
  return phone;
}
/** The same phone under another DeviceId, or a second one made from its backup. */
const as = (phone: Phone, name: string) => phone.copy(world, session(name));
const add = (phone: Phone, company: string) => ({
  do: 'add' as const,
  clientId: phone.nextClientId(),
  data: contact({ company }),
});
const companies = (phone: Phone) =>
  [...phone.folder(contacts).items.values()].map((data) => fieldsOf('contact', data).company).sort();
const first = (phone: Phone) => [...phone.folder(contacts).items.keys()][0] as string;

describe('a phone that changed its DeviceId', () => {
  it('goes on where it was: it is sent nothing again, and what it had not sent is taken', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS'), add(before, 'Fjell AS')] });
    await before.pull(contacts);
    const phone = as(before, 'id 2');
    const answer = await phone.sync(contacts, { commands: [add(phone, 'Dal AS')] });
    expect(answer).toMatchObject({ status: 1, commands: [] });
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(['Dal AS', 'Fjell AS', 'Hav AS']);
    expect(succeeded).toEqual([`${before.session.device} → ${phone.session.device}`]);
    expect(companies(await begun('fresh'))).toEqual(companies(phone));
    expect([phone.complaints, world.forged]).toEqual([[], []]);
  });

  it('sends again what it sent under the former id and heard no answer to: it is done once', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS')] });
    const commands = [
      add(before, 'Fjell AS'),
      { do: 'change' as const, serverId: first(before), data: contact({ company: 'Havet AS' }) },
    ];
    await before.sync(contacts, { commands, lose: true });
    const phone = as(before, 'id 2');
    await phone.sync(contacts, { commands, lose: true });
    await phone.sync(contacts, { commands });
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(['Fjell AS', 'Havet AS']);
    expect(companies(await begun('fresh'))).toEqual(['Fjell AS', 'Havet AS']);
    expect(phone.complaints).toEqual([]);
  });

  it('is told how much there is by the key it has', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS'), add(before, 'Fjell AS')] });
    const other = await begun('other');
    await other.sync(contacts, { commands: [add(other, 'Dal AS')] });
    await world.settle(email);
    const phone = as(before, 'id 2');
    const asked = new Writer()
      .open(GetItemEstimate.GetItemEstimate)
      .open(GetItemEstimate.Collections)
      .open(GetItemEstimate.Collection)
      .element(AirSync.SyncKey, phone.folder(contacts).key)
      .element(GetItemEstimate.CollectionId, contacts);
    const root = decodeWbxml(asked.close().close().close().finish());
    if (!root.ok) throw new Error(root.reason);
    const handle = getItemEstimateHandler(world.engine.deps);
    const answer = await handle({ session: phone.session, root: root.root, onClose: () => {} });
    const told = decodeWbxml((answer as { body: Buffer }).body);
    expect(told.ok && formatXml(told.root, { redact: false })).toMatch(/Estimate[^0-9]*>1</);
    expect(succeeded).toEqual([]);
  });

  it('may do so at every start', async () => {
    let phone = await begun('id 0');
    for (let start = 1; start <= 8; start++) {
      const commands = [add(phone, `${start} AS`)];
      if (start % 3 === 0) await phone.sync(contacts, { commands, lose: true });
      phone = as(phone, `id ${start}`);
      if (start % 2 === 0) await phone.sync(contacts, { commands, lose: true });
      await phone.sync(contacts, { commands });
      if (start % 4 === 0) await phone.pull(contacts);
    }
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(Array.from({ length: 8 }, (_, at) => `${at + 1} AS`));
    expect(companies(await begun('fresh'))).toEqual(companies(phone));
    expect([phone.complaints, world.forged]).toEqual([[], []]);
  });

  it('and once more before it heard an answer, does what it sent once', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS')] });
    const phone = as(before, 'id 2');
    const commands = [add(phone, 'Fjell AS')];
    await phone.sync(contacts, { commands, lose: true });
    const again = as(phone, 'id 3');
    await again.sync(contacts, { commands });
    await again.pull(contacts);
    expect(companies(again)).toEqual(['Fjell AS', 'Hav AS']);
    expect(again.complaints).toEqual([]);
  });

  it('is sent what was to be sent anew to its former self', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS')] });
    const other = await begun('other');
    await other.sync(contacts, {
      commands: [{ do: 'change', serverId: first(other), data: contact({ company: 'Havet AS' }) }],
    });
    const phone = as(before, 'id 2');
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(['Havet AS']);
    expect(phone.complaints).toEqual([]);
  });
});

describe('a phone that began anew under another DeviceId and kept its items', () => {
  it('is known by the items it speaks of, and holds none of them twice', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: ['Hav AS', 'Fjell AS', 'Dal AS'].map((name) => add(before, name)) });
    await before.pull(contacts);
    const phone = as(before, 'id 2');
    const began = await phone.sync(contacts, { key: '0' });
    phone.folder(contacts).key = began.key;
    const commands = [{ do: 'change' as const, serverId: first(phone), data: contact({ company: 'Havet AS' }) }];
    await phone.sync(contacts, { commands, lose: true });
    await phone.sync(contacts, { commands });
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(['Dal AS', 'Fjell AS', 'Havet AS']);
    expect(companies(await begun('fresh'))).toEqual(companies(phone));
    expect(phone.complaints.filter((it) => it.startsWith('Add'))).toEqual([]);
    expect(new Set(succeeded)).toEqual(new Set([`${before.session.device} → ${phone.session.device}`]));
  });

  it('is a new one where nobody held what it speaks of', async () => {
    const before = await begun('id 1');
    await before.sync(contacts, { commands: [add(before, 'Hav AS')] });
    const phone = new Phone(world, session('id 2'));
    const began = await phone.sync(contacts, { key: '0' });
    phone.folder(contacts).key = began.key;
    await phone.sync(contacts, { commands: [{ do: 'delete', serverId: 'a'.repeat(26) }] });
    await phone.pull(contacts);
    expect(companies(phone)).toEqual(['Hav AS']);
    expect(succeeded).toEqual([]);
  });
});

describe('two phones, one of them made from a backup of the other', () => {
  it('stay two, and each comes to what all have', async () => {
    const one = await begun('one');
    await one.sync(contacts, { commands: [add(one, 'Hav AS')] });
    const two = as(one, 'two');
    // Both count their ClientIds on from the same.
    await one.sync(contacts, { commands: [add(one, 'Av en AS')] });
    await two.sync(contacts, { commands: [add(two, 'Av to AS')] });
    await one.sync(contacts, { commands: [add(one, 'Av en til AS')] });
    for (let round = 0; round < 2; round++) for (const phone of [one, two]) await phone.pull(contacts);
    expect(companies(one)).toEqual(['Av en AS', 'Av en til AS', 'Av to AS', 'Hav AS']);
    expect(companies(two)).toEqual(companies(one));
    expect([one.complaints, two.complaints, world.forged]).toEqual([[], [], []]);
  });
});

describe('a key of another person', () => {
  it('is forged, also where both have a phone of the same sort and the same DeviceId', async () => {
    const mine = await begun('phone');
    await mine.sync(contacts, { commands: [add(mine, 'Hav AS')] });
    const ola = `ola@attached${people}.example`;
    const theirs = new Phone(world, session('phone', ola));
    const folder = world.collection(ola, 'contact');
    await theirs.reset(folder);
    const key = mine.folder(contacts).key;
    for (const at of [folder, contacts]) {
      const answer = await theirs.sync(at, { key });
      expect(answer.status).not.toBe(1);
      expect(answer.commands).toEqual([]);
    }
    expect(succeeded).toEqual([]);
    expect(world.forged.splice(0)).toHaveLength(1);
  });

  it('and one of another folder of one’s own is no better', async () => {
    const mine = await begun('phone');
    const tasks = world.collection(email, 'task');
    await mine.reset(tasks);
    const other = as(mine, 'other');
    expect((await other.sync(tasks, { key: mine.folder(contacts).key })).status).toBe(3);
    expect(succeeded).toEqual([]);
    expect(world.forged.splice(0)).toHaveLength(1);
  });
});
