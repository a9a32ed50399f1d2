/** Who speaks, with which device, in which version: what every command needs to know. */
import type { ConflictPolicy } from '../../domain/conflict/policy.ts';
import type { Folder } from '../../domain/folder/state.ts';
import type { Actor, Cause } from '../../domain/shared/event.ts';
import type { AccountId, CollectionId, DeviceKey, TenantId, TimeZoneName } from '../../domain/shared/ids.ts';
import type { ConversationId } from './conversation/store.ts';
import type { Person } from './deps.ts';
import type { ExchangeTrace } from './trace.ts';
import type { ProtocolVersion } from './version.ts';

export interface Session {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly email: string;
  readonly displayName: string | undefined;
  readonly timeZone: TimeZoneName;
  readonly device: DeviceKey;
  readonly deviceId: string;
  readonly version: ProtocolVersion;
  /** Of the account; absent: the phone's own option holds. */
  readonly conflictPolicy?: ConflictPolicy;
  /** The account is not guarded against mass deletes. */
  readonly mayDeleteAll?: boolean;
  /** The request's name in the record of exchanges. */
  readonly exchange?: string;
  /** What is noted of it on the way; absent where nothing is recorded. */
  readonly trace?: ExchangeTrace;
}

/** The feature of an account whose devices may delete as much as they like. */
const massDeletesFeature = 'mass-deletes';

/** The session of one request. Its name in the record is made when something asks for it. */
export class RequestSession implements Session {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly email: string;
  readonly displayName: string | undefined;
  readonly timeZone: TimeZoneName;
  readonly device: DeviceKey;
  readonly deviceId: string;
  readonly version: ProtocolVersion;
  readonly conflictPolicy: ConflictPolicy | undefined;
  readonly mayDeleteAll: boolean;
  readonly trace: ExchangeTrace | undefined;

  constructor(
    { tenant, account }: Person,
    device: DeviceKey,
    deviceId: string,
    version: ProtocolVersion,
    trace: ExchangeTrace | undefined,
  ) {
    this.tenant = tenant;
    this.account = account.id;
    this.email = account.email;
    this.displayName = account.displayName;
    this.timeZone = account.timeZone;
    this.device = device;
    this.deviceId = deviceId;
    this.version = version;
    this.conflictPolicy = account.conflictPolicy;
    this.mayDeleteAll = account.features.includes(massDeletesFeature);
    this.trace = trace;
  }

  get exchange(): string | undefined {
    return this.trace?.id;
  }
}

export function actorOf(session: Session): Actor {
  return { kind: 'device', account: session.account, device: session.device };
}

/** By which way a change came; `command` as the wire names it. */
export function causeOf({ exchange }: Session, command: string): Cause {
  return { command, ...(exchange ? { exchange } : {}) };
}

export function conversationOf(session: Session, collection: CollectionId): ConversationId {
  const { tenant, account, device } = session;
  return { tenant, account, device, collection };
}

/** Where the folder's items are: a shared folder shows somebody else's. */
export function itemsOf(folder: Folder): CollectionId {
  return folder.source ?? folder.collection;
}

/** The account whose items these are. */
export function ownerOf(folder: Folder, session: Session): AccountId {
  return folder.owner ?? session.account;
}
