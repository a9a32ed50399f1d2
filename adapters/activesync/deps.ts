/** What the ActiveSync adapter needs of the rest; given by the composition root. */
import type { Account } from '../../domain/account/state.ts';
import type { DeviceCommand, DeviceRefusal } from '../../domain/device/decide.ts';
import type { DeviceState } from '../../domain/device/state.ts';
import type { FolderCommand, FolderRefusal } from '../../domain/folder/decide.ts';
import type { FolderTree } from '../../domain/folder/state.ts';
import type { Actor, EventMeta } from '../../domain/shared/event.ts';
import type { AccountId, DeviceKey, Position, TenantId } from '../../domain/shared/ids.ts';
import type { EventStore } from '../event-log/event-store.port.ts';
import type { ExchangeDeps } from './conversation/terms.ts';
import type { RequestGuard } from './guard/request-guard.ts';
import type { Closings } from './http/closings.ts';
import type { CommandAnswer } from './request.ts';
import type { Session } from './session.ts';
import type { ExchangeTrace } from './trace.ts';
import type { FolderHeads } from './wake/folder-heads.ts';

/** The folder hierarchies of accounts. */
export interface Folders {
  /** Without a database look-up when nothing changed. */
  of(tenant: TenantId, account: AccountId): FolderTree | Promise<FolderTree>;
  run(
    tenant: TenantId,
    account: AccountId,
    command: FolderCommand,
    meta: EventMeta,
  ): Promise<{ kind: 'done'; tree: FolderTree } | { kind: 'refused'; reason: FolderRefusal }>;
}

export interface SyncDeps extends ExchangeDeps {
  readonly folders: Folders;
  readonly heads: FolderHeads;
}

export interface Person {
  readonly tenant: TenantId;
  readonly account: Account;
}

export type SignInOutcome =
  | { readonly kind: 'signedIn'; readonly person: Person }
  | { readonly kind: 'refused' }
  /** Too many failures from there (429) or too many checks at once (503). */
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number; readonly because: 'failures' | 'load' };

/** Who is asking. Never rejects for what a client sent. */
export interface SignIn {
  /** @param remote IP address. */
  signIn(authorization: string | undefined, remote: string): Promise<SignInOutcome>;
}

export interface People {
  /** Without a database look-up when nothing changed. */
  person(tenant: TenantId, account: AccountId): Promise<Person | undefined>;
}

/** The devices' own streams. */
export interface Devices {
  /** Without a database look-up when nothing changed. */
  device(tenant: TenantId, device: DeviceKey): DeviceState | Promise<DeviceState>;
  run(
    tenant: TenantId,
    account: AccountId,
    device: DeviceKey,
    command: DeviceCommand,
    actor: Actor,
  ): Promise<
    | { readonly outcome: 'accepted'; readonly state: DeviceState }
    | { readonly outcome: 'refused'; readonly reason: DeviceRefusal; readonly state: DeviceState }
  >;
}

/** What the adapter says to operators. Never a payload, unless the level is trace; then without what people wrote. */
export interface ActiveSyncLog {
  isLevelEnabled(level: 'trace'): boolean;
  trace(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Keeps what devices asked and were answered. Neither call waits or throws: a phone's answer never hangs on them. */
export interface ExchangeSink {
  /** Whether everything of every device is wanted now. */
  readonly isWatchingAll: boolean;
  /** Where the read models stand, for commands that look at more than a conversation. */
  position(tenant: TenantId): Position;
  /** The device was answered. */
  answered(session: Session, trace: ExchangeTrace, answer: CommandAnswer): void;
}

export interface ActiveSyncDeps extends SyncDeps {
  readonly signIn: SignIn;
  readonly people: People;
  readonly devices: Devices;
  /** For the conversations about folders. */
  readonly events: EventStore;
  /** Resolves when the read models hold everything the tenant's log holds now. */
  readonly settled: (tenant: TenantId) => Promise<void>;
  /** A policy key: a 32-bit unsigned number in decimals, not 0, that cannot be guessed (MS-ASPROV 2.2.2.42). */
  readonly policyKey: () => string;
  readonly nowMs: () => number;
  readonly log: ActiveSyncLog;
  /** Requests that wait; those who stop the server end them. Made by the route when absent. */
  readonly closings?: Closings;
  /** Nothing is recorded when absent. */
  readonly record?: ExchangeSink;
  /** Whether an error says that a store cannot be reached just now. */
  readonly isAway?: (error: unknown) => boolean;
  /** Asked before each command, and before a device is paired. Whom it refuses is answered 503. */
  readonly guard?: Pick<RequestGuard, 'ask' | 'meet'>;
}
