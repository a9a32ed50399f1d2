/** What the ActiveSync adapter needs of the rest; given by the composition root. */
import type { FolderCommand, FolderRefusal } from '../../domain/folder/decide.ts';
import type { FolderTree } from '../../domain/folder/state.ts';
import type { EventMeta } from '../../domain/shared/event.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { ExchangeDeps } from './conversation/exchange.ts';
import type { FolderHeads } from './wake/folder-heads.ts';

/** The folder hierarchies of accounts. */
export interface Folders {
  /** Without a database look-up when nothing changed. */
  of(tenant: TenantId, account: AccountId): FolderTree | Promise<FolderTree>;
  run(
    tenant: TenantId,
    account: AccountId,
    command: FolderCommand,
    meta: EventMeta,
  ): Promise<{ kind: 'done'; tree: FolderTree } | { kind: 'refused'; reason: FolderRefusal }>;
}

export interface SyncDeps extends ExchangeDeps {
  readonly folders: Folders;
  readonly heads: FolderHeads;
}
