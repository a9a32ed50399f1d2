import { type Kysely, sql } from 'kysely';
import { domainMeans, type LoginName } from '../../domain/account/login.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { AnyDatabase } from '../runner/projection.ts';
import type { AccountLoginTable, AccountViewTable } from './table.ts';

export interface AccountRef {
  readonly tenant: TenantId;
  readonly account: AccountId;
}

export interface AccountRow extends AccountRef {
  readonly email: string;
  readonly office: string | null;
  readonly createdAt: Date;
}

export class AccountsReader {
  readonly #db: Kysely<AnyDatabase>;

  constructor(db: Kysely<AnyDatabase>) {
    this.#db = db;
  }

  async byEmail(email: string): Promise<AccountRow | undefined> {
    const { rows } = await sql<AccountViewTable>`select * from account_view where email = ${email}`.execute(this.#db);
    return rows.map(rowOf)[0];
  }

  /**
   * The one account a sign-in name means. A whole email or alias comes first, then the bare local part; an email
   * outranks an alias. Undefined when it means nobody, or more than one.
   */
  async byLogin({ user, domain }: LoginName): Promise<AccountRef | undefined> {
    // Two candidates are as good as a thousand: beyond that the name is not unique anyway.
    const { rows } = await sql<AccountLoginTable>`
      select name, account, tenant, is_email from account_login where name = ${user} or local_part = ${user} limit 1000
    `.execute(this.#db);
    const fitting = domain === undefined ? rows : rows.filter((row) => domainMeans(domain, row.tenant));
    const whole = fitting.filter((row) => row.name === user);
    return only(whole.length > 0 ? whole : fitting);
  }

  /** Whether a name is an email or alias of another account. */
  async namesTaken(names: readonly string[], but: AccountId | undefined): Promise<string[]> {
    const { rows } = await sql<{ name: string }>`
      select distinct name from account_login
      where name = any(${names}::text[]) and account <> ${but ?? ''} order by name
    `.execute(this.#db);
    return rows.map((row) => row.name);
  }

  /** In order of the email, after the one given; at most `limit`. */
  async page(after: string, limit: number): Promise<AccountRow[]> {
    const { rows } = await sql<AccountViewTable>`
      select * from account_view where email > ${after} order by email limit ${limit}
    `.execute(this.#db);
    return rows.map(rowOf);
  }

  /** Everyone connected to an office: whose data are crawled. */
  async withOffice(): Promise<AccountRow[]> {
    const { rows } = await sql<AccountViewTable>`
      select * from account_view where office is not null order by account
    `.execute(this.#db);
    return rows.map(rowOf);
  }
}

function only(rows: readonly AccountLoginTable[]): AccountRef | undefined {
  const emails = rows.filter((row) => row.is_email);
  const [first, ...others] = emails.length > 0 ? emails : rows;
  if (!first || others.some((row) => row.account !== first.account)) return undefined;
  return { tenant: first.tenant, account: first.account };
}

const rowOf = (row: AccountViewTable): AccountRow => ({
  tenant: row.tenant,
  account: row.account,
  email: row.email,
  office: row.office,
  createdAt: row.created_at,
});
