import type { ConflictPolicy } from '../conflict/policy.ts';
import type { Decider, Decision } from '../shared/decider.ts';
import type { AccountId } from '../shared/ids.ts';
import type { AccountEvent, PolicyName } from './events.ts';
import { type Account, type AccountState, evolveAccount, noAccount, type OfficeLogin } from './state.ts';

/** The adjustable part of an account. Names come normalized (`normalizeLogin`); undefined leaves as it is. */
export interface AccountSettings {
  /** Null takes the name away. */
  readonly displayName?: string | null;
  readonly aliases?: readonly string[];
  readonly timeZone?: string;
  readonly policy?: PolicyName;
  readonly features?: readonly string[];
  /** Who wins the conflicts of this person's phones. */
  readonly conflictPolicy?: ConflictPolicy;
  readonly passwordHash?: string;
  /** Null disconnects the office. */
  readonly office?: OfficeLogin | null;
}

export type AccountCommand =
  | {
      readonly type: 'create';
      readonly account: AccountId;
      readonly email: string;
      readonly passwordHash: string;
      readonly timeZone: string;
      readonly settings: Omit<AccountSettings, 'passwordHash' | 'timeZone'>;
    }
  | { readonly type: 'change'; readonly settings: AccountSettings }
  | { readonly type: 'remove' };

/** `exists`: there is one already; `unknown`: there is none; `removed`: there was one, and its id is not used again. */
export type AccountRefusal = 'exists' | 'unknown' | 'removed';

const sameList = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((value, index) => value === other[index]);

const unique = (values: readonly string[]) => [...new Set(values)];

function created(command: AccountCommand & { type: 'create' }): AccountEvent[] {
  const { settings } = command;
  const events: AccountEvent[] = [
    {
      type: 'AccountCreated',
      version: 1,
      data: {
        account: command.account,
        email: command.email,
        ...(settings.displayName ? { displayName: settings.displayName } : {}),
        aliases: unique(settings.aliases ?? []).filter((alias) => alias !== command.email),
        timeZone: command.timeZone,
        policy: settings.policy ?? 'none',
        features: unique(settings.features ?? []),
        ...(settings.conflictPolicy ? { conflictPolicy: settings.conflictPolicy } : {}),
      },
    },
    { type: 'PasswordSet', version: 1, data: { hash: command.passwordHash } },
  ];
  if (settings.office) events.push({ type: 'OfficeConnected', version: 1, data: settings.office });
  return events;
}

function changed(account: Account, settings: AccountSettings): AccountEvent[] {
  const events: AccountEvent[] = [];
  const data: (AccountEvent & { type: 'AccountChanged' })['data'] = {};
  const { displayName, timeZone, policy, conflictPolicy } = settings;
  if (displayName !== undefined && (displayName || undefined) !== account.displayName) {
    data.displayName = displayName || null;
  }
  const aliases = settings.aliases && unique(settings.aliases).filter((alias) => alias !== account.email);
  if (aliases && !sameList(aliases, account.aliases)) data.aliases = aliases;
  if (timeZone !== undefined && timeZone !== account.timeZone) data.timeZone = timeZone;
  if (policy !== undefined && policy !== account.policy) data.policy = policy;
  const features = settings.features && unique(settings.features);
  if (features && !sameList(features, account.features)) data.features = features;
  if (conflictPolicy !== undefined && conflictPolicy !== (account.conflictPolicy ?? 'device')) {
    data.conflictPolicy = conflictPolicy;
  }
  if (Object.keys(data).length > 0) events.push({ type: 'AccountChanged', version: 1, data });

  if (settings.passwordHash !== undefined) {
    events.push({ type: 'PasswordSet', version: 1, data: { hash: settings.passwordHash } });
  }
  const { office } = settings;
  if (office === null && account.office) events.push({ type: 'OfficeDisconnected', version: 1, data: {} });
  if (office && !sameOffice(office, account.office)) events.push({ type: 'OfficeConnected', version: 1, data: office });
  return events;
}

function sameOffice(one: OfficeLogin, other: OfficeLogin | undefined): boolean {
  return (
    other !== undefined &&
    one.system === other.system &&
    one.username === other.username &&
    one.password === other.password
  );
}

/** A removed account stays removed: a new one of the same address has an id of its own, and none of its items. */
export function decideAccount(state: AccountState, command: AccountCommand): Decision<AccountEvent, AccountRefusal> {
  if (command.type === 'create') {
    if (state.kind === 'account') return { kind: 'refused', reason: 'exists' };
    if (state.kind === 'removed') return { kind: 'refused', reason: 'removed' };
    return { kind: 'accepted', events: created(command) };
  }
  if (state.kind === 'none') return { kind: 'refused', reason: 'unknown' };
  if (state.kind === 'removed') {
    return command.type === 'remove' ? { kind: 'accepted', events: [] } : { kind: 'refused', reason: 'removed' };
  }
  if (command.type === 'remove') {
    return { kind: 'accepted', events: [{ type: 'AccountRemoved', version: 1, data: {} }] };
  }
  return { kind: 'accepted', events: changed(state, command.settings) };
}

export const accountDecider: Decider<AccountState, AccountCommand, AccountEvent, AccountRefusal> = {
  initial: noAccount,
  evolve: evolveAccount,
  decide: decideAccount,
};
