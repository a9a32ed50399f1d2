/**
 * When each account was crawled and is due again, kept so that a node which takes over goes on where the other was, and
 * can answer for it; and crawls that are asked for on a node that does not do them. Times are milliseconds since 1970.
 */
import { type Kysely, sql } from 'kysely';
import type { AnyDatabase } from '../../projections/runner/projection.ts';
import type { NamedMigration } from '../postgres/migrate.ts';
import type { PolledAccount, PollResult } from './poller.ts';

export interface Standing {
  readonly lastMs: number | undefined;
  readonly dueMs: number;
  readonly failures: number;
  readonly last: PollResult | undefined;
}

/** `asked` counts; a crawl that began when it stood there answers all up to it. */
export interface AskedFor extends PolledAccount {
  readonly asked: number;
}

export interface Timetable {
  load(accounts: readonly PolledAccount[]): Promise<readonly (PolledAccount & Standing)[]>;
  keep(account: PolledAccount, standing: Standing, answers: number): Promise<void>;
  /** Asks whoever crawls the account to do so once more; answers with what `answered` is to be asked with. */
  ask(account: PolledAccount): Promise<number>;
  /** Undefined: not yet. */
  answered(account: PolledAccount, asked: number): Promise<PollResult | undefined>;
  /** What was asked for and not done, of anyone. */
  open(): Promise<readonly AskedFor[]>;
}

export const officePollMigration: NamedMigration = {
  name: '0030-office-poll',
  up: async (db) => {
    await sql`
      create table office_poll (
        tenant text not null,
        account text not null,
        last_ms bigint,
        due_ms bigint,
        failures integer not null default 0,
        result jsonb,
        asked bigint not null default 0,
        answered bigint not null default 0,
        primary key (tenant, account)
      ) with (fillfactor = 70)`.execute(db);
    await sql`create index office_poll_asked on office_poll (tenant) where asked > answered`.execute(db);
  },
};

interface Row extends PolledAccount {
  readonly last_ms: number | null;
  readonly due_ms: number;
  readonly failures: number;
  readonly result: PollResult | null;
}

/** In the table `office_poll`, which all nodes share. */
export function postgresTimetable(db: Kysely<AnyDatabase>): Timetable {
  return {
    async load(accounts) {
      const { rows } = await sql<Row>`
        select tenant, account, last_ms, due_ms, failures, result from office_poll
        join unnest(${accounts.map(({ tenant }) => tenant)}::text[], ${accounts.map(({ account }) => account)}::text[])
          as wanted (tenant, account) using (tenant, account)
        where due_ms is not null
      `.execute(db);
      return rows.map(({ tenant, account, last_ms, due_ms, failures, result }) => {
        return { tenant, account, lastMs: last_ms ?? undefined, dueMs: due_ms, failures, last: result ?? undefined };
      });
    },
    async keep({ tenant, account }, { lastMs, dueMs, failures, last }, answers) {
      await sql`
        insert into office_poll as p (tenant, account, last_ms, due_ms, failures, result, answered)
        values (${tenant}, ${account}, ${lastMs ?? null}, ${dueMs}, ${failures}, ${JSON.stringify(last)}::jsonb, ${answers})
        on conflict (tenant, account) do update set last_ms = excluded.last_ms, due_ms = excluded.due_ms,
          failures = excluded.failures, result = excluded.result, answered = greatest(p.answered, excluded.answered)
      `.execute(db);
    },
    async ask({ tenant, account }) {
      const { rows } = await sql<{ asked: number }>`
        insert into office_poll as p (tenant, account, asked) values (${tenant}, ${account}, 1)
        on conflict (tenant, account) do update set asked = greatest(p.asked, p.answered) + 1 returning asked
      `.execute(db);
      return rows[0]?.asked as number;
    },
    async answered({ tenant, account }, asked) {
      const { rows } = await sql<{ result: PollResult }>`
        select result from office_poll
        where tenant = ${tenant} and account = ${account} and answered >= ${asked} and result is not null
      `.execute(db);
      return rows[0]?.result;
    },
    async open() {
      const { rows } = await sql<AskedFor>`
        select tenant, account, asked from office_poll where asked > answered order by tenant, account limit 1000
      `.execute(db);
      return rows;
    },
  };
}

/** Of a process without others, for as long as it lives. */
export const noTimetable: Timetable = {
  load: async () => [],
  keep: async () => {},
  ask: async () => 0,
  answered: async () => undefined,
  open: async () => [],
};
