import type pg from 'pg';

/** A pool that notes the text of everything it sends: each is a round trip. */
export function countingPool(pool: pg.Pool): Pick<pg.Pool, 'options' | 'connect'> & { readonly sent: string[] } {
  const sent: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    return {
      release: () => client.release(),
      query: (statement: string | { text: string }, values?: unknown[]) => {
        sent.push(typeof statement === 'string' ? statement : statement.text);
        return client.query(statement as string, values);
      },
    };
  };
  return { options: pool.options, connect: connect as unknown as pg.Pool['connect'], sent };
}
