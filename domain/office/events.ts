/** The life of one collection's crawl: only what is out of the ordinary is an event. */
import { z } from 'zod';
import type { CollectionId, StreamName } from '../shared/ids.ts';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** A complete listing lacked `missing` of the `of` records known: too many to believe. Nothing was removed. */
export const crawlSuspended = z.object({ missing: z.number().int(), of: z.number().int() });
/** A person says that up to `missing` records are really gone. */
export const crawlShrinkConfirmed = z.object({ missing: z.number().int() });
/** A later listing was whole again, or what was confirmed has been done. */
export const crawlResumed = z.object({});

export const crawlEvents = defineEvents({
  CrawlSuspended: { version: 1, schema: crawlSuspended, upcasters: [] },
  CrawlShrinkConfirmed: { version: 1, schema: crawlShrinkConfirmed, upcasters: [] },
  CrawlResumed: { version: 1, schema: crawlResumed, upcasters: [] },
});
export type CrawlEvent = EventOf<typeof crawlEvents>;

/** Sealed by the key of the account that owns the collection's items. */
export const crawlStream = (home: CollectionId): StreamName => `office-${home}` as StreamName;
