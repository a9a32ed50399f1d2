import { AppendRejected, maxPayloadBytes, type StreamWrite } from './port.ts';

/** Events one call may hold: more would keep the tenant's other writers waiting. */
export const maxEventsPerAppend = 10_000;

/** Bytes of payload one call may hold. */
export const maxBytesPerAppend = 64_000_000;

/** SHA-256, see `chain.ts`. */
export const hashBytes = 32;

/**
 * What every log refuses before it looks at what is stored.
 * @throws AppendRejected
 */
export function checkWrites(writes: readonly StreamWrite[]): void {
  const ids = new Set<string>();
  let events = 0;
  let bytes = 0;
  for (const write of writes) {
    if (write.events.length === 0) throw new AppendRejected(`nothing to append to ${write.stream}`);
    if (!Number.isSafeInteger(write.expectedRevision) || write.expectedRevision < -1)
      throw new AppendRejected(`${write.expectedRevision} is no expected revision`);
    for (const event of write.events) {
      if (event.payload.byteLength > maxPayloadBytes)
        throw new AppendRejected(`a payload of ${event.payload.byteLength} bytes is over ${maxPayloadBytes}`);
      if (event.hash.byteLength !== hashBytes) throw new AppendRejected(`a hash has ${hashBytes} bytes`);
      ids.add(event.id);
      bytes += event.payload.byteLength;
      events++;
    }
  }
  if (events === 0) throw new AppendRejected('an append without writes');
  if (events > maxEventsPerAppend) throw new AppendRejected(`${events} events in one append`);
  if (bytes > maxBytesPerAppend) throw new AppendRejected(`${bytes} bytes of payload in one append`);
  if (ids.size < events) throw new AppendRejected('an event id occurs twice in one append');
}
