import type { AccountId, CommandId, DeviceKey, Instant } from './ids.ts';

/** Who caused an event. `office` may name the colleague when the office tells; `system` is MobileSync itself. */
export type Actor =
  | { readonly kind: 'device'; readonly account: AccountId; readonly device: DeviceKey }
  | { readonly kind: 'office'; readonly account: AccountId; readonly colleague?: string }
  | { readonly kind: 'admin' }
  | { readonly kind: 'system' };

/** What is true of every event beside its own data. Times come in with the command: the domain has no clock. */
export interface EventMeta {
  readonly at: Instant;
  readonly actor: Actor;
  readonly commandId: CommandId;
}

/** An event as the domain speaks of it. `type` is past tense; `version` is that of the stored shape of `data`. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly version: number;
  readonly data: Data;
}
