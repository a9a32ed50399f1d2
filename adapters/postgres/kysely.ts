/**
 * Kysely over a pool, with prepared statements: each text is parsed and planned once a connection, which for small
 * statements is most of their cost. Texts come from the code, so there are few of them.
 */
import { createHash } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';

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
    connect: async () => {
      const client = await pool.connect();
      return {
        release: () => client.release(),
        query: (text: string | object, values?: readonly unknown[]) => {
          if (typeof text !== 'string' || values === undefined || values.length === 0) {
            return client.query(text as string, values as unknown[]);
          }
          const name = nameOf(text);
          return client.query({ text, values: values as unknown[], ...(name ? { name } : {}) });
        },
      };
    },
    end: async () => {},
  };
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: preparing as unknown as pg.Pool }) });
}
