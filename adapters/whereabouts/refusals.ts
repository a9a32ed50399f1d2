/** Whether a device was told no about an item: looked up in the answers that were kept. */
import type { CollectionId, DeviceKey, Instant, ItemId, TenantId } from '../../domain/shared/ids.ts';
import { syncStatus } from '../activesync/status.ts';
import { AirSync } from '../activesync/wbxml/code-pages/index.ts';
import { decodeWbxml } from '../activesync/wbxml/decode.ts';
import { child, childrenOf, type Element, textOf } from '../activesync/wbxml/element.ts';
import type { Exchange, ExchangeReader } from '../exchange-record/port.ts';

export interface Refusal {
  readonly at: Instant;
  readonly status: number;
}

/** Exchanges that are looked at, the latest first, and answers of them that are opened. */
const exchangesMax = 200;
const openedMax = 40;

/** The last time that the device's own word on the item was refused, among the exchanges that were kept in full. */
export async function lastRefusal(
  record: Pick<ExchangeReader, 'list' | 'body'>,
  of: { readonly tenant: TenantId; readonly device: DeviceKey; readonly collection: CollectionId },
  item: ItemId,
): Promise<Refusal | null> {
  const { tenant, device, collection } = of;
  const found = await record.list({ tenant, device, suspicious: true, newestFirst: true, limit: exchangesMax });
  const refusing = found.filter((exchange) => exchange.hasBody && hasRefused(exchange, collection));
  for (const exchange of refusing.slice(0, openedMax)) {
    const answer = (await record.body(exchange))?.answer;
    const status = answer && statusFor(answer, item);
    if (status) return { at: exchange.at as Instant, status };
  }
  return null;
}

function hasRefused({ collections }: Exchange, collection: CollectionId): boolean {
  return collections.some(
    (one) =>
      one.collection === collection &&
      Object.keys(one.statuses).some((status) => Number(status) !== syncStatus.success),
  );
}

/** MS-ASCMD 2.2.3.154 Responses: the status other than 1 that the item was given. */
function statusFor(answer: Uint8Array, item: ItemId): number | null {
  const decoded = decodeWbxml(Buffer.from(answer));
  const collections = decoded.ok ? child(decoded.root, AirSync.Collections) : undefined;
  const responses = (collections ? childrenOf(collections, AirSync.Collection) : [])
    .map((collection) => child(collection, AirSync.Responses))
    .filter((found) => found !== undefined);
  const mine = (one: Element) => textOf(one, AirSync.ServerId) === item;
  for (const response of responses.flatMap(({ children }) => children).filter(mine)) {
    const status = Number(textOf(response, AirSync.Status));
    if (Number.isInteger(status) && status !== syncStatus.success) return status;
  }
  return null;
}
