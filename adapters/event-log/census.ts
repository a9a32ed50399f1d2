/**
 * What is asked of a log as a whole by those who stand beside it: erasing, exporting, proving. Each log answers in the
 * way that costs it least; `walkedCensus` is the way that every log has.
 */
import { NO_POSITION, type StreamName, type SubjectId, type TenantId } from '../../domain/shared/ids.ts';
import { type EventLog, LogDamaged } from './port.ts';
import { splitPayload } from './sealed.ts';

export interface StreamEnd {
  readonly stream: StreamName;
  /** Of the last event; -1 where the log says that the stream holds none. */
  readonly revision: number;
}

export interface LogCensus {
  /** Streams with events that the keys of these subjects seal, with how many. Looks at every event of the tenant. */
  sealedBy(tenant: TenantId, subjects: readonly SubjectId[]): Promise<Map<StreamName, number>>;
  /**
   * Where every stream ends by what the log keeps beside the order of the events. `walked`: the ends of those streams
   * in which events were found; a log that can name its streams by itself names others too.
   */
  streamEnds(tenant: TenantId, walked: Iterable<StreamEnd>): AsyncIterable<StreamEnd>;
}

const pageSize = 1_000;
const streamsTogether = 16;

/**
 * Through the port alone: `sealedBy` reads the tenant's whole log, `streamEnds` the end of each stream that was
 * walked, which is one read a stream.
 */
export function walkedCensus(log: Pick<EventLog, 'readAll' | 'readStream'>): LogCensus {
  return {
    async sealedBy(tenant, subjects) {
      const wanted = new Set(subjects);
      const found = new Map<StreamName, number>();
      for (let last = NO_POSITION; ; ) {
        const page = await log.readAll(tenant, last, pageSize);
        for (const { stream, payload } of page)
          if (wanted.has(subjectIn(payload))) found.set(stream, (found.get(stream) ?? 0) + 1);
        if (page.length === 0) return found;
        last = page.at(-1)!.position;
      }
    },
    async *streamEnds(tenant, walked) {
      const all = [...walked];
      for (let at = 0; at < all.length; at += streamsTogether)
        yield* await Promise.all(all.slice(at, at + streamsTogether).map((end) => endOf(log, tenant, end)));
    },
  };
}

/** A stream that cannot be read is one without events. */
async function endOf(log: Pick<EventLog, 'readStream'>, tenant: TenantId, { stream, revision }: StreamEnd) {
  try {
    const tail = await log.readStream(tenant, stream, { from: Math.max(0, revision) });
    // What ends earlier than it was walked is read whole: that is rare, and its end is asked for.
    const last = tail.at(-1) ?? (await log.readStream(tenant, stream)).at(-1);
    return { stream, revision: last?.revision ?? -1 };
  } catch (error) {
    if (error instanceof LogDamaged) return { stream, revision: -1 };
    throw error;
  }
}

/** What is no payload of ours is sealed by nobody we know. */
function subjectIn(payload: Uint8Array): SubjectId {
  try {
    return splitPayload(payload).subject;
  } catch {
    return '' as SubjectId;
  }
}
