/**
 * How an item and its record in the office stand to each other: what was seen there and what was written there. One
 * stream an item, sealed with the item's key. `home` is the collection of items the record belongs to; `fields` are
 * in the office's form; `itemRevision` is the item's last revision that the office's state takes in.
 */
import { z } from 'zod';
import type { ItemId, StreamName } from '../shared/ids.ts';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

const action = z.enum(['create', 'update', 'delete']);
export type WriteBackAction = z.infer<typeof action>;

const held = z.object({
  system: z.string(),
  home: z.string(),
  record: z.string(),
  hash: z.string(),
  fields: z.record(z.string(), z.unknown()),
  itemRevision: z.number().int(),
});

/** A crawl or a look before writing found this. */
export const officeObserved = held;
/** A complete listing lacked the record. */
export const officeMissed = z.object({ record: z.string() });
export const officeReturned = z.object({ record: z.string() });
/** The record is gone in the office. */
export const officeGone = z.object({ record: z.string() });

/** A write is about to be sent. Until one of the four answers below follows, nobody knows what came of it. */
export const writeBackAttempted = z.object({
  action,
  account: z.string(),
  home: z.string(),
  record: z.string().optional(),
  hash: z.string().optional(),
  fields: z.record(z.string(), z.unknown()).optional(),
  itemRevision: z.number().int(),
});
export const writeBackConfirmed = z.union([
  held.extend({ action: z.enum(['create', 'update']) }),
  z.object({ action: z.literal('delete'), record: z.string(), itemRevision: z.number().int() }),
]);
export const writeBackRefused = z.object({ action, reason: z.string(), itemRevision: z.number().int() });
export const writeBackOutcomeUnknown = z.object({ action });
/** Looked up: the attempt had no effect. */
export const writeBackNotDone = z.object({ action });

export const linkEvents = defineEvents({
  OfficeObserved: { version: 1, schema: officeObserved, upcasters: [] },
  OfficeMissed: { version: 1, schema: officeMissed, upcasters: [] },
  OfficeReturned: { version: 1, schema: officeReturned, upcasters: [] },
  OfficeGone: { version: 1, schema: officeGone, upcasters: [] },
  WriteBackAttempted: { version: 1, schema: writeBackAttempted, upcasters: [] },
  WriteBackConfirmed: { version: 1, schema: writeBackConfirmed, upcasters: [] },
  WriteBackRefused: { version: 1, schema: writeBackRefused, upcasters: [] },
  WriteBackOutcomeUnknown: { version: 1, schema: writeBackOutcomeUnknown, upcasters: [] },
  WriteBackNotDone: { version: 1, schema: writeBackNotDone, upcasters: [] },
});
export type LinkEvent = EventOf<typeof linkEvents>;

export const linkStream = (item: ItemId): StreamName => `writeback-${item}` as StreamName;

const name = /^writeback-([a-z0-9]+)$/;

export function parseLinkStream(stream: StreamName): ItemId | undefined {
  return name.exec(stream)?.[1] as ItemId | undefined;
}
