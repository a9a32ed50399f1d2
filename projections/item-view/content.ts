import type { DataKey } from '../../adapters/crypto.port.ts';
import type { Fields } from '../../domain/item/fields.ts';
import type { ItemId } from '../../domain/shared/ids.ts';

/** The fields as the view stores them: JSON under the item's key, bound to the item. */
export function sealContent(key: DataKey, item: ItemId, fields: Fields): Buffer {
  return Buffer.from(key.seal(Buffer.from(JSON.stringify(fields)), `item-view/${item}`));
}

export function openContent(key: DataKey, item: ItemId, sealed: Uint8Array): Fields {
  return JSON.parse(Buffer.from(key.open(sealed, `item-view/${item}`)).toString('utf8')) as Fields;
}
