/** Time as the program sees it: the system's, or one that a test moves. */
import type { Instant } from '../domain/shared/ids.ts';

export interface Clock {
  /** Milliseconds since 1970 in UTC. */
  nowMs(): number;
  instant(): Instant;
  /** Calls `action` once after the delay, unless the returned function was called before. */
  after(delayMs: number, action: () => void): () => void;
}

const toInstant = (ms: number) => new Date(ms).toISOString() as Instant;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  instant: () => toInstant(Date.now()),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface VirtualClock extends Clock {
  /** Moves on, calling what falls due on the way, in order, each at its own time. */
  advance(ms: number): void;
}

export function virtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = startMs;
  let count = 0;
  const timers = new Map<number, { readonly dueMs: number; readonly action: () => void }>();
  const nextDue = (untilMs: number) => {
    let next: [number, { dueMs: number; action: () => void }] | undefined;
    for (const entry of timers)
      if (entry[1].dueMs <= untilMs && (!next || entry[1].dueMs < next[1].dueMs)) next = entry;
    return next;
  };
  return {
    nowMs: () => now,
    instant: () => toInstant(now),
    after(delayMs, action) {
      const id = count++;
      timers.set(id, { dueMs: now + Math.max(0, delayMs), action });
      return () => void timers.delete(id);
    },
    advance(ms) {
      const untilMs = now + ms;
      for (let due = nextDue(untilMs); due; due = nextDue(untilMs)) {
        timers.delete(due[0]);
        now = due[1].dueMs;
        due[1].action();
      }
      now = untilMs;
    },
  };
}
