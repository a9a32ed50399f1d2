/**
 * What waits to be written, many at once, behind the answers. A database that is down costs what there is no room for,
 * and what it refuses again and again; nothing ever waits for it.
 */
import type { Clock } from '../clock.ts';
import { type Entry, sizeOf } from './entry.ts';

export interface WriteQueueOptions {
  readonly write: (entries: readonly Entry[]) => Promise<void>;
  readonly clock: Pick<Clock, 'after'>;
  readonly max: number;
  readonly onTrouble: (error: unknown) => void;
}

const togetherMax = 500;
const togetherBytesMax = 8_000_000;
/** Of what waits: beyond the first no body is taken any more, beyond the second nothing. */
const bodiesBytesMax = 32_000_000;
const bytesMax = 48_000_000;
const writeAfterMs = 1_000;
const retryAfterMs = 5_000;
/** One that cannot be written by itself is in the way of the others. */
const attemptsMax = 3;

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: Entry[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isUrgent = false;
  #isStopped = false;
  /** Shrinks while writing fails, down to the one that is the cause. */
  #together = togetherMax;
  #attempts = 0;
  written = 0;
  lost = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= bodiesBytesMax;
  }

  /** Where there is no room it is lost, and counted. */
  add(entry: Entry): void {
    if (this.#waiting.length >= this.#options.max || this.#bytes > bytesMax) {
      this.lost++;
      return;
    }
    this.#waiting.push(entry);
    this.#bytes += sizeOf(entry);
    this.#schedule(this.#waiting.length >= togetherMax ? 0 : writeAfterMs);
  }

  /** Writes what waits now; false when that failed. */
  async flush(): Promise<boolean> {
    await this.#writing;
    while (this.#waiting.length > 0) {
      const before = this.written;
      await this.#write();
      if (this.written === before) return false;
    }
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #schedule(delayMs: number): void {
    const isUrgent = delayMs === 0;
    if (this.#isStopped || this.#writing || (this.#cancel && (this.#isUrgent || !isUrgent))) return;
    this.#cancel?.();
    this.#isUrgent = isUrgent;
    this.#cancel = this.#options.clock.after(delayMs, () => {
      this.#cancel = undefined;
      if (!this.#writing && this.#waiting.length > 0) void this.#write();
    });
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0) this.#schedule(this.#attempts > 0 ? retryAfterMs : 0);
    });
    return this.#writing;
  }

  async #writeOnce(): Promise<void> {
    const batch = this.#waiting.slice(0, this.#sizeOfNext());
    try {
      await this.#options.write(batch);
      this.written += batch.length;
      this.#together = Math.min(togetherMax, this.#together * 2);
      this.#attempts = 0;
      this.#drop(batch);
    } catch (error) {
      this.#options.onTrouble(error);
      this.#attempts++;
      if (batch.length > 1) this.#together = Math.max(1, batch.length >> 1);
      else if (this.#attempts >= attemptsMax) {
        this.lost++;
        this.#attempts = 0;
        this.#drop(batch);
      }
    }
  }

  #drop(batch: readonly Entry[]): void {
    this.#waiting.splice(0, batch.length);
    for (const entry of batch) this.#bytes -= sizeOf(entry);
  }

  #sizeOfNext(): number {
    let bytes = 0;
    let size = 0;
    for (const entry of this.#waiting) {
      bytes += sizeOf(entry);
      if (size === this.#together || (size > 0 && bytes > togetherBytesMax)) break;
      size++;
    }
    return size;
  }
}
