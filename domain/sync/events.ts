/**
 * The conversation of one device with one collection, as events. One event for each exchange that carried something;
 * an exchange without news is not an event. Stored for ever: change a shape only by a new version.
 */
import { z } from 'zod';
import type { ConflictRule } from '../conflict/merge.ts';
import type { Delta } from '../conflict/paths.ts';
import type { DomainEvent } from '../shared/event.ts';
import type { Instant, ItemId, Position } from '../shared/ids.ts';
import { defineEvents } from '../shared/upcast.ts';

/**
 * What one exchange does to what the device holds. `stale`: the device holds something that must be sent anew,
 * because its change was refused or merged.
 */
export type HoldingOp = 'add' | 'change' | 'delete' | 'softDelete' | 'stale';
/** `[item, op, version, hash]`: version is the item's revision, hash that of the rendered content; '' for deletes. */
export type Holding = readonly [item: ItemId, op: HoldingOp, version: number, hash: string];

/** How far the view has been read, and under which options and view version that reading is complete. */
export interface Cursor {
  readonly position: Position;
  readonly config: string;
}

/** What the client said about the collection and need not say again (MS-ASCMD 2.2.3.125 Options: replaces, not merges). */
export interface SyncOptions {
  /** MS-ASCMD 2.2.3.68 FilterType; 0 is everything. */
  readonly filterType: number;
  readonly conflict: 'clientWins' | 'serverWins';
  readonly bodyPreferences: readonly {
    type: 1 | 2 | 3 | 4;
    truncationSize?: number;
    allOrNone?: boolean;
    preview?: number;
  }[];
}

/** The hash of what a device perhaps holds: nobody can know whether it was told, since that is lost. */
export const unsureHash = '?';
/** The hash of what was taken off a device to be sure that it does not hold it: it is told next. */
export const clearedHash = '!';

export const defaultOptions: SyncOptions = { filterType: 0, conflict: 'serverWins', bodyPreferences: [] };

const op = z.enum(['add', 'change', 'delete', 'softDelete', 'stale']);
const holding = z.tuple([z.string(), op, z.number(), z.string()]);
const cursor = z.object({ position: z.number(), config: z.string() });
const options = z.object({
  filterType: z.number(),
  conflict: z.enum(['clientWins', 'serverWins']),
  bodyPreferences: z.array(
    z.object({
      type: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
      truncationSize: z.number().optional(),
      allOrNone: z.boolean().optional(),
      preview: z.number().optional(),
    }),
  ),
});

/**
 * Why an epoch began: SyncKey 0; an earlier key taken up again; our own wish that the device gets everything anew; a
 * log that was restored to an earlier point; a key that was issued to the device's former self.
 */
const resetCause = z.enum(['syncKeyZero', 'earlierKey', 'resync', 'restored', 'attached']);
export type ResetCause = z.infer<typeof resetCause>;

/**
 * A new epoch began; key 1 was issued. `known` is what the device is taken to hold: nothing after SyncKey 0, and what
 * an earlier key stood for when that key was taken up again. A hash of '' is held in an unknown state, `unsureHash`
 * perhaps not at all. `at` is when the device began with nothing, and `present` how many items the folder then held.
 */
export const syncReset = z.object({
  epoch: z.number(),
  cause: resetCause,
  supported: z.array(z.number()).nullable(),
  options: options.optional(),
  known: z.array(z.tuple([z.string(), z.number(), z.string()])),
  at: z.string().optional(),
  present: z.number().optional(),
  /** The key it began with was issued in what a restored log lost, or to a device that came with such a key. */
  lost: z.literal(true).optional(),
});
/** More of `known`, where one event cannot hold it. */
export const syncSeeded = z.object({ known: syncReset.shape.known });
/** Key `key` was issued in answer to key `base`. `ops` are in order; the later of two for one item counts. */
export const syncAnswered = z.object({
  key: z.number(),
  base: z.number(),
  ops: z.array(holding),
  cursor,
  options: options.optional(),
});
/**
 * The device itself took items out of the folder, or put them in, by MoveItems: it knows, so it is not told. `at` is the
 * highest key issued then. `taken` are items, `put` what the device now holds here.
 */
export const syncMoved = z.object({
  at: z.number(),
  taken: z.array(z.string()),
  put: z.array(z.tuple([z.string(), z.number(), z.string()])),
});
/**
 * The device asked for more deletions than it may (see held-back.ts): these are not carried out until a person says so.
 * `of` is what the folder held before, `withinMinutes` the time that counted. `base` is the revision that the device
 * knew, null when it knew none; `seen` is the item's version then. A `change` is one that empties the item: its
 * `patch` clears fields and holds no word that anybody wrote.
 */
export const commandsHeld = z.object({
  batch: z.string(),
  by: z.enum(['Sync', 'FolderDelete', 'EmptyFolderContents']),
  rule: z.enum(['clientWins', 'serverWins']),
  of: z.number(),
  withinMinutes: z.number(),
  commands: z.array(
    z.object({
      item: z.string(),
      do: z.enum(['delete', 'change']),
      base: z.number().nullable(),
      seen: z.number(),
      patch: z.object({ set: z.record(z.string(), z.unknown()), cleared: z.array(z.string()) }).optional(),
    }),
  ),
});
/** The batch's commands were carried out. `staying` are items that are there all the same. */
export const batchReleased = z.object({ batch: z.string(), staying: z.array(z.string()) });
/** The batch's commands will not be carried out. */
export const batchDiscarded = z.object({ batch: z.string() });

export interface HeldCommand {
  readonly item: ItemId;
  readonly do: 'delete' | 'change';
  readonly base: number | null;
  readonly seen: number;
  readonly patch?: Delta;
}

export interface SyncEventData {
  SyncReset: {
    epoch: number;
    cause: ResetCause;
    supported: readonly number[] | null;
    options?: SyncOptions;
    known: readonly (readonly [item: ItemId, version: number, hash: string])[];
    at?: Instant;
    present?: number;
    lost?: true;
  };
  SyncSeeded: { known: SyncEventData['SyncReset']['known'] };
  SyncAnswered: { key: number; base: number; ops: readonly Holding[]; cursor: Cursor; options?: SyncOptions };
  SyncMoved: {
    at: number;
    taken: readonly ItemId[];
    put: readonly (readonly [item: ItemId, version: number, hash: string])[];
  };
  CommandsHeld: {
    batch: string;
    by: 'Sync' | 'FolderDelete' | 'EmptyFolderContents';
    rule: ConflictRule;
    of: number;
    withinMinutes: number;
    commands: readonly HeldCommand[];
  };
  BatchReleased: { batch: string; staying: readonly ItemId[] };
  BatchDiscarded: { batch: string };
}

export const syncEvents = defineEvents({
  SyncReset: { version: 1, schema: syncReset, upcasters: [] },
  SyncSeeded: { version: 1, schema: syncSeeded, upcasters: [] },
  SyncAnswered: { version: 1, schema: syncAnswered, upcasters: [] },
  SyncMoved: { version: 1, schema: syncMoved, upcasters: [] },
  CommandsHeld: { version: 1, schema: commandsHeld, upcasters: [] },
  BatchReleased: { version: 1, schema: batchReleased, upcasters: [] },
  BatchDiscarded: { version: 1, schema: batchDiscarded, upcasters: [] },
});

export function syncEvent<T extends keyof SyncEventData>(type: T, data: SyncEventData[T]): DomainEvent {
  return { type, version: 1, data };
}
