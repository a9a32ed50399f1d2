import { z } from 'zod';
import { defineEvents, type EventOf } from '../shared/upcast.ts';

/** What a folder holds. */
export const folderKind = z.enum(['contact', 'appointment', 'task', 'note']);
/** `read`: another person's, shown but not changed here. */
export const folderAccess = z.enum(['write', 'read']);
export type FolderAccess = z.infer<typeof folderAccess>;

/**
 * `parent` null is the root. `wireType` is MS-ASCMD 2.2.3.186.3 Type: 7 to 10 are the default folders, 13 to 17 those
 * made by people. `owner` is the account whose folder it is when that is somebody else's; `source` then names the
 * collection it shows.
 */
export const folderAdded = z.object({
  collection: z.string(),
  kind: folderKind,
  displayName: z.string(),
  parent: z.string().nullable(),
  wireType: z.number().int(),
  access: folderAccess,
  owner: z.string().optional(),
  source: z.string().optional(),
});
export const folderRenamed = z.object({ collection: z.string(), displayName: z.string() });
export const folderMoved = z.object({ collection: z.string(), parent: z.string().nullable() });
export const folderRemoved = z.object({ collection: z.string() });

export const folderEvents = defineEvents({
  FolderAdded: { version: 1, schema: folderAdded, upcasters: [] },
  FolderRenamed: { version: 1, schema: folderRenamed, upcasters: [] },
  FolderMoved: { version: 1, schema: folderMoved, upcasters: [] },
  FolderRemoved: { version: 1, schema: folderRemoved, upcasters: [] },
});
export type FolderEvent = EventOf<typeof folderEvents>;
