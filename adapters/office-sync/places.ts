/**
 * Where an office's collections are shown: a person's own ones as the folders everyone has, shared ones as further
 * folders that show the items of their owner. Ids are derived, so two people who see one calendar see the same items.
 */

import type { NewFolder } from '../../domain/folder/decide.ts';
import { userTypes } from '../../domain/folder/state.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId, ItemId } from '../../domain/shared/ids.ts';
import { accountIdFrom, collectionIdFrom, commandIdFrom, itemIdFrom } from '../ids.ts';
import type { OfficeCollection } from '../office/port.ts';
import type { People } from './people.ts';
import type { Connection } from './sessions.ts';

export interface Place {
  readonly collection: OfficeCollection & { readonly kind: ItemKind };
  /** The collection the items are in. */
  readonly home: CollectionId;
  /** Whose items they are: whose key seals them. */
  readonly owner: AccountId;
  /** Null for the person's own: those folders are there anyway. */
  readonly folder: NewFolder | null;
  /** The owner is connected too: then the owner's own session crawls it, and nobody sees less of it than others. */
  readonly isCrawledByOwner: boolean;
}

/** The same as where accounts make their folders. */
export function ownHome(account: AccountId, kind: ItemKind): CollectionId {
  return collectionIdFrom(account, kind);
}

export async function placesOf(
  connection: Connection,
  collections: readonly OfficeCollection[],
  people: People,
): Promise<Place[]> {
  const items = collections.filter((one): one is Place['collection'] => one.kind !== 'company');
  return await Promise.all(items.map((collection) => placeOf(connection, collection, people)));
}

async function placeOf(
  { tenant, account, session }: Connection,
  collection: Place['collection'],
  people: People,
): Promise<Place> {
  const { kind, owner: email, access } = collection;
  if (email === session.owner) {
    return { collection, home: ownHome(account, kind), owner: account, folder: null, isCrawledByOwner: false };
  }
  const found = await people.byEmail(email);
  const known = found?.tenant === tenant ? found : undefined;
  const owner = known?.account.id ?? accountIdFrom(tenant, email);
  const folder = {
    kind,
    displayName: collection.displayName,
    parent: null,
    wireType: userTypes[kind],
    access: access === 'readWrite' ? ('write' as const) : ('read' as const),
    owner,
  };
  if (access === 'freeBusy') {
    // Times only: not the owner's items but a thing of its own, which the viewer's key seals.
    const home = collectionIdFrom(account, `freeBusy:${kind}:${email}`);
    return { collection, home, owner: account, folder: { ...folder, collection: home }, isCrawledByOwner: false };
  }
  const home = ownHome(owner, kind);
  return {
    collection,
    home,
    owner,
    folder: { ...folder, collection: collectionIdFrom(account, `shared:${kind}:${email}`), source: home },
    isCrawledByOwner: known?.account.office !== undefined,
  };
}

/** The item of a record that was made in the office. */
export function itemOfRecord(system: string, home: CollectionId, record: string): ItemId {
  return itemIdFrom(commandIdFrom(['office-item', system, home, record]));
}

/** What we give as external key when creating; undefined for other people's keys. */
export function itemOfExternalKey(key: string | undefined): ItemId | undefined {
  return key !== undefined && /^[a-z2-7]{26}$/.test(key) ? (key as ItemId) : undefined;
}
