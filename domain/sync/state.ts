/**
 * Two generations of one conversation. What is acknowledged is what the device surely holds; what is offered is the
 * last answer, which it holds once it comes back with that answer's key. The map of what is held lies beside this
 * state (a table, or a Map when folding a stream); `evolve` says how it changes.
 */
import type { Instant, ItemId, Position } from '../shared/ids.ts';
import type { Cursor, Holding, ResetCause, SyncEventData, SyncOptions } from './events.ts';
import { defaultOptions } from './events.ts';
import { type HeldBack, holding, withoutHeldAgain } from './held-back.ts';

/** The configuration of a cursor that fits all: before the first answer. */
export const anyConfig = '*';

export interface Held {
  readonly version: number;
  readonly hash: string;
}

export interface Offer {
  readonly key: number;
  readonly ops: readonly Holding[];
  readonly cursor: Cursor;
}

export interface ConversationState {
  readonly epoch: number;
  /** How this epoch began; absent in states stored before it was noted. */
  readonly cause?: ResetCause;
  /** The epoch of the last resync: keys of those before stand for content that is to be sent anew. */
  readonly renewedFrom?: number;
  /** The epoch of the last restored log: keys of those before may have been issued in what was lost. */
  readonly restoredFrom?: number;
  /** The device may hold items that the restored log does not know. */
  readonly holdsLost?: true;
  /** The highest key issued in this epoch. */
  readonly issued: number;
  readonly acknowledged: number;
  readonly cursor: Cursor;
  readonly offer: Offer | null;
  /** Acknowledged items that must be sent anew. */
  readonly stale: readonly ItemId[];
  readonly options: SyncOptions;
  readonly supported: readonly number[] | null;
  /** When the device last began with nothing; absent where it is not known. */
  readonly began?: Instant;
  /** What the device deleted or emptied and is not carried out yet; absent: nothing. */
  readonly heldBack?: HeldBack;
}

/** What an event does to the map of acknowledged holdings. */
export interface HeldChange {
  readonly clear: boolean;
  readonly set: ReadonlyMap<ItemId, Held>;
  readonly remove: ReadonlySet<ItemId>;
}

const noChange: HeldChange = { clear: false, set: new Map(), remove: new Set() };

export interface Evolved {
  readonly state: ConversationState;
  readonly held: HeldChange;
}

export function evolve(state: ConversationState | null, type: string, data: unknown): Evolved {
  if (type === 'SyncReset') return reset(state, data as SyncEventData['SyncReset']);
  if (!state) throw new Error(`${type} comes before the conversation began`);
  if (type === 'SyncSeeded')
    return { state, held: { ...noChange, set: seeds((data as SyncEventData['SyncSeeded']).known) } };
  if (type === 'SyncMoved') return moved(state, data as SyncEventData['SyncMoved']);
  if (type === 'CommandsHeld') return held(state, data as SyncEventData['CommandsHeld']);
  if (type === 'BatchReleased') return decided(state, data as SyncEventData['BatchReleased']);
  if (type === 'BatchDiscarded') return decided(state, data as SyncEventData['BatchDiscarded']);
  if (type !== 'SyncAnswered') return { state, held: noChange };

  const answered = data as SyncEventData['SyncAnswered'];
  const acknowledges = state.offer !== null && state.offer.key === answered.base;
  const after = acknowledges ? acknowledge(state, state.offer as Offer) : { state, held: noChange };
  return {
    state: {
      ...after.state,
      issued: answered.key,
      offer: { key: answered.key, ops: answered.ops, cursor: answered.cursor },
      options: answered.options ?? state.options,
      ...(state.heldBack ? { heldBack: withoutHeldAgain(state.heldBack, answered.ops) } : {}),
    },
    held: after.held,
  };
}

function held(state: ConversationState, data: SyncEventData['CommandsHeld']): Evolved {
  const heldBack = holding(state.heldBack, data);
  return { state: heldBack ? { ...state, heldBack } : state, held: noChange };
}

/**
 * What was held back and stays must be sent anew: the device has it no more, or empty. That holds for both
 * generations, since the device did so whether or not it got the last answer.
 */
function decided(state: ConversationState, data: { batch: string; staying?: readonly ItemId[] }): Evolved {
  const { heldBack, ...rest } = state;
  if (heldBack?.batch !== data.batch) return { state, held: noChange };
  const staying = data.staying && new Set(data.staying);
  const again = [...heldBack.deleted, ...heldBack.blanked].filter((item) => !staying || staying.has(item));
  const stale = [...new Set([...state.stale, ...again])];
  const { offer } = state;
  if (!offer) return { state: { ...rest, stale }, held: noChange };
  const ops = [...offer.ops, ...again.map((item): Holding => [item, 'stale', 0, ''])];
  return { state: { ...rest, stale, offer: { ...offer, ops } }, held: noChange };
}

function reset(before: ConversationState | null, data: SyncEventData['SyncReset']): Evolved {
  // A device that holds nothing can be read to from the beginning, whatever its options; one that holds something
  // needs one full difference first.
  const start: Cursor = { position: 0 as Position, config: data.cause === 'syncKeyZero' ? anyConfig : '' };
  const { epoch, cause } = data;
  const renewedFrom = cause === 'resync' ? epoch : before?.renewedFrom;
  const restoredFrom = cause === 'restored' || data.lost ? epoch : before?.restoredFrom;
  // A device that is given everything anew is given these too. Any other goes on having its way with them.
  const heldBack = cause === 'syncKeyZero' || cause === 'resync' ? undefined : before?.heldBack;
  const began = data.at ?? (cause === 'syncKeyZero' ? undefined : before?.began);
  const holdsLost = data.lost === true || (cause !== 'syncKeyZero' && before?.holdsLost === true);
  return {
    state: {
      epoch,
      cause,
      ...(holdsLost ? { holdsLost } : {}),
      ...(renewedFrom === undefined ? {} : { renewedFrom }),
      ...(restoredFrom === undefined ? {} : { restoredFrom }),
      issued: 1,
      acknowledged: 1,
      cursor: start,
      offer: null,
      stale: [],
      options: data.options ?? defaultOptions,
      supported: data.supported,
      ...(began ? { began } : {}),
      ...(heldBack ? { heldBack } : {}),
    },
    held: { clear: true, set: seeds(data.known), remove: new Set() },
  };
}

/** Holds for both generations: the device moved the items whether or not it got the last answer. */
function moved(state: ConversationState, data: SyncEventData['SyncMoved']): Evolved {
  const held = movedHeld(data);
  const stale = state.stale.filter((item) => !held.remove.has(item) && !held.set.has(item));
  if (!state.offer) return { state: { ...state, stale }, held };
  const ops: Holding[] = [
    ...state.offer.ops,
    ...data.taken.map((item): Holding => [item, 'delete', 0, '']),
    ...data.put.map(([item, version, hash]): Holding => [item, 'add', version, hash]),
  ];
  return { state: { ...state, stale, offer: { ...state.offer, ops } }, held };
}

/** What a device's own move does to what it holds. */
function movedHeld({ taken, put }: Pick<SyncEventData['SyncMoved'], 'taken' | 'put'>): HeldChange {
  return { clear: false, set: seeds(put), remove: new Set(taken) };
}

function seeds(known: SyncEventData['SyncReset']['known']): Map<ItemId, Held> {
  return new Map(known.map(([item, version, hash]) => [item, { version, hash }]));
}

/** The offer becomes what is held. */
export function acknowledge(state: ConversationState, offer: Offer): Evolved {
  const set = new Map<ItemId, Held>();
  const remove = new Set<ItemId>();
  const stale = new Set(state.stale);
  for (const [item, op, version, hash] of offer.ops) {
    if (op === 'stale') {
      stale.add(item);
      continue;
    }
    stale.delete(item);
    if (op === 'add' || op === 'change') {
      set.set(item, { version, hash });
      remove.delete(item);
    } else {
      remove.add(item);
      set.delete(item);
    }
  }
  return {
    state: { ...state, acknowledged: offer.key, cursor: offer.cursor, offer: null, stale: [...stale] },
    held: { clear: false, set, remove },
  };
}

export function applyHeld(map: Map<ItemId, Held>, change: HeldChange): void {
  if (change.clear) map.clear();
  for (const item of change.remove) map.delete(item);
  for (const [item, held] of change.set) map.set(item, held);
}

/** A conversation by the events of its stream, with all that the device acknowledged; null before the first event. */
export function foldConversation(events: Iterable<{ readonly type: string; readonly data: unknown }>): {
  readonly state: ConversationState | null;
  readonly held: Map<ItemId, Held>;
} {
  let state: ConversationState | null = null;
  const held = new Map<ItemId, Held>();
  for (const { type, data } of events) {
    const evolved = evolve(state, type, data);
    state = evolved.state;
    applyHeld(held, evolved.held);
  }
  return { state, held };
}
