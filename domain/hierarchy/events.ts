/**
 * What one device was told of its account's folders, as events. One event for each answer that carried something. Stored
 * for ever: change a shape only by a new version.
 */
import { z } from 'zod';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** A folder as a device sees it: `[collection, name, parent or '0', type]` (MS-ASCMD 2.2.3.186.3 Type). */
const view = z.tuple([z.string(), z.string(), z.string(), z.number().int()]);

/** As `ResetCause` of the conversations about items. */
const hierarchyCause = z.enum(['syncKeyZero', 'earlierKey', 'resync', 'restored', 'attached']);
export type HierarchyCause = z.infer<typeof hierarchyCause>;

/**
 * A new epoch began; its key 1 stands for `known`: nothing after SyncKey 0, and what an earlier key stood for when that
 * key was taken up again. A folder without a name is known in an unknown state.
 */
export const hierarchyReset = z.object({
  epoch: z.number().int(),
  cause: hierarchyCause,
  known: z.array(view),
});
/** Key `key` was issued in answer to key `base`. `shown` were told as new or changed, `gone` as deleted. */
export const hierarchyAnswered = z.object({
  key: z.number().int(),
  base: z.number().int(),
  shown: z.array(view),
  gone: z.array(z.string()),
});

export const hierarchyEvents = defineEvents({
  HierarchyReset: { version: 1, schema: hierarchyReset, upcasters: [] },
  HierarchyAnswered: { version: 1, schema: hierarchyAnswered, upcasters: [] },
});
export type HierarchyEvent = EventOf<typeof hierarchyEvents>;
