/**
 * Kysely over a pool, with prepared statements: each text is parsed and planned once a connection, which for small
 * statements is most of their cost. Texts come from the code, so there are few of them.
 */
import { createHash } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { isAway } from './away.ts';
import { waitingMs } from './pool.ts';

/** Beyond this many texts the rest goes unnamed: something is writing values into texts. */
const namesMax = 500;
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= namesMax) return known;
  const name = `k_${createHash('sha1').update(text).digest('hex').slice(0, 20)}`;
  names.set(text, name);
  return name;
}

/** The pool stays the caller's to end. */
export function createKysely<Database>(pool: pg.Pool): Kysely<Database> {
  const preparing = {
    options: pool.options,
    connect: async () => new Preparing(await pool.connect(), waitingMs(pool)),
    end: async () => {},
  };
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: preparing as unknown as pg.Pool }) });
}

class Preparing {
  readonly #client: pg.PoolClient;
  readonly #limit: { readonly query_timeout?: number };
  #isInTransaction = false;
  /** Given up on: what its server answers yet would be taken for the answer to the next statement. */
  #isLost = false;

  constructor(client: pg.PoolClient, waitMs: number | undefined) {
    this.#client = client;
    this.#limit = waitMs === undefined ? {} : { query_timeout: waitMs };
  }

  release(): void {
    this.#client.release(this.#isLost);
  }

  async query(text: string | object, values?: readonly unknown[]): Promise<unknown> {
    if (typeof text !== 'string' || values === undefined || values.length === 0) {
      if (typeof text === 'string' && /^(begin|start)\b/.test(text)) this.#isInTransaction = true;
      return await this.#client.query(text as string, values as unknown[]);
    }
    const name = nameOf(text);
    const query = { text, values: values as unknown[], ...(name ? { name } : {}) };
    if (this.#isInTransaction) return await this.#client.query(query);
    try {
      return await this.#client.query({ ...query, ...this.#limit });
    } catch (error) {
      if (isAway(error)) this.#isLost = true;
      throw error;
    }
  }
}
