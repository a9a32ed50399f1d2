import type { Fields } from '../../domain/item/fields.ts';
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { ItemRow } from '../../projections/item-view/read.ts';
import type { PastRow } from './items.ts';

type OpenRows = (tenant: TenantId, rows: readonly ItemRow[]) => Promise<Map<ItemId, Fields>>;

/** Opens rows of a past folder: those that were folded are in clear, the others are opened as rows of today. */
export function pastRowOpener(open: OpenRows) {
  return async (tenant: TenantId, rows: readonly PastRow[]): Promise<Map<ItemId, Fields>> => {
    const sealed = rows.filter(({ content }) => content !== null);
    const opened = sealed.length > 0 ? await open(tenant, sealed) : new Map<ItemId, Fields>();
    for (const { item, fields } of rows) if (fields) opened.set(item, fields);
    return opened;
  };
}
