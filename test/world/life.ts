/** For specs: one contact that lives through all that can happen to an item, on two phones, in the office and here. */

import { commandIdFrom } from '../../adapters/ids.ts';
import { accountStream, deviceStream } from '../../domain/account/stream.ts';
import type { DomainEvent } from '../../domain/shared/event.ts';
import type { AccountId, CollectionId, Instant, ItemId, StreamName, SubjectId } from '../../domain/shared/ids.ts';
import { accountSubject, itemSubject } from '../../domain/shared/streams.ts';
import { linkStream } from '../../domain/writeback/events.ts';
import { contact } from './examples.ts';
import { Phone } from './phone.ts';
import type { World } from './world.ts';

export interface Life {
  readonly item: ItemId;
  readonly collection: CollectionId;
  readonly phones: readonly [Phone, Phone];
}

let commands = 0;

/** Appends to any stream, as whoever stored it then. */
export async function append(world: World, email: string, stream: StreamName, subject: SubjectId, event: DomainEvent) {
  const { tenant, account } = world.account(email);
  const { head } = await world.store.load(tenant, stream);
  const meta = {
    at: new Date().toISOString() as Instant,
    actor: { kind: 'system' as const },
    commandId: commandIdFrom(['life', String(++commands)]),
    cause: { command: 'writeback' },
  };
  await world.store.append(tenant, [
    { stream, head, subject, owner: accountSubject(account), events: [{ event, meta }] },
  ]);
}

/** The person, as the account's stream tells. */
export async function introduce(world: World, email: string, displayName: string): Promise<void> {
  const { account } = world.account(email);
  const data = { account, email, displayName, aliases: [], timeZone: 'Europe/Oslo', policy: 'none', features: [] };
  await append(world, email, accountStream(account), accountSubject(account), {
    ...{ type: 'AccountCreated', version: 1, data },
  });
}

async function pair(world: World, phone: Phone, model: string): Promise<void> {
  const { email, account, deviceId, device } = phone.session;
  const subject = accountSubject(account);
  const client = { deviceType: 'iPhone', userAgent: `Apple-iPhone/${model}`, protocolVersion: '16.1' };
  const stream = deviceStream(device);
  const say = (type: string, data: object) => append(world, email, stream, subject, { type, version: 1, data });
  await say('DevicePaired', { account, deviceId, ...client });
  await say('DeviceInformationChanged', { model: `iPhone ${model}`, os: 'iOS 18.1' });
}

/**
 * Added on the first phone, changed on the second, changed on the first that did not know of it (and lost), refused and
 * then taken by the office, deleted on the second phone, which had a new system by then, and restored by Solveig.
 */
export async function live(world: World, email: string): Promise<Life> {
  const phones = [1, 2].map((n) => new Phone(world, world.session(email, `phone${n}`, 161))) as [Phone, Phone];
  const [first, second] = phones;
  const collection = world.collection(email, 'contact');
  await introduce(world, email, 'Kari Nordmann');
  await pair(world, first, '15');
  await pair(world, second, '16');
  for (const phone of phones) await phone.reset(collection);
  await first.sync(collection, { commands: [{ do: 'add', clientId: 'c1', data: contact({ jobTitle: 'Leder' }) }] });
  const item = [...first.folder(collection).items.keys()][0] as ItemId;
  await second.pull(collection);
  const change = (phone: Phone, jobTitle: string) =>
    phone.sync(collection, {
      conflict: 1,
      getChanges: false,
      commands: [{ do: 'change', serverId: item, data: contact({ jobTitle }) }],
    });
  await change(second, 'Sjef');
  await change(first, 'Direktør');
  const { account } = world.account(email);
  const office = (type: string, data: object) =>
    append(world, email, linkStream(item), itemSubject(item), { type, version: 1, data });
  const asked = { action: 'create', account, home: collection, itemRevision: 1 };
  await office('WriteBackAttempted', { ...asked, fields: { familyName: 'Bråthen' } });
  await office('WriteBackRefused', { action: 'create', reason: 'the name is too long', itemRevision: 1 });
  await office('WriteBackAttempted', { ...asked, fields: { familyName: 'Bråthen' } });
  await office('WriteBackConfirmed', {
    ...{ action: 'create', system: 'fake', home: collection, record: '77', hash: 'h', itemRevision: 1 },
    fields: { familyName: 'Braathen' },
  });
  await append(world, email, deviceStream(second.session.device), accountSubject(account), {
    ...{ type: 'DeviceClientChanged', version: 1 },
    data: { deviceType: 'iPhone', userAgent: 'Apple-iPhone/17', protocolVersion: '16.1' },
  });
  await second.sync(collection, { getChanges: false, commands: [{ do: 'delete', serverId: item }] });
  await world.execute(email, {
    ...{ item, kind: 'contact', owner: account as AccountId, commandId: commandIdFrom(['restore', item]) },
    at: new Date().toISOString() as Instant,
    actor: { kind: 'admin', name: 'Solveig' },
    cause: { command: 'restore', reason: 'Kari asked for it' },
    command: { do: 'restore' },
  });
  await world.settle(email);
  return { item, collection, phones };
}
