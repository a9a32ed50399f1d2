import type { AccountId, CommandId, DeviceKey, Instant } from './ids.ts';

/**
 * Who caused an event. `office` may name the colleague when the office tells; `admin` names who said to act; `system` is
 * MobileSync itself.
 */
export type Actor =
  | { readonly kind: 'device'; readonly account: AccountId; readonly device: DeviceKey }
  | { readonly kind: 'office'; readonly account: AccountId; readonly colleague?: string }
  | { readonly kind: 'admin'; readonly name?: string }
  | { readonly kind: 'system' };

/** By which way a command came, for whoever reads the history later. */
export interface Cause {
  /** As the wire or the program names it: `Sync Add`, `MoveItems`, `restore`, `crawl`. */
  readonly command: string;
  /** The sync key that the device came with, as `epoch.counter`. */
  readonly key?: string;
  /** The recorded exchange that it was part of. */
  readonly exchange?: string;
  /** When it was done by the device's own account of it (MS-ASCAL DtStamp, MS-ASNOTE LastModifiedDate). */
  readonly claimedAt?: Instant;
  /** Why, in the words of whoever asked for it on our side. */
  readonly reason?: string;
}

/** What is true of every event beside its own data. Times come in with the command: the domain has no clock. */
export interface EventMeta {
  readonly at: Instant;
  readonly actor: Actor;
  readonly commandId: CommandId;
  readonly cause?: Cause;
}

/** An event as the domain speaks of it. `type` is past tense; `version` is that of the stored shape of `data`. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly version: number;
  readonly data: Data;
}
