import { collectionIdFrom } from '../../adapters/ids.ts';
import type { NewFolder } from '../../domain/folder/decide.ts';
import { defaultTypes } from '../../domain/folder/state.ts';
import type { ItemKind } from '../../domain/item/fields.ts';
import type { AccountId, CollectionId } from '../../domain/shared/ids.ts';

/** Names as Exchange gives them in English; phones show their own for the default types. */
const names: Readonly<Record<ItemKind, string>> = {
  appointment: 'Calendar',
  contact: 'Contacts',
  task: 'Tasks',
  note: 'Notes',
};

/** The id of the folder of this kind that everyone has. */
export function defaultCollection(account: AccountId, kind: ItemKind): CollectionId {
  return collectionIdFrom(account, kind);
}

/** The four folders everyone has. */
export function defaultFolders(account: AccountId): NewFolder[] {
  return (Object.keys(names) as ItemKind[]).map((kind) => ({
    collection: defaultCollection(account, kind),
    kind,
    displayName: names[kind],
    parent: null,
    wireType: defaultTypes[kind],
  }));
}
