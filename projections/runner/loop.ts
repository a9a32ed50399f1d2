/** What a runner keeps of one tenant. */
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import { NO_POSITION, type Position } from '../../domain/shared/ids.ts';
import type { ProjectedNews } from './news.ts';

export interface Loop {
  /** By read model; null where that must be looked up. */
  positions: Map<string, Position> | null;
  /** Of the slowest projection. */
  position: Position;
  /** Of the last commit heard of. */
  committed: Position;
  /** Events past `position` that this process stored itself, and so need not read. */
  readonly fresh: Map<Position, RecordedEvent>;
  running: Promise<void> | null;
  again: boolean;
  /** Whoever woke it knows of more than this process's own commits. */
  mustRead: boolean;
  waiters: Waiter[];
  /** What other nodes projected, not yet followed. */
  news: ProjectedNews[];
  /** The checkpoints may have moved unheard. */
  isUnsure: boolean;
  /** When the rows last moved on, by `performance.now()`. */
  movedMs: number;
  /** Until then this node projects although another should, who does not. */
  helpsUntilMs: number;
  patience: NodeJS.Timeout | null;
}

interface Waiter {
  readonly position: Position;
  readonly sinceMs: number;
  readonly resolve: (reached: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

export function newLoop(): Loop {
  return {
    positions: null,
    position: NO_POSITION,
    committed: NO_POSITION,
    fresh: new Map(),
    running: null,
    again: false,
    mustRead: true,
    waiters: [],
    news: [],
    isUnsure: false,
    movedMs: Number.NEGATIVE_INFINITY,
    helpsUntilMs: Number.NEGATIVE_INFINITY,
    patience: null,
  };
}

/** Own events kept at hand for one tenant; a projection that lags further reads them. */
const freshMax = 5_000;

export function keepFresh({ fresh }: Loop, events: readonly RecordedEvent[]): void {
  if (fresh.size > freshMax) fresh.clear();
  for (const event of events) fresh.set(event.position, event);
}

/** The own events that follow the position without a gap; older ones are forgotten. */
export function takeFresh({ fresh }: Loop, from: Position, limit: number): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  for (let next = from + 1; events.length < limit; next++) {
    const event = fresh.get(next as Position);
    if (!event) break;
    events.push(event);
  }
  for (const position of fresh.keys()) if (position <= from + events.length) fresh.delete(position);
  return events;
}

/** Resolves with true once the rows reach the position, with false after the time. */
export function waitIn(loop: Loop, position: Position, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      loop.waiters = loop.waiters.filter((other) => other !== waiter);
      resolve(false);
    }, timeoutMs);
    const waiter: Waiter = { position, resolve, timer, sinceMs: performance.now() };
    loop.waiters.push(waiter);
  });
}

/** Answers those who wait for no more than the position. */
export function answer(loop: Loop, position: Position, reached: boolean): void {
  const ready = loop.waiters.filter((waiter) => waiter.position <= position);
  if (ready.length === 0) return;
  loop.waiters = loop.waiters.filter((waiter) => waiter.position > position);
  for (const waiter of ready) {
    clearTimeout(waiter.timer);
    waiter.resolve(reached);
  }
}

/** Where the slowest of the projections stands. */
export function lowest(positions: ReadonlyMap<string, Position>): Position {
  return Math.min(...positions.values()) as Position;
}
