/**
 * The end of a tenant's log as this node knows it: every event behind the point up to which links are written, and
 * some before it. It is only ever continued without a gap.
 */
import type { StreamName } from '../../../domain/shared/ids.ts';
import type { StoredEvent } from '../port.ts';

export interface TailEntry {
  readonly event: StoredEvent;
  /** From when on this node writes its link, in milliseconds of `performance.now`; events of others wait a while. */
  dueAtMs: number;
  isLinked: boolean;
}

/** Linked events that stay at hand, for reads that began before their links were there. */
const kept = 256;

export class Tail {
  /** The position of the last event. */
  #head: number;
  /** Links of all events up to this position are written. */
  #linked: number;
  #entries: TailEntry[] = [];

  /** @param linked as the last event of the store says it. */
  constructor(linked: number) {
    this.#head = linked;
    this.#linked = linked;
  }

  get head(): number {
    return this.#head;
  }

  get linked(): number {
    return this.#linked;
  }

  /** How many events wait for their links. */
  get unlinked(): number {
    return this.#head - this.#linked;
  }

  /** Takes what continues the log, and answers with what of it was new; nothing of it when there is a gap before. */
  add(events: readonly StoredEvent[], dueAtMs: number): readonly StoredEvent[] {
    const news = events.filter(({ position }) => position > this.#head);
    for (const { position } of events) {
      const entry = this.#entryAt(position);
      if (entry && entry.dueAtMs > dueAtMs) entry.dueAtMs = dueAtMs;
    }
    if (news.length === 0 || news[0]!.position !== this.#head + 1) return [];
    for (const event of news) this.#entries.push({ event, dueAtMs, isLinked: false });
    this.#head = news.at(-1)!.position;
    return news;
  }

  /** Another node says that links are written up to here. */
  linkedUpTo(position: number): void {
    if (position <= this.#linked) return;
    this.#linked = Math.min(position, this.#head);
    this.#advance();
  }

  linkWritten(entries: readonly TailEntry[]): void {
    for (const entry of entries) entry.isLinked = true;
    this.#advance();
  }

  /** In order. */
  waiting(): readonly TailEntry[] {
    return this.#entries.filter(({ event, isLinked }) => !isLinked && event.position > this.#linked);
  }

  of(stream: StreamName): StoredEvent[] {
    return this.#entries.filter(({ event }) => event.stream === stream).map(({ event }) => event);
  }

  after(position: number): StoredEvent[] {
    return this.#entries.filter(({ event }) => event.position > position).map(({ event }) => event);
  }

  /** Whether every event behind the position is at hand. */
  holdsAfter(position: number): boolean {
    return position >= this.#head || (this.#entries[0]?.event.position ?? Number.POSITIVE_INFINITY) <= position + 1;
  }

  #advance(): void {
    while (this.#linked < this.#head && this.#entryAt(this.#linked + 1)?.isLinked) this.#linked++;
    const keptFrom = this.#linked - kept;
    const first = this.#entries[0]?.event.position ?? 0;
    // Seldom and many at once: what stays is copied.
    if (first + kept < keptFrom) this.#entries = this.#entries.filter(({ event }) => event.position > keptFrom);
  }

  #entryAt(position: number): TailEntry | undefined {
    const first = this.#entries[0]?.event.position;
    return first === undefined ? undefined : this.#entries[position - first];
  }
}
