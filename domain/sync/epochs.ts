/** The life of a conversation, told for people: each time it began anew, why, and how far it came. */
import type { HierarchyEvent } from '../hierarchy/events.ts';
import { evolveHierarchy, type HierarchyState, offeredFolders } from '../hierarchy/state.ts';
import type { EventMeta } from '../shared/event.ts';
import type { Instant, ItemId } from '../shared/ids.ts';
import type { ResetCause } from './events.ts';
import { applyHeld, type ConversationState, evolve, type Held } from './state.ts';

export interface Epoch {
  readonly epoch: number;
  readonly cause: ResetCause;
  readonly began: Pick<EventMeta, 'at' | 'actor' | 'cause'>;
  /** Of the last event in it. */
  readonly lastAt: Instant;
  /** How many keys were issued; the last one's counter too. */
  readonly keys: number;
  /** What the device holds, or knows, if it got the last answer: items, or folders. */
  readonly known: number;
}

export interface ConversationEvent {
  readonly type: string;
  readonly data: unknown;
  readonly meta: EventMeta;
}

/** The epochs of a conversation about items, the first one first; from its whole stream. */
export function epochsOf(events: readonly ConversationEvent[]): Epoch[] {
  const epochs: Epoch[] = [];
  let state: ConversationState | null = null;
  const held = new Map<ItemId, Held>();
  for (const event of events) {
    const evolved = evolve(state, event.type, event.data);
    state = evolved.state;
    applyHeld(held, evolved.held);
    note(epochs, event, 'SyncReset', state, countOf(state, held));
  }
  return epochs;
}

/** The same of the conversation about folders. */
export function hierarchyEpochsOf(events: readonly ConversationEvent[]): Epoch[] {
  const epochs: Epoch[] = [];
  let state: HierarchyState | null = null;
  for (const event of events) {
    state = evolveHierarchy(state, event as unknown as HierarchyEvent);
    note(epochs, event, 'HierarchyReset', state, offeredFolders(state).size);
  }
  return epochs;
}

function note(
  epochs: Epoch[],
  { type, meta }: ConversationEvent,
  reset: string,
  state: Pick<ConversationState, 'epoch' | 'cause' | 'issued'>,
  known: number,
): void {
  const { at, actor, cause } = meta;
  const before = type === reset ? undefined : epochs.pop();
  epochs.push({
    epoch: state.epoch,
    cause: state.cause ?? 'syncKeyZero',
    began: before?.began ?? { at, actor, ...(cause ? { cause } : {}) },
    lastAt: at,
    keys: state.issued,
    known,
  });
}

function countOf({ offer }: ConversationState, acknowledged: ReadonlyMap<ItemId, Held>): number {
  let count = acknowledged.size;
  const last = new Map((offer?.ops ?? []).flatMap(([item, op]) => (op === 'stale' ? [] : [[item, op] as const])));
  for (const [item, op] of last) {
    const isHeld = op === 'add' || op === 'change';
    count += Number(isHeld) - Number(acknowledged.has(item));
  }
  return count;
}
