/**
 * What the office still needs to hear of an item. Decided from how item and office stand to each other, never from the
 * single event that asked: so ten edits are one write, and an old intent does no harm.
 */
import type { ItemState } from '../item/state.ts';
import type { CollectionId } from '../shared/ids.ts';
import type { Attempt, HeldRecord, Link } from './link.ts';

export interface PlanInput {
  readonly item: ItemState;
  readonly link: Link;
  /** The hash of the item in the office's form; null where the office does not hold this item's folder. */
  readonly hash: string | null;
  /** The item came from the office. */
  readonly isFromOffice: boolean;
}

export type Step =
  /** Office and item agree, or the office has nothing to do with it. */
  | { readonly do: 'settle'; readonly refused?: string }
  /** An earlier write's outcome is unknown: look before anything else. */
  | { readonly do: 'readBack'; readonly attempt: Attempt }
  /** The crawl that brought the item has not noted yet which record it is. */
  | { readonly do: 'await' }
  | { readonly do: 'create'; readonly home: CollectionId; readonly hash: string }
  | { readonly do: 'update'; readonly held: HeldRecord; readonly hash: string }
  | { readonly do: 'delete'; readonly held: HeldRecord; readonly isMove: boolean }
  /** The office refused what the item says: the item gets back what the office holds. */
  | { readonly do: 'correct'; readonly held: HeldRecord; readonly refused: string };

export function plan({ item, link, hash, isFromOffice }: PlanInput): Step {
  const { held, attempt, refused } = link;
  if (attempt) return { do: 'readBack', attempt };
  const isRefused = refused !== null && refused.itemRevision >= item.version;
  const isWanted = !item.removed && hash !== null;
  if (!held) {
    if (isFromOffice && !link.isKnown) return { do: 'await' };
    if (!isWanted) return { do: 'settle' };
    if (isRefused) return { do: 'settle', refused: refused.reason };
    return { do: 'create', home: item.collection, hash };
  }
  const isMoved = !item.removed && held.home !== item.collection;
  if (!isWanted || isMoved) {
    if (!isRefused) return { do: 'delete', held, isMove: !item.removed };
    // A record that must stay where the item has left is only told of: the item itself is somewhere else now.
    return item.removed ? { do: 'correct', held, refused: refused.reason } : { do: 'settle', refused: refused.reason };
  }
  if (held.hash === hash) return { do: 'settle' };
  return isRefused ? { do: 'correct', held, refused: refused.reason } : { do: 'update', held, hash };
}
