/**
 * Two items that turned out to be one, in the stream of the one that stays. Not of a class: an item's fields are made
 * by its class's own events, which stand beside these. Stored for ever: change a shape only by a new version.
 */
import { z } from 'zod';
import type { Fields } from '../item/fields.ts';
import type { DomainEvent } from '../shared/event.ts';
import type { ItemId } from '../shared/ids.ts';
import { defineEvents } from '../shared/upcast.ts';

const fields = z.record(z.string(), z.unknown());

/** The signs by which two items were found to be the same, for people to judge. */
export const signs = [
  'uid',
  'content',
  'name',
  'spelling',
  'mail',
  'number',
  'time',
  'subject',
  'dates',
  'body',
] as const;
export type Sign = (typeof signs)[number];

/**
 * `claim` is the other version whole, so that nothing of it is lost; `filled` is what this item took from it, by field.
 * `other` is the item it was, null where a device's Add became no item of its own; `clientId` is that Add's.
 */
export const itemsMerged = z.object({
  claim: fields,
  filled: fields,
  matchedBy: z.array(z.enum(signs)),
  clientId: z.string().optional(),
  other: z.string().nullable(),
});
/** The merge at revision `merged` was taken back: `other` stands by itself, and `cleared` was given back. */
export const itemsUnmerged = z.object({ merged: z.number(), other: z.string(), cleared: z.array(z.string()) });
/** In the stream of an item that a device added and that is no item of its own: what is said of it is meant for `to`. */
export const itemForwarded = z.object({ to: z.string() });

export interface MergeEventData {
  ItemsMerged: {
    claim: Fields;
    filled: Fields;
    matchedBy: readonly Sign[];
    clientId?: string;
    other: ItemId | null;
  };
  ItemsUnmerged: { merged: number; other: ItemId; cleared: readonly string[] };
  ItemForwarded: { to: ItemId };
}

export const mergeEvents = defineEvents({
  ItemsMerged: { version: 1, schema: itemsMerged, upcasters: [] },
  ItemsUnmerged: { version: 1, schema: itemsUnmerged, upcasters: [] },
  ItemForwarded: { version: 1, schema: itemForwarded, upcasters: [] },
});

export function mergeEvent<T extends keyof MergeEventData>(type: T, data: MergeEventData[T]): DomainEvent {
  return { type, version: 1, data };
}
