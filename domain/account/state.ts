import type { ConflictPolicy } from '../conflict/policy.ts';
import type { AccountId, TimeZoneName } from '../shared/ids.ts';
import type { AccountEvent, PolicyName } from './events.ts';

/** How a person's account reaches the office. */
export interface OfficeLogin {
  readonly system: string;
  readonly username: string;
  readonly password: string;
}

export interface Account {
  readonly kind: 'account';
  readonly id: AccountId;
  readonly email: string;
  readonly displayName: string | undefined;
  readonly aliases: readonly string[];
  readonly timeZone: TimeZoneName;
  readonly policy: PolicyName;
  readonly features: readonly string[];
  /** Absent is `device`. */
  readonly conflictPolicy?: ConflictPolicy;
  readonly passwordHash: string | undefined;
  /** Counts the passwords there were, so that whoever verified an older one can tell. */
  readonly passwordGeneration: number;
  /** Undefined is a person without an office. */
  readonly office: OfficeLogin | undefined;
}

export type AccountState = { readonly kind: 'none' } | { readonly kind: 'removed' } | Account;

export const noAccount: AccountState = { kind: 'none' };

export function evolveAccount(state: AccountState, event: AccountEvent): AccountState {
  if (event.type === 'AccountCreated') {
    const { data } = event;
    return {
      kind: 'account',
      id: data.account as AccountId,
      email: data.email,
      displayName: data.displayName,
      aliases: data.aliases,
      timeZone: data.timeZone as TimeZoneName,
      policy: data.policy,
      features: data.features,
      ...(data.conflictPolicy ? { conflictPolicy: data.conflictPolicy } : {}),
      passwordHash: undefined,
      passwordGeneration: 0,
      office: undefined,
    };
  }
  if (state.kind !== 'account') return state;
  switch (event.type) {
    case 'PasswordSet':
      return { ...state, passwordHash: event.data.hash, passwordGeneration: state.passwordGeneration + 1 };
    case 'AccountChanged': {
      const { displayName, timeZone, ...rest } = event.data;
      return {
        ...state,
        displayName: displayName === undefined ? state.displayName : (displayName ?? undefined),
        timeZone: (timeZone ?? state.timeZone) as TimeZoneName,
        aliases: rest.aliases ?? state.aliases,
        policy: rest.policy ?? state.policy,
        features: rest.features ?? state.features,
        ...(rest.conflictPolicy ? { conflictPolicy: rest.conflictPolicy } : {}),
      };
    }
    case 'OfficeConnected':
      return { ...state, office: event.data };
    case 'OfficeDisconnected':
      return { ...state, office: undefined };
    case 'AccountRemoved':
      return { kind: 'removed' };
  }
}
