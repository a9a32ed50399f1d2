/**
 * What is stored, by whichever node, as it is stored: one subscription for all tenants. It takes one record after
 * another, so a slow listener slows the store's sending and nothing piles up here; after a break it goes on behind the
 * last record that was taken, so none is missed.
 */
import type { AllStreamRecordedEvent, AllStreamSubscription, Position } from '@eventstore/db-client';
import type { Connection } from './connection.ts';

export interface FollowingOptions {
  readonly connection: Connection;
  /** Of the names of streams. */
  readonly prefix: string;
  readonly onRecord: (record: AllStreamRecordedEvent) => Promise<void>;
  /** The subscription broke, and is taken up again. */
  readonly onBreak: (error: unknown) => void;
}

const firstPauseMs = 50;
const maxPauseMs = 2_000;

export class Following {
  readonly #options: FollowingOptions;
  #after: Position | 'start' = 'start';
  #subscription: AllStreamSubscription | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** Resolves once everything that is stored from then on is heard. @throws when the store does not let us */
  async start(patienceMs?: number): Promise<void> {
    this.#after = await this.#options.connection.end(patienceMs);
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let pauseMs = firstPauseMs; !this.#isClosed; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      try {
        await this.#follow(() => {
          pauseMs = firstPauseMs;
        });
      } catch (error) {
        if (this.#isClosed || this.#options.connection.isClosed) return;
        this.#options.onBreak(error);
      } finally {
        this.#end();
      }
      await this.#options.connection.pause(pauseMs).catch(() => {});
    }
  }

  async #follow(onGood: () => void): Promise<void> {
    const { connection, prefix, onRecord } = this.#options;
    const onCheckpoint = (position: Position) => {
      this.#after = position;
    };
    this.#subscription = await connection.subscribe(prefix, this.#after, onCheckpoint);
    for await (const { event } of this.#subscription) {
      if (this.#isClosed) return;
      if (!event) continue;
      await onRecord(event);
      this.#after = event.position;
      onGood();
    }
  }

  /** `unsubscribe` alone would leave whoever reads waiting. */
  #end(): void {
    const left = this.#subscription;
    this.#subscription = undefined;
    left?.unsubscribe().catch(() => {});
    left?.on('error', () => {});
    left?.destroy();
  }
}
