import { beforeEach, describe, expect, it } from 'vitest';
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import { hierarchyEvents } from '../../../../domain/hierarchy/events.ts';
import { restorationEvents } from '../../../../domain/restoration/events.ts';
import type {
  AccountId,
  CollectionId,
  CommandId,
  DeviceKey,
  Instant,
  TenantId,
  TimeZoneName,
} from '../../../../domain/shared/ids.ts';
import { eventRegistry } from '../../../../domain/shared/upcast.ts';
import { keyRing } from '../../../crypto/key-ring.ts';
import { masterKey } from '../../../crypto/master-key.ts';
import { memoryKeyTable } from '../../../crypto/memory.ts';
import type { EventStore } from '../../../event-log/event-store.port.ts';
import { createEventStore } from '../../../event-log/event-store.ts';
import { copyOf, type MemoryStorage, memoryEventLog } from '../../../event-log/memory.ts';
import { commandIdFrom } from '../../../ids.ts';
import { KeyChecks } from '../../conversation/key-checks.ts';
import { raiseEpochs } from '../../conversation/raise-epochs.ts';
import { ConversationStore } from '../../conversation/store.ts';
import type { Session } from '../../session.ts';
import { type Conversed, converse } from './folder-sync.ts';
import { HierarchyStore } from './hierarchy-store.ts';

const phone: Session = {
  tenant: 'demo.example' as TenantId,
  account: 'kari' as AccountId,
  email: 'kari@demo.example',
  displayName: undefined,
  timeZone: 'Europe/Oslo' as TimeZoneName,
  device: 'phone' as DeviceKey,
  deviceId: 'phone',
  version: 141,
};
const tree = (names: Record<string, string>): FolderTree =>
  new Map(
    Object.entries(names).map(([name, displayName]): [CollectionId, Folder] => [
      name as CollectionId,
      {
        collection: name as CollectionId,
        displayName,
        parent: null,
        kind: 'contact',
        wireType: 14,
        access: 'write',
        owner: undefined,
        source: undefined,
      },
    ]),
  );

const clock = () => '2026-01-01T00:00:00.000Z' as Instant;
let nonce = 0;
let keys: ReturnType<typeof keyRing>;
let storage: MemoryStorage;
let store: EventStore;
let hierarchies: HierarchyStore;
let deps: Parameters<typeof converse>[0];
let succeeded: string[];

beforeEach(() => {
  keys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32).fill(7)) });
  succeeded = [];
  open(new Map());
});

function open(log: MemoryStorage): void {
  storage = log;
  const events = eventRegistry(hierarchyEvents, restorationEvents);
  store = createEventStore({ log: memoryEventLog(log), keys, clock, events });
  hierarchies = new HierarchyStore(store);
  deps = {
    keyChecks: new KeyChecks(new Uint8Array(32)),
    commandId: commandIdFrom,
    nonce: () => String(++nonce),
    now: clock,
    conversations: new ConversationStore({ store, view: undefined as never, runner: undefined as never }),
    kin: {
      formerSelves: async ({ account, device }) =>
        account === phone.account && device !== phone.device ? [phone.device] : [],
      succeed: async ({ device }, former) => void succeeded.push(`${former} → ${device}`),
    },
  };
}
async function restore(backup: MemoryStorage): Promise<void> {
  open(copyOf(backup));
  const { commandId, nonce, now } = deps;
  await raiseEpochs({ log: memoryEventLog(storage), store, commandId, nonce, now });
}

/** What a device shows. */
class Shown {
  readonly session: Session;
  key = '0';
  folders = new Map<string, string>();
  constructor(session = phone, of?: Shown) {
    this.session = session;
    if (of) [this.key, this.folders] = [of.key, new Map(of.folders)];
  }
  async ask(folders: FolderTree, lose = false): Promise<Conversed | 'forged' | 'contended'> {
    const answer = await converse(deps, hierarchies, this.session, this.key, folders);
    if (typeof answer !== 'string' && !lose) {
      this.key = answer.syncKey;
      for (const gone of answer.changes.gone) this.folders.delete(gone);
      for (const { collection, displayName } of answer.changes.shown) this.folders.set(collection, displayName);
    }
    return answer;
  }
}
const told = (answer: Conversed | 'forged' | 'contended') =>
  typeof answer === 'string' ? answer : answer.changes.shown.map(({ displayName }) => displayName);

describe('the folders of a device', () => {
  it('are told anew after a resync, once, and after a lost answer again', async () => {
    const folders = tree({ a: 'A', b: 'B' });
    const device = new Shown();
    await device.ask(folders);
    expect(told(await device.ask(folders))).toEqual([]);
    const meta = { at: clock(), actor: { kind: 'admin' }, commandId: commandIdFrom(['r']) as CommandId } as const;
    expect(await hierarchies.isNews(phone, folders)).toBe(false);
    expect(await new HierarchyStore(store).resync(phone, meta)).toBe('resynced');
    expect(await hierarchies.isNews(phone, folders)).toBe(true);
    expect(told(await device.ask(folders, true))).toEqual(['A', 'B']);
    const answer = await device.ask(folders);
    expect(told(answer)).toEqual(['A', 'B']);
    // They are changed, not added: the device has them.
    expect([...(answer as Conversed).known.keys()]).toEqual(['a', 'b']);
    expect(told(await device.ask(folders))).toEqual([]);
  });

  it('come right after a restore, also by a key that the log does not know', async () => {
    const device = new Shown();
    await device.ask(tree({ a: 'A', b: 'B' }));
    await device.ask(tree({ a: 'A', b: 'B' }));
    const backup = copyOf(storage);
    await device.ask(tree({ a: 'New A', b: 'B', c: 'C' }));
    await device.ask(tree({ a: 'New A', c: 'C' }));
    await restore(backup);
    const folders = tree({ a: 'A', b: 'B', d: 'D' });
    expect(told(await device.ask(folders, true))).toEqual(['A', 'B', 'D']);
    expect(told(await device.ask(folders))).toEqual(['A', 'B', 'D']);
    expect(told(await device.ask(folders))).toEqual([]);
  });

  it('come right after a restore by a key that it does know, and by one of a device it never saw', async () => {
    const device = new Shown();
    const folders = tree({ a: 'A' });
    await device.ask(folders);
    const backup = copyOf(storage);
    const late = new Shown({ ...phone, device: 'late' as DeviceKey });
    await late.ask(folders);
    await restore(backup);
    expect(told(await device.ask(folders))).toEqual([]);
    expect(told(await late.ask(tree({ a: 'A', b: 'B' })))).toEqual(['A', 'B']);
  });

  it('are not served by a key that is ahead of a log nobody said was restored', async () => {
    const device = new Shown();
    await device.ask(tree({ a: 'A' }));
    const backup = copyOf(storage);
    await device.ask(tree({ a: 'B' }));
    open(copyOf(backup));
    expect(await device.ask(tree({ a: 'A' }))).toBe('forged');
  });

  it('are known to a device that changed its DeviceId, and to nobody else', async () => {
    const device = new Shown();
    const folders = tree({ a: 'A' });
    await device.ask(folders);
    const renamed = new Shown({ ...phone, device: 'renamed' as DeviceKey }, device);
    expect(told(await renamed.ask(tree({ a: 'A', b: 'B' })))).toEqual(['B']);
    expect(succeeded).toEqual(['phone → renamed']);
    const ola = { ...phone, account: 'ola' as AccountId, device: 'theirs' as DeviceKey };
    expect(await new Shown(ola, device).ask(folders)).toBe('forged');
  });
});
