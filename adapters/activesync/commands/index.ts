import type { ActiveSyncDeps } from '../deps.ts';
import type { CommandName } from '../http/command-names.ts';
import type { CommandHandler } from '../request.ts';
import { folderCreateHandler, folderDeleteHandler, folderUpdateHandler } from './folders/folder-change.ts';
import { folderSyncHandler } from './folders/folder-sync.ts';
import { HierarchyStore } from './folders/hierarchy-store.ts';
import { getItemEstimateHandler } from './get-item-estimate/handle.ts';
import { itemOperationsHandler } from './item-operations/handle.ts';
import { moveItemsHandler } from './move-items/handle.ts';
import { pingHandler } from './ping/handle.ts';
import { provisionHandler } from './provision/handle.ts';
import { searchHandler } from './search/handle.ts';
import { settingsHandler } from './settings/handle.ts';
import { syncHandler } from './sync/handle.ts';

/** A handler for every command that is advertised: a missing one does not compile. */
export function commandHandlers(deps: ActiveSyncDeps): Readonly<Record<CommandName, CommandHandler>> {
  const hierarchies = new HierarchyStore(deps.events);
  return {
    Sync: syncHandler(deps),
    FolderSync: folderSyncHandler(deps, hierarchies),
    FolderCreate: folderCreateHandler(deps, hierarchies),
    FolderDelete: folderDeleteHandler(deps, hierarchies),
    FolderUpdate: folderUpdateHandler(deps, hierarchies),
    MoveItems: moveItemsHandler(deps),
    GetItemEstimate: getItemEstimateHandler(deps),
    Search: searchHandler(),
    Settings: settingsHandler(deps),
    Ping: pingHandler(deps, hierarchies),
    ItemOperations: itemOperationsHandler(deps),
    Provision: provisionHandler(deps),
  };
}
