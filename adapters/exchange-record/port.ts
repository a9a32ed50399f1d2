/**
 * The record of what devices asked and were answered. Of every exchange there are facts without personal content; of
 * those that failed or look odd, and of devices under watch, also the bodies, sealed by the account's key.
 */
import type { ItemKind } from '../../domain/item/fields.ts';
import type {
  AccountId,
  CollectionId,
  DeviceKey,
  ExchangeId,
  ItemId,
  Position,
  TenantId,
} from '../../domain/shared/ids.ts';

/** What an exchange is noticed for. None: it was as it should be. */
export const verdicts = [
  /** Something failed here, and the device was told so. */
  'failed',
  /** The device was told no: to its key, its request, or one of its commands. */
  'refused',
  /** An item could not be shown, and was left out. */
  'withheld',
  /** The key was never issued, or not in this log. */
  'unknownKey',
  /** It took more than {@link slowMs} without waiting for news. */
  'slow',
  /** The same again and again, without getting on. */
  'looping',
  /** More requests than anyone needs. */
  'storm',
] as const;
export type Verdict = (typeof verdicts)[number];

export const slowMs = 5_000;

/** What the key meant to us; `begin` is SyncKey 0, `overtaken` that another process was faster each time. */
export type RecognisedKey = 'begin' | 'next' | 'repeat' | 'earlier' | 'unknown' | 'overtaken';

/** What one collection of a Sync asked and was told, where it was told anything. */
export interface CollectionExchange {
  readonly collection: CollectionId;
  /** Null for a folder that there is not. */
  readonly kind: ItemKind | null;
  /** The key that came, as `epoch.counter`; `0`, and '' for one that could not be read. */
  readonly key: string;
  readonly recognised: RecognisedKey;
  /** Revision of the conversation's last event before; -1 for none. */
  readonly revision: number;
  /** What the device asked for. */
  readonly commands: { readonly add: number; readonly change: number; readonly delete: number; readonly fetch: number };
  /** How many responses had which status. */
  readonly statuses: Readonly<Record<number, number>>;
  /** What the device was told of the folder. */
  readonly told: {
    readonly add: number;
    readonly change: number;
    readonly delete: number;
    readonly softDelete: number;
  };
  readonly withheld: number;
  readonly status: number;
  /** As `epoch.counter`; the one that came when no other was issued, '0' when the device must begin anew. */
  readonly issuedKey: string;
  readonly moreAvailable: boolean;
}

export interface Exchange {
  /** UUID version 7: in the order of their begin. */
  readonly id: ExchangeId;
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  /** When the request came, ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** Of `durationMs`, waiting for news. */
  readonly waitedMs: number;
  readonly command: string;
  /** The protocol's, times ten. */
  readonly version: number;
  readonly httpStatus: number;
  /** The command's own, of its root; null where there is none. */
  readonly status: number | null;
  readonly requestBytes: number;
  readonly answerBytes: number;
  /**
   * Where the log stood for the one who answered: what the read models had reached, or the conversation, before the
   * exchange's own events.
   */
  readonly position: Position;
  /** Those with news or trouble; the others were answered with nothing. Of Sync only. */
  readonly collections: readonly CollectionExchange[];
  readonly verdicts: readonly Verdict[];
  /** Names of `causes.ts`. */
  readonly causes: readonly string[];
  readonly appVersion: string;
  readonly mappingVersion: number;
  readonly hasBody: boolean;
}

/** The request and the answer as they were. Never a password, and no header beside these. */
export interface ExchangeBody {
  /** What the request line said; `user` is left out. */
  readonly query: {
    readonly command: string;
    readonly deviceId: string;
    readonly deviceType: string;
    readonly parameters: Readonly<Record<string, string | boolean>>;
  };
  readonly policyKey: string | null;
  readonly userAgent: string | null;
  /** WBXML; empty for a request without a body, null where it was too large to keep or no more at hand. */
  readonly request: Uint8Array | null;
  /** WBXML; null where the answer had no body or was too large to keep. */
  readonly answer: Uint8Array | null;
  /** Name and place of the error that the command ended with. */
  readonly error: string | null;
}

/** An item that could not be shown to a device, as seen last. */
export interface WithheldItem {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  readonly collection: CollectionId;
  readonly item: ItemId;
  /** What the class said; null when the item's key is gone. */
  readonly reason: string | null;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly times: number;
  /** The exchange of `lastAt`. */
  readonly exchange: ExchangeId;
}

/** Exchanges of one device and hour that are counted only: those that had nothing to say. */
export interface QuietHour {
  readonly device: DeviceKey;
  /** With `, turned away` while the device is slowed down, `, beyond its share` when it had enough of the hour. */
  readonly command: string;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly times: number;
}

export interface ExchangeQuery {
  readonly tenant?: TenantId;
  readonly account?: AccountId;
  readonly device?: DeviceKey;
  /** ISO 8601, inclusive. */
  readonly from?: string;
  /** ISO 8601, exclusive. */
  readonly to?: string;
  /** Only those with a verdict. */
  readonly suspicious?: boolean;
  /** Only those whose bodies were kept. */
  readonly withBody?: boolean;
  /** The first one first unless told. */
  readonly newestFirst?: boolean;
  /** Goes on after this one, in the order asked for. */
  readonly after?: ExchangeId;
  readonly limit: number;
}

/** How often one cause was seen. */
export interface CauseCount {
  readonly cause: string;
  readonly times: number;
  readonly devices: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** The latest. */
  readonly example: ExchangeId;
}

export interface ExchangeReader {
  find(id: ExchangeId): Promise<Exchange | undefined>;
  list(query: ExchangeQuery): Promise<Exchange[]>;
  /** Undefined where none was kept, its time is over, or the account's key is gone. */
  body(exchange: Pick<Exchange, 'id' | 'tenant' | 'account'>): Promise<ExchangeBody | undefined>;
  /** What was withheld from the device, of the item when told. */
  withheldFor(tenant: TenantId, device: DeviceKey, item?: ItemId): Promise<WithheldItem[]>;
  /** The latest first. */
  withheldSince(query: {
    readonly tenant?: TenantId;
    readonly account?: AccountId;
    readonly from: string;
    readonly limit: number;
  }): Promise<WithheldItem[]>;
  quiet(tenant: TenantId, device: DeviceKey, from?: string): Promise<QuietHour[]>;
  /** Of exchanges with a verdict, by cause. */
  causes(query: {
    readonly tenant?: TenantId;
    readonly account?: AccountId;
    readonly from: string;
  }): Promise<CauseCount[]>;
}
