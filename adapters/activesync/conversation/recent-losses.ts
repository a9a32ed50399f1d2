/** What devices deleted and emptied lately, for the guard against mass deletes: a few numbers a conversation. */
import { LRUCache } from 'lru-cache';
import type { ConversationId } from './store.ts';

/** Removed items are not in the folder any more, emptied ones still are. */
export interface Losses {
  readonly removed: number;
  readonly blanked: number;
}

interface Entry extends Losses {
  readonly atMs: number;
}

/** Conversations in which something was deleted lately; each keeps an entry a request, at most so many. */
const rememberedMax = 20_000;
const entriesMax = 64;

/** Kept in memory only: after a restart counting begins anew, and what is too much in one request is still too much. */
export class RecentLosses {
  readonly #byConversation = new LRUCache<string, readonly Entry[]>({ max: rememberedMax });

  /** @param withinMs how long what was lost counts. */
  of(id: ConversationId, nowMs: number, withinMs: number): Losses {
    const entries = this.#byConversation.get(nameOf(id)) ?? [];
    return sum(entries.filter(({ atMs }) => nowMs - atMs < withinMs));
  }

  add(id: ConversationId, losses: Losses, nowMs: number): void {
    const entries = [...(this.#byConversation.get(nameOf(id)) ?? []), { ...losses, atMs: nowMs }];
    const [first, second, ...others] = entries as [Entry, Entry, ...Entry[]];
    // The two oldest then count as long as the newer of them.
    const kept = entries.length > entriesMax ? [{ ...sum([first, second]), atMs: second.atMs }, ...others] : entries;
    this.#byConversation.set(nameOf(id), kept);
  }
}

function sum(entries: readonly Losses[]): Losses {
  return entries.reduce((all, one) => ({ removed: all.removed + one.removed, blanked: all.blanked + one.blanked }), {
    removed: 0,
    blanked: 0,
  });
}

function nameOf({ tenant, device, collection }: ConversationId): string {
  return `${tenant}/${device}/${collection}`;
}
