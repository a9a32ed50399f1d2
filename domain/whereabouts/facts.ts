/** What must be known to say why an item is, or is not, on a device. */
import type { ItemKind } from '../item/fields.ts';
import type { Instant, ItemId } from '../shared/ids.ts';
import type { HoldingOp } from '../sync/events.ts';

/** When something was done, and by whom in words for people. */
export interface Deed {
  readonly at: Instant;
  readonly who: string;
}

export interface ItemFacts {
  readonly item: ItemId;
  /** `merged`: it turned out to be another, and lives on as that. */
  readonly standing: 'unknown' | 'erased' | 'merged' | 'removed' | 'live';
  readonly kind: ItemKind | null;
  readonly mergedInto: ItemId | null;
  /** The revision of what people see of it. */
  readonly version: number;
  /** What it was last: added, changed, moved, removed; null when nobody knows any more. */
  readonly last: Deed | null;
  readonly erased: Deed | null;
  /** Why the office would not take it; null when it did, or was not asked. */
  readonly refusedByOffice: string | null;
  /** What filters ask of an appointment: when its last occurrence ends. */
  readonly endsAt: Instant | null;
}

export interface DeviceFacts {
  /** As the device calls itself. */
  readonly deviceId: string;
  readonly standing: 'unknown' | 'blocked' | 'wiped' | 'wipeRequested' | 'welcome';
  /** The last exchange that is on record; null for none. */
  readonly lastSeenAt: Instant | null;
}

export interface FolderFacts {
  readonly name: string;
  readonly access: 'read' | 'write';
  /** Somebody else's, shown to this person. */
  readonly isForeign: boolean;
}

/** The folder as the device knows it. */
export interface ConversationFacts {
  /** The newest key, as `epoch.counter`. */
  readonly key: string;
  /** What the device surely holds of the item; current when that looks as the present version does. */
  readonly held: { readonly version: number; readonly isCurrent: boolean } | null;
  /** What it was told of the item last, and has not acknowledged. */
  readonly offered: { readonly op: Exclude<HoldingOp, 'stale'>; readonly version: number } | null;
  /** It holds something of its own making, and is sent ours again. */
  readonly isStale: boolean;
  readonly heldBack: 'deleted' | 'blanked' | null;
  /** The folder was read, for the device, beyond the item's last change. */
  readonly isRead: boolean;
  /** The filter that the device asked for, in words; null when it asks for everything. */
  readonly filter: string | null;
  readonly passesFilter: boolean;
  /** The item is shown as a time and nothing else. */
  readonly isTimesOnly: boolean;
}

export interface WhereaboutsFacts {
  readonly item: ItemFacts;
  readonly device: DeviceFacts;
  /** Null where the item's folder is not shown to the person. */
  readonly folder: FolderFacts | null;
  /** Null where the device never asked for the folder. */
  readonly conversation: ConversationFacts | null;
  /** Why it cannot be shown to the device; null where it can. */
  readonly withheld: string | null;
  /** The last time that the device's own word on the item was refused. */
  readonly refusal: { readonly at: Instant; readonly status: number } | null;
}
