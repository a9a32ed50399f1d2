import { expect, it } from 'vitest';
import type { Folder, FolderTree } from '../../../../domain/folder/state.ts';
import type {
  AccountId,
  CollectionId,
  DeviceKey,
  Instant,
  TenantId,
  TimeZoneName,
} from '../../../../domain/shared/ids.ts';
import { plainEventStore } from '../../../../test/plain-event-store.ts';
import { commandIdFrom } from '../../../ids.ts';
import { KeyChecks } from '../../conversation/key-checks.ts';
import type { Session } from '../../session.ts';
import { type Conversed, converse } from './folder-sync.ts';
import { HierarchyStore } from './hierarchy-store.ts';

const session: Session = {
  tenant: 'demo.example' as TenantId,
  account: 'kari' as AccountId,
  email: 'kari@demo.example',
  displayName: undefined,
  timeZone: 'Europe/Oslo' as TimeZoneName,
  device: 'phone' as DeviceKey,
  deviceId: 'phone',
  version: 141,
};
const tree = (...names: string[]): FolderTree =>
  new Map(
    names.map((name): [CollectionId, Folder] => [
      name as CollectionId,
      {
        collection: name as CollectionId,
        displayName: name,
        parent: null,
        kind: 'contact',
        wireType: 14,
        access: 'write',
        owner: undefined,
        source: undefined,
      },
    ]),
  );

it('a device that speaks with two processes in turn is understood by both', async () => {
  const store = plainEventStore();
  const processes = [new HierarchyStore(store), new HierarchyStore(store)];
  let nonce = 0;
  const deps = {
    keyChecks: new KeyChecks(new Uint8Array(32)),
    commandId: commandIdFrom,
    nonce: () => String(++nonce),
    now: () => '2026-01-01T00:00:00.000Z' as Instant,
  };
  let key = '0';
  const names: string[] = [];
  for (let turn = 0; turn < 6; turn++) {
    names.push(`folder${turn}`);
    const answer = await converse(deps, processes[turn % 2] as HierarchyStore, session, key, tree(...names));
    expect(answer).toMatchObject({ changes: { shown: [{ displayName: `folder${turn}` }], gone: [] } });
    key = (answer as Conversed).syncKey;
  }
});
