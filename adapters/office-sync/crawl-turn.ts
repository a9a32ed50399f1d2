/** One account among those that are crawled in turns. */
import type { AccountId, TenantId } from '../../domain/shared/ids.ts';
import type { PolledAccount, PollResult } from './poller.ts';

export interface Turn extends PolledAccount {
  dueMs: number;
  failures: number;
  lastMs: number | undefined;
  last: PollResult | undefined;
  /** Up to which question of other nodes the next run answers. */
  asked: number;
  /** Answers with undefined where the tenant is another node's by now. */
  running: Promise<PollResult | undefined> | undefined;
  /** The run after the present one, for those who asked meanwhile. */
  next: Promise<PollResult | undefined> | undefined;
}

/** Due at the time, in milliseconds since 1970. */
export function newTurn({ tenant, account }: PolledAccount, dueMs: number): Turn {
  const unknown = { lastMs: undefined, last: undefined, running: undefined, next: undefined };
  return { tenant, account, dueMs, failures: 0, asked: 0, ...unknown };
}

/** Names the account among those of all tenants. */
export const keyOf = (tenant: TenantId, account: AccountId) => `${tenant}/${account}`;

/** 0 to 1, the same for the same account after every restart (FNV-1a). */
export function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}
