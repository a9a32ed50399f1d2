import type { Fields } from '../../domain/item/fields.ts';
import type { ItemId, TenantId } from '../../domain/shared/ids.ts';
import { itemSubject } from '../../domain/shared/streams.ts';
import { openContent } from '../../projections/item-view/content.ts';
import type { ItemRow } from '../../projections/item-view/read.ts';
import type { KeyRing } from '../crypto.port.ts';
import type { ItemBodies } from './bodies.ts';

/**
 * Opens the sealed fields of view rows in one look at the keys. Tombstones and erased items are absent. Long bodies
 * stay names: see `ItemBodies.inflate`.
 */
export function rowOpener(keys: Pick<KeyRing, 'find'>) {
  return async (tenant: TenantId, rows: readonly ItemRow[]): Promise<Map<ItemId, Fields>> => {
    const live = rows.filter((row) => row.content !== null);
    if (live.length === 0) return new Map();
    const found = await keys.find(
      tenant,
      live.map((row) => itemSubject(row.item)),
    );
    return new Map(
      live.flatMap((row) => {
        const key = found.get(itemSubject(row.item));
        return key ? [[row.item, openContent(key, row.item, row.content as Buffer)] as const] : [];
      }),
    );
  };
}

/** The same, with long bodies in place: for few rows at a time. */
export function wholeRowOpener(open: ReturnType<typeof rowOpener>, bodies: Pick<ItemBodies, 'hasNamed' | 'inflate'>) {
  return async (tenant: TenantId, rows: readonly ItemRow[]): Promise<Map<ItemId, Fields>> => {
    const opened = await open(tenant, rows);
    for (const [item, fields] of opened) {
      if (bodies.hasNamed(fields)) opened.set(item, await bodies.inflate(tenant, item, fields));
    }
    return opened;
  };
}
