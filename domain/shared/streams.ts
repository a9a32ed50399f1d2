/** The names of streams. Ids hold no hyphen, so a name can be taken apart again. */
import type { ItemKind } from '../item/fields.ts';
import type { AccountId, CollectionId, DeviceKey, ItemId, StreamName, SubjectId } from './ids.ts';

export function itemStream(kind: ItemKind, item: ItemId): StreamName {
  return `${kind}-${item}` as StreamName;
}

const itemStreamName = /^(contact|appointment|task|note)-([a-z0-9]+)$/;

export function parseItemStream(stream: StreamName): { kind: ItemKind; item: ItemId } | undefined {
  const match = itemStreamName.exec(stream);
  return match ? { kind: match[1] as ItemKind, item: match[2] as ItemId } : undefined;
}

export function syncStream(device: DeviceKey, collection: CollectionId): StreamName {
  return `sync-${device}-${collection}` as StreamName;
}

const syncStreamName = /^sync-([a-z0-9]+)-([a-z0-9]+)$/;

export function parseSyncStream(stream: StreamName): { device: DeviceKey; collection: CollectionId } | undefined {
  const match = syncStreamName.exec(stream);
  return match ? { device: match[1] as DeviceKey, collection: match[2] as CollectionId } : undefined;
}

/** Each item has a key of its own, wrapped by its owner's: one item can be erased, and a person with all items. */
export function itemSubject(item: ItemId): SubjectId {
  return `item-${item}` as SubjectId;
}

export function accountSubject(account: AccountId): SubjectId {
  return `account-${account}` as SubjectId;
}
