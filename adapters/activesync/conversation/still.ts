/** Whether memory knows that a folder has nothing new for a device, so that the view need not be asked. */
import type { CollectionId, Position, TenantId } from '../../../domain/shared/ids.ts';
import type { Cursor } from '../../../domain/sync/events.ts';
import { anyConfig } from '../../../domain/sync/state.ts';
import type { CommandsDeps } from './commands.ts';
import type { Conversation } from './store.ts';

export interface StillQuery {
  readonly tenant: TenantId;
  /** Where the folder's items are. */
  readonly collection: CollectionId;
  readonly conversation: Conversation;
  /** The key that stands for what the device knows, and how far that was read. */
  readonly base: number;
  readonly cursor: Cursor;
  /** The options and mapping that it would be read with. */
  readonly config: string;
}

/**
 * The position up to which the folder was looked at for this key and these options, when nothing moved in it since but
 * what the device itself did; else undefined. Items that must be sent anew are the caller's to think of.
 */
export async function stillSince(
  deps: Pick<CommandsDeps, 'folderHead' | 'movedSince'>,
  { tenant, collection, conversation, base, cursor, config }: StillQuery,
): Promise<Position | undefined> {
  const head = await deps.folderHead(tenant, collection);
  const { checked, own } = conversation;
  const isChecked = checked && checked.key === base && checked.config === config;
  const isRead = cursor.config === config || cursor.config === anyConfig;
  const position = isChecked ? checked.position : isRead ? cursor.position : undefined;
  if (position === undefined) return undefined;
  const moved = position >= head ? [] : deps.movedSince(tenant, collection, position);
  const mine = own.get(base);
  return moved?.every((one) => mine?.has(one)) ? position : undefined;
}
