/** Messages that wait to be sent: of the same topic and key only the last, and never more than it may hold. */
import type { BulletinMessage, BulletinTopic } from './bulletin.port.ts';
import { maxBulletinBytes } from './bulletin.port.ts';

/** More keys than this wait only while nobody can be told; then the oldest are found by looking. */
const waitingMax = 10_000;

export class Outbox {
  readonly #waiting = new Map<string, BulletinMessage>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** @throws RangeError for a text that is too long or that PostgreSQL cannot hold. */
  put(topic: BulletinTopic, key: string, text: string): void {
    if (Buffer.byteLength(text) > maxBulletinBytes || text.includes('\0')) {
      throw new RangeError(`a message about ${topic} is over ${maxBulletinBytes} bytes or holds a zero character`);
    }
    const name = nameOf(topic, key);
    // The last word about a key goes out in the order of last words.
    this.#waiting.delete(name);
    this.#waiting.set(name, { topic, text });
    if (this.#waiting.size > waitingMax) this.#waiting.delete(this.#waiting.keys().next().value as string);
  }

  /** The oldest, taken out. */
  take(count: number): Map<string, BulletinMessage> {
    const taken = new Map<string, BulletinMessage>();
    for (const [name, message] of this.#waiting) {
      if (taken.size === count) break;
      taken.set(name, message);
      this.#waiting.delete(name);
    }
    return taken;
  }

  /** What could not be sent waits again, unless something newer has come in its place. */
  putBack(taken: ReadonlyMap<string, BulletinMessage>): void {
    const newer = [...this.#waiting];
    this.#waiting.clear();
    for (const [name, message] of [...taken, ...newer]) this.#waiting.set(name, message);
  }

  clear(): void {
    this.#waiting.clear();
  }
}

const nameOf = (topic: BulletinTopic, key: string) => `${topic}\n${key}`;
