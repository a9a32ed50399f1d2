/**
 * Which key is this? A device comes with the newest key it got. When an answer was lost it comes with the one before;
 * when it was restored or a proxy replayed something old, with one from further back. All of these are served; only
 * what was never issued is not.
 */
import type { ItemId } from '../shared/ids.ts';
import type { Cursor, SyncEventData } from './events.ts';
import type { HeldBack } from './held-back.ts';
import { acknowledge, applyHeld, type ConversationState, evolve, type Held, type Offer } from './state.ts';

export interface KeyParts {
  readonly epoch: number;
  readonly counter: number;
}

export type Recognised = 'next' | 'repeat' | 'earlier' | 'unknown';

export function recognise(state: ConversationState | null, key: KeyParts): Recognised {
  if (!state || key.counter < 1 || key.epoch < 1) return 'unknown';
  if (key.epoch > state.epoch) return 'unknown';
  if (key.epoch < state.epoch) return 'earlier';
  if (state.offer && key.counter === state.offer.key) return 'next';
  if (key.counter === state.acknowledged) return 'repeat';
  return key.counter <= state.issued ? 'earlier' : 'unknown';
}

/** What the device holds by the key it presents, relative to the acknowledged map. */
export interface Standpoint {
  readonly base: number;
  readonly cursor: Cursor;
  readonly stale: ReadonlySet<ItemId>;
  /** Differs from the acknowledged map: null is not held. */
  readonly overlay: ReadonlyMap<ItemId, Held | null>;
  /** What the device is not told of until a person decided; absent: nothing. */
  readonly heldBack?: HeldBack;
}

export function standpoint(state: ConversationState, recognised: 'next' | 'repeat'): Standpoint {
  const heldBack = state.heldBack ? { heldBack: state.heldBack } : {};
  if (recognised === 'repeat') {
    const { acknowledged: base, cursor } = state;
    return { base, cursor, stale: new Set(state.stale), overlay: new Map(), ...heldBack };
  }
  const offer = state.offer as Offer;
  const after = acknowledge(state, offer);
  const overlay = new Map<ItemId, Held | null>(after.held.set);
  for (const item of after.held.remove) overlay.set(item, null);
  return { base: offer.key, cursor: offer.cursor, stale: new Set(after.state.stale), overlay, ...heldBack };
}

/** They say what waits, not what a device holds. */
const batchEvents: ReadonlySet<string> = new Set(['CommandsHeld', 'BatchReleased', 'BatchDiscarded']);

/**
 * What a device that presents this key holds, from the conversation's whole stream: the fold of the answers on the
 * way from the epoch's beginning to that key. Null when the key was not issued.
 */
export function heldAt(
  events: readonly { type: string; data: unknown }[],
  key: KeyParts,
): { held: Map<ItemId, Held>; state: ConversationState } | null {
  let inEpoch = false;
  let reset: ConversationState | null = null;
  const answers = new Map<number, SyncEventData['SyncAnswered']>();
  const moves: SyncEventData['SyncMoved'][] = [];
  const seeds = new Map<ItemId, Held>();
  for (const event of events) {
    if (event.type === 'SyncReset') inEpoch = (event.data as SyncEventData['SyncReset']).epoch === key.epoch;
    if (!inEpoch || batchEvents.has(event.type)) continue;
    if (event.type === 'SyncAnswered') {
      const answer = event.data as SyncEventData['SyncAnswered'];
      answers.set(answer.key, answer);
      continue;
    }
    if (event.type === 'SyncMoved') {
      moves.push(event.data as SyncEventData['SyncMoved']);
      continue;
    }
    const evolved = evolve(reset, event.type, event.data);
    reset = evolved.state;
    applyHeld(seeds, evolved.held);
  }
  if (!reset) return null;

  const path: SyncEventData['SyncAnswered'][] = [];
  for (let counter = key.counter; counter !== 1; ) {
    const answer = answers.get(counter);
    if (!answer) return null;
    path.push(answer);
    counter = answer.base;
  }
  let state = reset;
  const held = seeds;
  path.reverse();
  // The device's own moves count where they came; those after the key are of a device that had come further.
  const applyMoves = (from: number, until: number): void => {
    for (const move of moves) {
      if (move.at < from || move.at >= until) continue;
      const evolved = evolve(state, 'SyncMoved', move);
      state = evolved.state;
      applyHeld(held, evolved.held);
    }
  };
  applyMoves(1, path[0]?.key ?? 2);
  for (const [index, answer] of path.entries()) {
    const offered = evolve(state, 'SyncAnswered', { ...answer, base: state.acknowledged }).state;
    const acknowledged = acknowledge(offered, offered.offer as Offer);
    state = acknowledged.state;
    applyHeld(held, acknowledged.held);
    applyMoves(answer.key, path[index + 1]?.key ?? answer.key + 1);
  }
  return { held, state };
}
