/** Who acted, as they were then: a person may have another name since, and a phone another system. */
import { LRUCache } from 'lru-cache';
import type { AccountEvent } from '../../domain/account/events.ts';
import { type AccountState, evolveAccount, noAccount } from '../../domain/account/state.ts';
import { accountStream, deviceStream } from '../../domain/account/stream.ts';
import type { DeviceEvent } from '../../domain/device/events.ts';
import { type DeviceState, evolveDevice, unpaired } from '../../domain/device/state.ts';
import type { Actor } from '../../domain/shared/event.ts';
import type { AccountId, DeviceKey, Position, StreamName, TenantId } from '../../domain/shared/ids.ts';
import type { EventStore, RecordedEvent } from '../event-log/event-store.port.ts';

export interface TheDevice {
  readonly key: DeviceKey;
  /** As the device names itself; null for one that is not known (any more). */
  readonly deviceId: string | null;
  readonly deviceType: string | null;
  readonly model: string | null;
  readonly friendlyName: string | null;
  readonly os: string | null;
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
}

export interface Who {
  readonly kind: Actor['kind'];
  readonly account: AccountId | null;
  /** Null where the person was erased. */
  readonly email: string | null;
  readonly displayName: string | null;
  readonly device: TheDevice | null;
  /** The colleague in the office, or the administrator, where one was named. */
  readonly name: string | null;
  /** All of it in a few words. */
  readonly text: string;
}

const streamsMax = 200;

/** Reads the stream of each person and device once; for one question, so that it holds nobody's words for long. */
export class ActorNames {
  readonly #store: Pick<EventStore, 'load'>;
  readonly #streams = new LRUCache<string, Promise<readonly RecordedEvent[]>>({ max: streamsMax });

  constructor(store: Pick<EventStore, 'load'>) {
    this.#store = store;
  }

  /** @param at the position of what was done: later events of a person or a device do not count. */
  async of(tenant: TenantId, actor: Actor, at: Position): Promise<Who> {
    const account = 'account' in actor ? await this.account(tenant, actor.account, at) : null;
    const device = actor.kind === 'device' ? await this.device(tenant, actor.device, at) : null;
    const name = (actor.kind === 'office' ? actor.colleague : actor.kind === 'admin' ? actor.name : undefined) ?? null;
    const who = {
      kind: actor.kind,
      account: 'account' in actor ? actor.account : null,
      email: account?.kind === 'account' ? account.email : null,
      displayName: account?.kind === 'account' ? (account.displayName ?? null) : null,
      device,
      name,
    };
    return { ...who, text: inWords(who) };
  }

  async account(tenant: TenantId, account: AccountId, at: Position): Promise<AccountState> {
    const events = await this.#until(tenant, accountStream(account), at);
    // Whoever was removed since has been this person all the same.
    return events
      .filter(({ type }) => type !== 'AccountRemoved')
      .reduce((state, event) => evolveAccount(state, event as unknown as AccountEvent), noAccount);
  }

  async device(tenant: TenantId, key: DeviceKey, at: Position): Promise<TheDevice> {
    const events = await this.#until(tenant, deviceStream(key), at);
    const state = events.reduce<DeviceState>(
      (folded, event) =>
        event.type === 'DeviceRemoved' ? folded : evolveDevice(folded, event as unknown as DeviceEvent),
      unpaired,
    );
    if (state.kind !== 'device') return { ...nothingKnown, key };
    const { deviceId, client, information } = state;
    return {
      key,
      deviceId,
      deviceType: client.deviceType,
      model: information.model ?? null,
      friendlyName: information.friendlyName ?? null,
      os: information.os ?? null,
      userAgent: client.userAgent,
      protocolVersion: client.protocolVersion,
    };
  }

  async #until(tenant: TenantId, stream: StreamName, at: Position): Promise<readonly RecordedEvent[]> {
    const name = `${tenant}/${stream}`;
    let loading = this.#streams.get(name);
    if (!loading) {
      loading = this.#store.load(tenant, stream).then(({ events }) => events);
      this.#streams.set(name, loading);
    }
    return (await loading).filter(({ position, type }) => position <= at && type !== 'Forgotten');
  }
}

/** Who did what was erased since. */
export const forgotten: Who = {
  ...{ kind: 'system', account: null, email: null, displayName: null, device: null, name: null },
  text: 'erased',
};

const nothingKnown: Omit<TheDevice, 'key'> = {
  deviceId: null,
  deviceType: null,
  model: null,
  friendlyName: null,
  os: null,
  userAgent: null,
  protocolVersion: null,
};

function inWords({ kind, email, account, device, name }: Omit<Who, 'text'>): string {
  const person = email ?? (account ? `account ${account}` : '');
  if (kind === 'device' && device) {
    const model = device.model ?? device.deviceType ?? 'device';
    return `${person}, ${model} ${device.deviceId ?? device.key}`;
  }
  if (kind === 'office') return name ? `office: ${name} (${person})` : `office of ${person}`;
  if (kind === 'admin') return name ? `administrator ${name}` : 'administrator';
  return 'MobileSync';
}
