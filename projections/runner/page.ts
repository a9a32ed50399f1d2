/**
 * What the read models make of one page, gathered and written at once. An ordinary page costs one round trip: a single
 * statement whose parts see the same snapshot, and that fails as a whole when the checkpoints stand elsewhere.
 */
import { type Kysely, sql } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import { CheckpointMoved, checkpointMove, type Move, unlessMoved } from './checkpoints.ts';
import type { AnyDatabase, Page, Statement } from './projection.ts';

export class PageWrites {
  readonly #db: Kysely<AnyDatabase>;
  readonly #tenant: TenantId;
  readonly #first: Statement[] = [];
  readonly #later: Statement[] = [];
  readonly #effects: (() => void)[] = [];

  /** In a transaction of the caller's, when `db` is one: then that is also where the page reads. */
  constructor(db: Kysely<AnyDatabase>, tenant: TenantId) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** What one projection is given to fold: the events after the position `from`. */
  page(from: Position, events: readonly RecordedEvent[]): Page {
    return {
      tenant: this.#tenant,
      from,
      events,
      read: this.#db,
      first: (statement) => {
        this.#first.push(statement);
      },
      later: (statement) => {
        this.#later.push(statement);
      },
      written: (effect) => {
        this.#effects.push(effect);
      },
    };
  }

  /**
   * Writes everything gathered, and moves the checkpoints.
   * @throws CheckpointMoved when another runner was faster, or is newer: then nothing is written.
   */
  async execute(moves: readonly Move[], to: Position): Promise<void> {
    try {
      if (this.#first.length === 0 || this.#db.isTransaction) await this.#write(this.#db, moves, to);
      else await this.#db.transaction().execute((trx) => this.#write(trx, moves, to));
    } catch (error) {
      throw unlessMoved(error) ?? new CheckpointMoved();
    }
    for (const effect of this.#effects) effect();
  }

  async #write(db: Kysely<AnyDatabase>, moves: readonly Move[], to: Position): Promise<void> {
    for (const statement of this.#first) await statement.execute(db);
    const parts = this.#later.map((statement, nth) => sql`${sql.raw(`w${nth}`)} as (${statement}), `);
    await sql`with ${sql.join(parts, sql``)}${checkpointMove(this.#tenant, moves, to)}`.execute(db);
  }
}
