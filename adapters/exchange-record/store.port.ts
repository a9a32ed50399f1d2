/** Where the record is kept. */
import type { AccountId, CollectionId, DeviceKey, ExchangeId, ItemId, TenantId } from '../../domain/shared/ids.ts';
import type { Exchange, ExchangeReader } from './port.ts';
import type { QuietCount } from './quiet-hours.ts';

export interface WithheldNote {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  readonly collection: CollectionId;
  readonly item: ItemId;
  /** Sealed by the item's key; null where that is gone. */
  readonly reason: Uint8Array | null;
  readonly at: string;
  readonly exchange: ExchangeId;
}

export interface ExchangeBatch {
  readonly exchanges: readonly Exchange[];
  readonly bodies: readonly { readonly id: ExchangeId; readonly account: AccountId; readonly sealed: Uint8Array }[];
  readonly withheld: readonly WithheldNote[];
}

export interface WatchAll {
  /** ISO 8601. */
  readonly until: string;
  readonly by: string | null;
}

export interface ExchangeStore extends ExchangeReader {
  /** All or nothing; what is there already is left as it is. */
  insert(batch: ExchangeBatch): Promise<void>;
  addQuiet(counts: readonly QuietCount[]): Promise<void>;
  watchAll(): Promise<WatchAll | undefined>;
  setWatchAll(watch: WatchAll | undefined): Promise<void>;
  /** Removes what is older, a small piece at a time; answers with how much that was. */
  sweep(kept: { readonly from: string; readonly bodiesFrom: string; readonly withheldFrom: string }): Promise<number>;
  /** Removes everything of a person; answers with how much that was. */
  forget(account: AccountId): Promise<number>;
}
