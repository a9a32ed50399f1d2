/** What office sync needs to know of accounts; `Directory` is one. */
import type { Account } from '../../domain/account/state.ts';
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';

export interface OfficePerson {
  readonly tenant: TenantId;
  readonly account: Account;
}

export interface People {
  /** Undefined when there is no such account (any more). */
  person(tenant: TenantId, account: AccountId): Promise<OfficePerson | undefined>;
  byEmail(email: string): Promise<OfficePerson | undefined>;
}
