/** GetItemEstimate, MoveItems and ItemOperations (MS-ASCMD 2.2.1.9, 2.2.1.12, 2.2.1.10). */
import {
  AirSync,
  AirSyncBase,
  GetItemEstimate,
  ItemOperations,
  Move,
} from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import { childrenOf, type Element, textOf } from '../../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../../adapters/activesync/wbxml/writer.ts';
import { type EasClient, StatusError } from '../client.ts';
import { at, el, numberAt } from '../elements.ts';

export interface Estimate {
  readonly id: string;
  readonly status: number;
  readonly estimate: number | undefined;
}

/** How many changes wait in the folders. */
export async function getItemEstimate(
  client: EasClient,
  collections: readonly { readonly id: string; readonly key: string }[],
): Promise<Estimate[]> {
  const asked = collections.map(({ id, key }) =>
    el(GetItemEstimate.Collection, [el(AirSync.SyncKey, key), el(GetItemEstimate.CollectionId, id)]),
  );
  const tree = el(GetItemEstimate.GetItemEstimate, [el(GetItemEstimate.Collections, asked)]);
  const { root } = await client.send('GetItemEstimate', encodeTree(tree));
  if (!root) throw new StatusError('GetItemEstimate', 0);
  return childrenOf(root, GetItemEstimate.Response).map((response) => ({
    id: at(response, GetItemEstimate.Collection, GetItemEstimate.CollectionId)?.text ?? '',
    status: numberAt(response, GetItemEstimate.Status) ?? 0,
    estimate: numberAt(response, GetItemEstimate.Collection, GetItemEstimate.Estimate),
  }));
}

export interface ItemMove {
  readonly item: string;
  readonly from: string;
  readonly to: string;
}

/** Status 3 is success here. `newId` is the item's id from now on. */
export async function moveItems(
  client: EasClient,
  moves: readonly ItemMove[],
): Promise<{ item: string; status: number; newId: string | undefined }[]> {
  const asked = moves.map(({ item, from, to }) =>
    el(Move.Move, [el(Move.SrcMsgId, item), el(Move.SrcFldId, from), el(Move.DstFldId, to)]),
  );
  const { root } = await client.send('MoveItems', encodeTree(el(Move.MoveItems, asked)));
  if (!root) throw new StatusError('MoveItems', 0);
  return childrenOf(root, Move.Response).map((response) => ({
    item: textOf(response, Move.SrcMsgId) ?? '',
    status: numberAt(response, Move.Status) ?? 0,
    newId: textOf(response, Move.DstMsgId),
  }));
}

export interface FetchedItem {
  readonly item: string;
  readonly status: number;
  readonly properties: Element | undefined;
}

/** Whole items, with whole bodies. @throws StatusError when the command as a whole failed. */
export async function fetchItems(
  client: EasClient,
  collection: string,
  items: readonly string[],
  bodyType: 1 | 2 = 1,
): Promise<FetchedItem[]> {
  const asked = items.map((item) =>
    el(ItemOperations.Fetch, [
      el(ItemOperations.Store, 'Mailbox'),
      el(AirSync.CollectionId, collection),
      el(AirSync.ServerId, item),
      el(ItemOperations.Options, [el(AirSyncBase.BodyPreference, [el(AirSyncBase.Type, String(bodyType))])]),
    ]),
  );
  const { root } = await client.send('ItemOperations', encodeTree(el(ItemOperations.ItemOperations, asked)));
  const status = numberAt(root, ItemOperations.Status);
  if (status !== 1) throw new StatusError('ItemOperations', status ?? 0);
  const response = at(root, ItemOperations.Response);
  return (response ? childrenOf(response, ItemOperations.Fetch) : []).map((fetched) => ({
    item: textOf(fetched, AirSync.ServerId) ?? '',
    status: numberAt(fetched, ItemOperations.Status) ?? 0,
    properties: at(fetched, ItemOperations.Properties),
  }));
}
