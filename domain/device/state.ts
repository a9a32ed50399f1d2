import type { AccountId, DeviceKey, Instant } from '../shared/ids.ts';
import type { DeviceClient, DeviceEvent, DeviceInformation, WipeScope } from './events.ts';

/** A policy the device accepted. `temporaryKey` is kept so that a repeated acknowledgement has the same answer. */
export interface AcceptedPolicy {
  readonly policy: string;
  readonly policyKey: string;
  readonly temporaryKey: string;
}

export type Wipe =
  | { readonly kind: 'none' }
  | { readonly kind: 'requested'; readonly scope: WipeScope }
  | { readonly kind: 'done'; readonly scope: WipeScope };

export interface Device {
  readonly kind: 'device';
  readonly account: AccountId;
  /** As the device wrote it first. */
  readonly deviceId: string;
  readonly client: DeviceClient;
  readonly information: DeviceInformation;
  readonly offered: { readonly policy: string; readonly policyKey: string } | undefined;
  readonly accepted: AcceptedPolicy | undefined;
  readonly wipe: Wipe;
  readonly blocked: boolean;
  /** What it asks and is answered is kept in full until then; undefined when nobody asked for that. */
  readonly watchedUntil?: Instant;
  /** Whose keys it came with; absent for a device that began by itself. */
  readonly former?: DeviceKey;
}

export type DeviceState = { readonly kind: 'unpaired' } | Device;

export const unpaired: DeviceState = { kind: 'unpaired' };

function evolvePaired(device: Device, event: DeviceEvent): DeviceState {
  switch (event.type) {
    case 'DevicePaired':
      return device;
    case 'DeviceClientChanged':
      return { ...device, client: event.data };
    case 'DeviceInformationChanged':
      return { ...device, information: event.data };
    case 'PolicyOffered':
      return { ...device, offered: event.data };
    case 'PolicyAcknowledged': {
      const { temporaryKey, policyKey } = event.data;
      const policy = device.offered?.policy ?? device.accepted?.policy ?? 'none';
      return { ...device, offered: undefined, accepted: { policy, policyKey, temporaryKey } };
    }
    case 'WipeRequested':
      return { ...device, wipe: { kind: 'requested', scope: event.data.scope } };
    case 'WipeCancelled':
      return { ...device, wipe: { kind: 'none' } };
    case 'WipeAcknowledged': {
      if (!event.data.done) return device;
      const wipe: Wipe = { kind: 'done', scope: event.data.scope };
      return { ...device, wipe, offered: undefined, accepted: undefined };
    }
    case 'DeviceBlocked':
      return { ...device, blocked: true };
    case 'DeviceUnblocked':
      return { ...device, blocked: false, wipe: device.wipe.kind === 'done' ? { kind: 'none' } : device.wipe };
    case 'DeviceWatched':
      return { ...device, watchedUntil: event.data.until as Instant };
    case 'DeviceWatchEnded':
      return { ...device, watchedUntil: undefined };
    case 'DeviceSucceeded':
      return { ...device, former: event.data.former as DeviceKey };
    case 'DeviceRemoved':
      return unpaired;
  }
}

export function evolveDevice(state: DeviceState, event: DeviceEvent): DeviceState {
  if (state.kind === 'device') return evolvePaired(state, event);
  if (event.type !== 'DevicePaired') return state;
  const { account, deviceId, ...client } = event.data;
  return {
    kind: 'device',
    account: account as AccountId,
    deviceId,
    client,
    information: {},
    offered: undefined,
    accepted: undefined,
    wipe: { kind: 'none' },
    blocked: false,
  };
}
