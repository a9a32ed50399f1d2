/**
 * The guard against a device that deletes or empties too much at once: how much it may, and which of its items wait for
 * a person's word. While they wait the device has its way with them, and everybody else keeps them.
 */
import type { ItemId } from '../shared/ids.ts';
import type { Holding, SyncEventData } from './events.ts';

export interface MassDeleteLimits {
  /** Up to so many items are never too many. */
  readonly items: number;
  /** Nor is this share of the folder, in percent. */
  readonly percent: number;
  /** How long what was deleted counts. */
  readonly withinMinutes: number;
}

export const defaultMassDeleteLimits: MassDeleteLimits = { items: 20, percent: 30, withinMinutes: 10 };

/** How many items of a folder that held `of` a device may delete or empty within the time. */
export function mayLose({ items, percent }: Pick<MassDeleteLimits, 'items' | 'percent'>, of: number): number {
  return Math.max(items, Math.floor((of * percent) / 100));
}

/** What one device is kept from in one folder. */
export interface HeldBack {
  /** The batch that is open; what is held later joins it. */
  readonly batch: string;
  /** The device has deleted these: it is not told of them. */
  readonly deleted: readonly ItemId[];
  /** It has emptied these: it is not sent what they hold. */
  readonly blanked: readonly ItemId[];
}

/** With what is held now. */
export function holding(before: HeldBack | undefined, data: SyncEventData['CommandsHeld']): HeldBack | undefined {
  if (data.by !== 'Sync') return before;
  const former = before?.batch === data.batch ? before : undefined;
  const named = new Set(data.commands.map(({ item }) => item));
  const kept = (items: readonly ItemId[] = []) => items.filter((item) => !named.has(item));
  const now = (what: 'delete' | 'change') => data.commands.flatMap((one) => (one.do === what ? [one.item] : []));
  return {
    batch: data.batch,
    deleted: [...kept(former?.deleted), ...now('delete')],
    blanked: [...kept(former?.blanked), ...now('change')],
  };
}

/** Whether the device is told nothing of the item: it has deleted it, or it holds it as it has emptied it. */
export function isHeldBack(heldBack: HeldBack | undefined, item: ItemId, isHolding: boolean): boolean {
  return (isHolding ? heldBack?.blanked : heldBack?.deleted)?.includes(item) === true;
}

/** Without what the device has done something else with since, that was carried out or refused. */
export function withoutHeldAgain(before: HeldBack, ops: readonly Holding[]): HeldBack {
  const again = new Set(ops.flatMap(([item, op, , hash]) => (isWord(op, hash) ? [item] : [])));
  if (again.size === 0) return before;
  const kept = (items: readonly ItemId[]) => items.filter((item) => !again.has(item));
  return { ...before, deleted: kept(before.deleted), blanked: kept(before.blanked) };
}

function isWord(op: Holding[1], hash: string): boolean {
  return op === 'stale' || ((op === 'add' || op === 'change') && hash !== '');
}
