/**
 * The connection on which a node listens and tells: one outside the pool, since it is never given back. Each listener
 * holds a shared advisory lock, which the database gives up with the connection; so whoever counts the holders knows
 * how many nodes listen, however they ended.
 */
import pg from 'pg';

export interface Listener {
  /** One statement, whatever their number. */
  notify(payloads: readonly string[]): Promise<void>;
  /** Also shows that the connection lives. */
  countListeners(): Promise<number>;
  /** Ends it whether or not it still answers. */
  end(): Promise<void>;
}

export interface ListenerOptions {
  /** How the pool reaches the database. */
  readonly connection: pg.ClientConfig;
  readonly onPayload: (payload: string) => void;
  /** The connection is gone; told once, and not after `end`. */
  readonly onLost: (error: Error) => void;
}

/** A statement that takes longer shows that nobody answers any more. */
const answerWithinMs = 5_000;

/** Notifications reach all of a database, so the channel is named after the schema that our tables lie in. */
const channelSql = `select 'mobilesync_' || md5(current_schema()) as channel, hashtext(current_schema()) as lock`;
/** Of advisory locks with two numbers: says that ours are those of listeners. */
const lockClass = 1_835_164_260;

const queries = {
  notify: 'select pg_notify($1, payload) from unnest($2::text[]) as payload',
  // The second number is an oid there, which has no sign.
  count: `select count(*)::int as listeners from pg_locks
    where locktype = 'advisory' and granted and objsubid = 2
      and database = (select oid from pg_database where datname = current_database())
      and classid = $1::bigint::oid and objid = ($2::bigint & 4294967295)::oid`,
};

/** Listens from when it resolves. @throws whatever keeps it from connecting. */
export async function listen({ connection, onPayload, onLost }: ListenerOptions): Promise<Listener> {
  const client = new pg.Client({
    ...connection,
    // A pool hides it from whoever lists its options.
    ...(connection.password === undefined ? {} : { password: connection.password }),
    // Seen in pg_stat_activity, where it would look like one of the pool that is never used.
    application_name: `${connection.application_name ?? 'mobilesync'} (bulletin)`,
    keepAlive: true,
    query_timeout: answerWithinMs,
  });
  let isOver = false;
  const lost = (error: Error) => {
    if (isOver) return;
    isOver = true;
    onLost(error);
  };
  client.on('error', lost);
  client.on('end', () => lost(new Error('the connection of the bulletin ended')));
  client.on('notification', ({ payload }) => {
    if (payload !== undefined) onPayload(payload);
  });
  const end = async () => {
    isOver = true;
    // Half of a connection that nobody answers on would wait for ever.
    const forced = setTimeout(() => destroy(client), 1_000);
    await client.end().catch(() => {});
    clearTimeout(forced);
  };
  try {
    await client.connect();
    const { rows } = await client.query<{ channel: string; lock: number }>(channelSql);
    const { channel, lock } = rows[0] as { channel: string; lock: number };
    // A message is worth nothing after a crash, so nobody waits for the disk.
    await client.query('set synchronous_commit to off');
    await client.query('select pg_advisory_lock_shared($1, $2)', [lockClass, lock]);
    await client.query(`listen ${channel}`);
    return {
      notify: async (payloads) => void (await client.query(queries.notify, [channel, payloads])),
      countListeners: async () => {
        const { rows } = await client.query<{ listeners: number }>(queries.count, [lockClass, lock]);
        return rows[0]?.listeners ?? 0;
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function destroy(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
