/** New epochs that begin with something held. */
import type { DomainEvent } from '../shared/event.ts';
import type { ItemId } from '../shared/ids.ts';
import { clearedHash, type SyncEventData, syncEvent, unsureHash } from './events.ts';
import type { ConversationState, Held } from './state.ts';

/** Holdings that one event carries; more go into further events. */
const seedsPerEvent = 4_000;

/** The events that begin an epoch in which the device holds `known`. */
export function resetEvents(
  reset: Omit<SyncEventData['SyncReset'], 'known'>,
  known: ReadonlyMap<ItemId, Held>,
): DomainEvent[] {
  const seeds = [...known].map(([item, { version, hash }]) => [item, version, hash] as const);
  const events: DomainEvent[] = [syncEvent('SyncReset', { ...reset, known: seeds.slice(0, seedsPerEvent) })];
  for (let at = seedsPerEvent; at < seeds.length; at += seedsPerEvent) {
    events.push(syncEvent('SyncSeeded', { known: seeds.slice(at, at + seedsPerEvent) }));
  }
  return events;
}

/**
 * Everything the device may hold, whichever of the two generations it has got, in a state that nobody vouches for: the
 * next difference sends it anew, or takes it away.
 */
export function perhapsHeld(state: ConversationState, acknowledged: ReadonlyMap<ItemId, Held>): Map<ItemId, Held> {
  const all = new Map(acknowledged);
  for (const [item, op, version] of state.offer?.ops ?? []) {
    if (op === 'add' || op === 'change') all.set(item, { version, hash: '' });
  }
  return contentUnknown(all);
}

/** Perhaps not held at all. */
function isUnsure({ hash }: Held): boolean {
  return hash === unsureHash || hash === clearedHash;
}

/** The item as one that nobody vouches for. */
export function vague(held: Held): Held {
  return { version: held.version, hash: isUnsure(held) ? unsureHash : '' };
}

/** The same items, with nothing said of their content; those that are perhaps not held at all remain so. */
export function contentUnknown(held: ReadonlyMap<ItemId, Held>): Map<ItemId, Held> {
  return new Map([...held].map(([item, one]) => [item, vague(one)]));
}

/** Whether the device holds the item in a state that nobody vouches for, or perhaps not at all. */
export function isVague(held: Held): boolean {
  return held.hash === '' || isUnsure(held);
}

/** Epochs of a restored log are counted from here, in steps of ten seconds. */
const restoredEpochsSinceMs = Date.UTC(2020, 0, 1);
const restoredEpochStepMs = 10_000;

/**
 * The epoch in which a conversation goes on after its log was restored at `nowMs` (milliseconds since 1970). It is made
 * of the clock, since no log knows what was issued in what was lost, an earlier restore from the same backup included:
 * it is above all of that unless a conversation began anew every ten seconds. Below 10⁹ (see `key.ts`) until 2336.
 */
export function restoredEpoch(nowMs: number): number {
  return Math.floor((nowMs - restoredEpochsSinceMs) / restoredEpochStepMs);
}

/** So long after a restore, what comes anew may be what a device holds: crawled again, or sent again by others. */
const returnsWithinMs = 14 * 86_400_000;

/** Whether an item that the device is not known to hold may be one that it was told in what is lost. */
export function mayHoldLost({ holdsLost, restoredFrom }: ConversationState, nowMs: number): boolean {
  if (!holdsLost || restoredFrom === undefined) return false;
  return nowMs < restoredEpochsSinceMs + restoredFrom * restoredEpochStepMs + returnsWithinMs;
}
