/** Why an item was withheld, sealed by the item's key: what a class says may quote the item. */
import type { DeviceKey, ItemId } from '../../domain/shared/ids.ts';
import type { DataKey } from '../crypto.port.ts';

const reasonMax = 500;

const contextOf = (device: DeviceKey, item: ItemId) => `exchange-withheld/${device}/${item}`;

/** Cut to what fits a row, and sealed under the item's key. */
export function sealReason(key: DataKey, device: DeviceKey, item: ItemId, reason: string): Buffer {
  return Buffer.from(key.seal(Buffer.from(reason.slice(0, reasonMax)), contextOf(device, item)));
}

/** @throws SealBroken */
export function openReason(key: DataKey, device: DeviceKey, item: ItemId, sealed: Uint8Array): string {
  return Buffer.from(key.open(sealed, contextOf(device, item))).toString('utf8');
}
