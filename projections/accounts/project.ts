import { sql } from 'kysely';
import type { RecordedEvent } from '../../adapters/event-log/event-store.port.ts';
import type { AccountEvent } from '../../domain/account/events.ts';
import { idOfStream } from '../../domain/account/stream.ts';
import type { AccountId, Position } from '../../domain/shared/ids.ts';
import type { Page, Projection } from '../runner/projection.ts';
import { accountsMigration } from './table.ts';

/** What a page says of one account. */
interface Change {
  readonly account: AccountId;
  isRemoved: boolean;
  created: { readonly email: string; readonly at: string } | undefined;
  aliases: readonly string[] | undefined;
  office: string | null | undefined;
}

/** What waits for news of an account (its policy, its removal) listens to this topic. */
export const accountTopic = (account: AccountId) => `account/${account}`;

export function accountsView(): Projection {
  return {
    name: 'accounts',
    version: 1,
    migrations: [accountsMigration],
    async project(page) {
      const changes = new Map<AccountId, Change>();
      const touched = new Map<string, readonly Position[]>();
      for (const event of page.events) {
        const account = idOfStream(event.stream, 'account');
        if (!account) continue;
        const change = changes.get(account) ?? emptyChange(account);
        changes.set(account, change);
        fold(change, event);
        touched.set(accountTopic(account), [event.position]);
      }
      if (changes.size === 0) return undefined;
      write(page, [...changes.values()]);
      return touched;
    },
  };
}

const emptyChange = (account: AccountId): Change => ({
  account,
  isRemoved: false,
  created: undefined,
  aliases: undefined,
  office: undefined,
});

function fold(change: Change, recorded: RecordedEvent): void {
  // One key seals a person's whole stream: when one event is forgotten, all are.
  if (recorded.type === 'Forgotten') {
    change.isRemoved = true;
    return;
  }
  const event = { type: recorded.type, data: recorded.data } as AccountEvent;
  switch (event.type) {
    case 'AccountCreated':
      change.created = { email: event.data.email, at: recorded.meta.at };
      change.aliases = event.data.aliases;
      return;
    case 'AccountChanged':
      change.aliases = event.data.aliases ?? change.aliases;
      return;
    case 'OfficeConnected':
      change.office = event.data.system;
      return;
    case 'OfficeDisconnected':
      change.office = null;
      return;
    case 'AccountRemoved':
      change.isRemoved = true;
      return;
    case 'PasswordSet':
      return;
  }
}

/** In order, as names pass from one to the next within a page; accounts change rarely enough for a transaction. */
function write(page: Page, changes: readonly Change[]): void {
  const removed = changes.filter((change) => change.isRemoved).map((change) => change.account);
  const present = changes.filter((change) => !change.isRemoved);
  const renamed = present.filter((change) => change.aliases !== undefined);
  const nameless = [...removed, ...renamed.map((change) => change.account)];

  if (removed.length > 0) {
    page.first(sql`delete from account_view where account = any(${removed}::text[])`);
    page.first(sql`delete from account_login where account = any(${removed}::text[])`);
  }
  insertCreated(page, present);
  if (nameless.length > 0) {
    page.first(sql`delete from account_login where account = any(${nameless}::text[]) and not is_email`);
  }
  insertLogins(page, [
    ...present.flatMap(({ account, created }) => (created ? [{ account, name: created.email, isEmail: true }] : [])),
    ...renamed.flatMap(({ account, aliases }) =>
      (aliases ?? []).map((name) => ({ account, name: name as string, isEmail: false })),
    ),
  ]);
  const offices = present.filter((change) => change.office !== undefined);
  if (offices.length > 0) {
    page.first(sql`
      update account_view v set office = n.office
      from unnest(${offices.map((change) => change.account)}::text[], ${offices.map((change) => change.office)}::text[])
        as n(account, office)
      where v.account = n.account`);
  }
}

function insertCreated(page: Page, changes: readonly Change[]): void {
  const created = changes.flatMap(({ account, created }) => (created ? [{ account, ...created }] : []));
  if (created.length === 0) return;
  page.first(sql`
    insert into account_view (account, tenant, email, office, created_at)
    select n.account, ${page.tenant}, n.email, null, n.at
    from unnest(
      ${created.map((row) => row.account)}::text[],
      ${created.map((row) => row.email)}::text[],
      ${created.map((row) => row.at)}::timestamptz[]) as n(account, email, at)
    on conflict (account) do update set email = excluded.email, office = null, created_at = excluded.created_at
  `);
}

function insertLogins(page: Page, logins: readonly { account: AccountId; name: string; isEmail: boolean }[]): void {
  if (logins.length === 0) return;
  page.first(sql`
    insert into account_login (name, local_part, account, tenant, is_email)
    select n.name, split_part(n.name, '@', 1), n.account, ${page.tenant}, n.is_email
    from unnest(
      ${logins.map((login) => login.name)}::text[],
      ${logins.map((login) => login.account)}::text[],
      ${logins.map((login) => login.isEmail)}::boolean[]) as n(name, account, is_email)
    on conflict (name, account) do update set is_email = excluded.is_email or account_login.is_email
  `);
}
