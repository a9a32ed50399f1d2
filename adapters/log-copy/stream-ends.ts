/** Proves, as the events of logs go by in order, that each continues the chain of its stream. */
import { LRUCache } from 'lru-cache';
import type { StreamName, TenantId } from '../../domain/shared/ids.ts';
import { chainHash } from '../event-log/chain.ts';
import { emptyHead, type StreamHead } from '../event-log/event-store.port.ts';
import type { EventLog, StoredEvent } from '../event-log/port.ts';
import { LogsDiffer } from './difference.ts';

/** About 300 bytes each. */
const endsAtHand = 100_000;

/** Reads that are asked for at once. */
const readsTogether = 16;

export class StreamEnds {
  readonly #log: Pick<EventLog, 'readStream'>;
  readonly #ends: LRUCache<string, StreamHead>;

  /** @param log holds what came before the events that are given: an end that is not at hand is read there */
  constructor(log: Pick<EventLog, 'readStream'>, max = endsAtHand) {
    this.#log = log;
    this.#ends = new LRUCache({ max });
  }

  /** The tenant's next events, in the order of positions. @throws LogsDiffer naming the first that does not continue. */
  async prove(tenant: TenantId, events: readonly StoredEvent[]): Promise<void> {
    await this.#fetch(tenant, events);
    for (const event of events) {
      const { stream, revision, position, hash } = event;
      const before = this.#ends.get(nameOf(tenant, stream)) ?? emptyHead;
      if (revision !== before.revision + 1)
        throw new LogsDiffer(tenant, position, `revision ${revision} of ${stream} follows revision ${before.revision}`);
      if (Buffer.compare(chainHash(before.hash, event), hash) !== 0)
        throw new LogsDiffer(tenant, position, `the hash does not continue ${stream} at revision ${revision}`);
      this.#ends.set(nameOf(tenant, stream), { revision, hash });
    }
  }

  async #fetch(tenant: TenantId, events: readonly StoredEvent[]): Promise<void> {
    const firsts = new Map<StreamName, number>();
    for (const { stream, revision } of events) if (!firsts.has(stream)) firsts.set(stream, revision);
    const missing = [...firsts].filter(([stream, first]) => first > 0 && !this.#ends.has(nameOf(tenant, stream)));
    for (let at = 0; at < missing.length; at += readsTogether) {
      const some = missing.slice(at, at + readsTogether);
      await Promise.all(
        some.map(async ([stream, first]) => {
          const [last] = await this.#log.readStream(tenant, stream, { from: first - 1, limit: 1 });
          if (last) this.#ends.set(nameOf(tenant, stream), { revision: last.revision, hash: last.hash });
        }),
      );
    }
  }
}

function nameOf(tenant: TenantId, stream: StreamName): string {
  return `${tenant}\n${stream}`;
}
