/** Every event and every read model there is: the server and the operator's commands build on the same. */
import { keyRing } from '../adapters/crypto/key-ring.ts';
import { masterKey } from '../adapters/crypto/master-key.ts';
import { memoryKeyTable } from '../adapters/crypto/memory.ts';
import type { KeyRing } from '../adapters/crypto.port.ts';
import { officeSyncEvents, officeSyncProjections } from '../adapters/office-sync/index.ts';
import type { NamedMigration } from '../adapters/postgres/migrate.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { accountEvents } from '../domain/account/events.ts';
import { conflictEvents } from '../domain/conflict/events.ts';
import { deviceEvents } from '../domain/device/events.ts';
import { erasureEvents } from '../domain/erasure/events.ts';
import { folderEvents } from '../domain/folder/events.ts';
import { hierarchyEvents } from '../domain/hierarchy/events.ts';
import { itemEvents } from '../domain/item/events.ts';
import { mergeEvents } from '../domain/matching/events.ts';
import { restorationEvents } from '../domain/restoration/events.ts';
import { type EventRegistry, eventRegistry } from '../domain/shared/upcast.ts';
import { syncEvents } from '../domain/sync/events.ts';
import { accountsView } from '../projections/accounts/project.ts';
import { devicesView } from '../projections/devices/project.ts';
import { foldersView } from '../projections/folders/project.ts';
import type { Projection } from '../projections/runner/projection.ts';
import { engineProjections } from './engine.ts';

export function allEvents(): EventRegistry {
  return eventRegistry(
    accountEvents,
    conflictEvents,
    deviceEvents,
    erasureEvents,
    folderEvents,
    hierarchyEvents,
    itemEvents,
    mergeEvents,
    officeSyncEvents,
    restorationEvents,
    syncEvents,
  );
}

export function allProjections(keys: KeyRing): Projection[] {
  return [accountsView(), devicesView(), foldersView(), ...engineProjections(keys), ...officeSyncProjections()];
}

/** The schema, with the steps of a read model that is not listed there yet. */
export function allMigrations(): NamedMigration[] {
  // Only their steps are looked at, for which any keys will do.
  const noKeys = keyRing({ table: memoryKeyTable(), master: masterKey(new Uint8Array(32)) });
  const known = new Set(migrations.map(({ name }) => name));
  const more = allProjections(noKeys).flatMap((projection) => projection.migrations);
  return [...migrations, ...more.filter(({ name }) => !known.has(name))];
}
