import { z } from 'zod';
import type { DomainEvent } from '../shared/event.ts';

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

export type FolderEvent =
  | DomainEvent<'FolderAdded', z.infer<typeof folderAdded>>
  | DomainEvent<'FolderRenamed', z.infer<typeof folderRenamed>>
  | DomainEvent<'FolderMoved', z.infer<typeof folderMoved>>
  | DomainEvent<'FolderRemoved', z.infer<typeof folderRemoved>>;

/** The shape of each type's data at its present version. */
export const folderEventSchemas = {
  FolderAdded: { version: 1, data: folderAdded },
  FolderRenamed: { version: 1, data: folderRenamed },
  FolderMoved: { version: 1, data: folderMoved },
  FolderRemoved: { version: 1, data: folderRemoved },
} as const;
