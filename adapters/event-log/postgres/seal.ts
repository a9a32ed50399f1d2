/**
 * The end of a log that was moved elsewhere: PostgreSQL itself refuses every append. It is a trigger that is only there
 * while the log is sealed, so that it costs nothing before; making it waits for the appends under way.
 */
import type pg from 'pg';

const passing = 'mobilesync.passes_seal';

/** Settings of a pool whose sessions may append to a sealed log: the copy that brings events back into it. */
export const passingSeal: Readonly<Record<string, string>> = { [passing]: 'on' };

type Queryable = Pick<pg.Pool, 'query'>;

/** From its commit on every append throws `LogSealed`. Sealed twice is sealed. */
export async function sealPostgresLog(client: Queryable): Promise<void> {
  await client.query(`
    create or replace function refuse_append_to_sealed_log() returns trigger language plpgsql as $$
    begin
      if current_setting('${passing}', true) = 'on' or current_setting('mobilesync.maintenance', true) = 'events' then
        return null;
      end if;
      raise exception 'the log is sealed: its events are moved elsewhere' using errcode = '${sealedCode}';
    end $$;
    create or replace trigger events_are_sealed before insert on events
      for each statement execute function refuse_append_to_sealed_log()`);
}

/** Appends are taken again. */
export async function unsealPostgresLog(client: Queryable): Promise<void> {
  await client.query('drop trigger if exists events_are_sealed on events');
}

/** SQLSTATE of an append to a sealed log. */
export const sealedCode = 'MS004';
