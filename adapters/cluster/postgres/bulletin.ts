/**
 * The bulletin on PostgreSQL: NOTIFY after the fact, never inside the transaction it tells of, gathered for a few
 * milliseconds. A pooler that hands connections out by transaction does not carry LISTEN; nodes then hear nothing and
 * find each other's work by looking.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { Subject } from 'rxjs';
import { within } from '../../within.ts';
import type { Bulletin, BulletinMessage, BulletinTopic } from '../bulletin.port.ts';
import { Outbox } from '../outbox.ts';
import { type Listener, listen } from './connection.ts';

export interface PostgresBulletinOptions {
  /** How the pool reaches the database: its `options`. */
  readonly connection: pg.ClientConfig;
  /** Names this node among the others; made up unless told. Holds no blank. */
  readonly node?: string;
  /** Told of every lost connection and failed try to get one, and of posts that cannot be sent. */
  readonly onError: (error: unknown) => void;
  /** Whether others are known to live by other means: they may be there and not be heard. */
  readonly othersLive?: () => boolean;
  /** How long a post waits for others to go with it. */
  readonly gatherMs?: number;
  /** How often it looks whether the connection lives and who else listens. */
  readonly beatMs?: number;
  /** How long nobody else must have listened until this node counts as alone. */
  readonly aloneAfterMs?: number;
}

/** In one statement. Each is a notification of its own, of less than 8,000 bytes. */
const togetherMax = 200;
const retryMs = { first: 100, most: 2_000 };
/** What a node says when it begins to listen. */
const hello = 'hello';

/** Resolves once it listens, or once the first try has failed; then it goes on trying. */
export async function postgresBulletin(options: PostgresBulletinOptions): Promise<Bulletin> {
  const bulletin = new PostgresBulletin(options);
  await bulletin.open();
  return bulletin;
}

class PostgresBulletin implements Bulletin {
  readonly heard = new Subject<BulletinMessage>();
  readonly gaps = new Subject<void>();
  readonly #options: PostgresBulletinOptions;
  readonly #node: string;
  readonly #outbox = new Outbox();
  #listener: Listener | undefined;
  /** When another node was last known to listen. */
  #accompaniedMs = Number.NEGATIVE_INFINITY;
  #hasListened = false;
  #sendTimer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #isClosed = false;

  constructor(options: PostgresBulletinOptions) {
    this.#options = options;
    this.#node = options.node ?? randomUUID();
  }

  post(topic: BulletinTopic, key: string, text: string): void {
    if (this.#isClosed || this.isAlone()) return;
    try {
      this.#outbox.put(topic, key, text);
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    this.#sendSoon();
  }

  isAlone(): boolean {
    // Who cannot hear the others does not know.
    if (!this.#listener || this.#options.othersLive?.()) return false;
    return performance.now() - this.#accompaniedMs > (this.#options.aloneAfterMs ?? 30_000);
  }

  /** One try to listen; the next is made by itself. */
  async open(): Promise<void> {
    try {
      const listener = await listen({
        connection: this.#options.connection,
        onPayload: (payload) => this.#received(payload),
        onLost: (error) => this.#lost(error),
      });
      if (this.#isClosed) return await listener.end();
      this.#listener = listener;
      // The others look for what they missed of this one, and tell it from now on what they do.
      await listener.notify([this.#payload('nodes', hello)]);
      await this.#count(listener);
      this.#tries = 0;
    } catch (error) {
      this.#lost(error);
      return;
    }
    if (this.#hasListened) this.gaps.next();
    this.#hasListened = true;
    this.#sendSoon();
    this.#beatLater();
  }

  async close(): Promise<void> {
    clearTimeout(this.#sendTimer);
    await within(1_000, this.#send());
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.end();
    this.heard.complete();
    this.gaps.complete();
  }

  #received(payload: string): void {
    const [node, topic] = payload.split(' ', 2) as [string, BulletinTopic];
    if (node === this.#node || this.#isClosed) return;
    this.#accompaniedMs = performance.now();
    const text = payload.slice(node.length + topic.length + 2);
    if (topic === 'nodes' && text === hello) this.gaps.next();
    else this.heard.next({ topic, text });
  }

  #lost(error: unknown): void {
    if (this.#isClosed) return;
    const listener = this.#listener;
    this.#listener = undefined;
    void listener?.end();
    this.#options.onError(error);
    const delayMs = Math.min(retryMs.first * 2 ** this.#tries++, retryMs.most);
    clearTimeout(this.#timer);
    // Many nodes lose the same database at once.
    this.#timer = setTimeout(() => void this.open(), delayMs * (0.5 + Math.random() / 2));
    this.#timer.unref();
  }

  #beatLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#beat(), this.#options.beatMs ?? 2_000);
    this.#timer.unref();
  }

  async #beat(): Promise<void> {
    const listener = this.#listener;
    if (!listener) return;
    try {
      await this.#count(listener);
      if (this.#listener === listener) this.#beatLater();
    } catch (error) {
      if (this.#listener === listener) this.#lost(error);
    }
  }

  async #count(listener: Listener): Promise<void> {
    if ((await listener.countListeners()) > 1) this.#accompaniedMs = performance.now();
    else if (this.isAlone()) this.#outbox.clear();
  }

  #sendSoon(): void {
    if (this.#sendTimer || this.#sending || !this.#listener || this.#outbox.isEmpty) return;
    this.#sendTimer = setTimeout(() => {
      this.#sendTimer = undefined;
      void this.#send();
    }, this.#options.gatherMs ?? 2);
  }

  /** Everything that waits. While it is under way more is gathered. */
  #send(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      // A new connection may have come while the old one failed.
      this.#sendSoon();
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    const listener = this.#listener;
    while (listener && listener === this.#listener && !this.#outbox.isEmpty) {
      const taken = this.#outbox.take(togetherMax);
      try {
        await listener.notify([...taken.values()].map(({ topic, text }) => this.#payload(topic, text)));
      } catch (error) {
        this.#outbox.putBack(taken);
        if (this.#listener === listener) this.#lost(error);
      }
    }
  }

  #payload(topic: BulletinTopic, text: string): string {
    return `${this.#node} ${topic} ${text}`;
  }
}
