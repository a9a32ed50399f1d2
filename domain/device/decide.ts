import type { Decider, Decision } from '../shared/decider.ts';
import type { AccountId, DeviceKey, Instant } from '../shared/ids.ts';
import type { DeviceClient, DeviceEvent, DeviceInformation, WipeScope } from './events.ts';
import { type Device, type DeviceState, evolveDevice, unpaired } from './state.ts';

export type DeviceCommand =
  /** With the first request, and again whenever the device says something else of itself. */
  | { readonly type: 'greet'; readonly account: AccountId; readonly deviceId: string; readonly client: DeviceClient }
  | { readonly type: 'inform'; readonly information: DeviceInformation }
  /** Keys are drawn by the caller, at random: a policy key that can be guessed is no proof. */
  | { readonly type: 'offerPolicy'; readonly policy: string; readonly policyKey: string }
  | {
      readonly type: 'acknowledgePolicy';
      readonly temporaryKey: string;
      readonly policyKey: string;
      /** MS-ASPROV 2.2.2.54.2: 1 applied, 2 applied in part, 3 not applied, 4 managed by someone else. */
      readonly status: number;
    }
  | { readonly type: 'requestWipe'; readonly scope: WipeScope }
  | { readonly type: 'cancelWipe' }
  | { readonly type: 'acknowledgeWipe'; readonly done: boolean }
  | { readonly type: 'block'; readonly reason?: string }
  | { readonly type: 'unblock' }
  /** Asked again, the later word counts. */
  | { readonly type: 'watch'; readonly until: Instant }
  | { readonly type: 'endWatch' }
  /** It came with keys that were issued to the other. */
  | { readonly type: 'succeed'; readonly former: DeviceKey }
  | { readonly type: 'remove' };

/**
 * `unknown`: not paired. `otherAccount`: the key belongs to another person. `wrongPolicyKey`: acknowledges what was
 * not offered. `policyNotApplied`: the device says it did not apply the policy. `wipeNotRequested`.
 */
export type DeviceRefusal = 'unknown' | 'otherAccount' | 'wrongPolicyKey' | 'policyNotApplied' | 'wipeNotRequested';

type Outcome = Decision<DeviceEvent, DeviceRefusal>;

const accept = (...events: DeviceEvent[]): Outcome => ({ kind: 'accepted', events });
const refuse = (reason: DeviceRefusal): Outcome => ({ kind: 'refused', reason });

function sameClient(one: DeviceClient, other: DeviceClient): boolean {
  return (
    one.userAgent === other.userAgent &&
    one.protocolVersion === other.protocolVersion &&
    one.deviceType === other.deviceType
  );
}

function sameInformation(one: DeviceInformation, other: DeviceInformation): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof DeviceInformation>;
  return [...keys].every((key) => one[key] === other[key]);
}

function acknowledgePolicy(device: Device, command: DeviceCommand & { type: 'acknowledgePolicy' }): Outcome {
  const { temporaryKey, policyKey, status } = command;
  if (device.accepted?.temporaryKey === temporaryKey) return accept();
  if (device.offered?.policyKey !== temporaryKey) return refuse('wrongPolicyKey');
  if (status !== 1 && status !== 2) return refuse('policyNotApplied');
  return accept({ type: 'PolicyAcknowledged', version: 1, data: { temporaryKey, policyKey, partially: status === 2 } });
}

function decidePaired(device: Device, command: DeviceCommand): Outcome {
  switch (command.type) {
    case 'greet':
      if (device.account !== command.account) return refuse('otherAccount');
      if (sameClient(device.client, command.client)) return accept();
      return accept({ type: 'DeviceClientChanged', version: 1, data: command.client });
    case 'inform':
      if (sameInformation(device.information, command.information)) return accept();
      return accept({ type: 'DeviceInformationChanged', version: 1, data: command.information });
    case 'offerPolicy':
      return accept({
        type: 'PolicyOffered',
        version: 1,
        data: { policyKey: command.policyKey, policy: command.policy },
      });
    case 'acknowledgePolicy':
      return acknowledgePolicy(device, command);
    case 'requestWipe':
      if (device.wipe.kind === 'requested' && device.wipe.scope === command.scope) return accept();
      return accept({ type: 'WipeRequested', version: 1, data: { scope: command.scope } });
    case 'cancelWipe':
      return device.wipe.kind === 'requested' ? accept({ type: 'WipeCancelled', version: 1, data: {} }) : accept();
    case 'acknowledgeWipe':
      if (device.wipe.kind === 'none') return refuse('wipeNotRequested');
      if (device.wipe.kind === 'done') return accept();
      return accept({
        type: 'WipeAcknowledged',
        version: 1,
        data: { scope: device.wipe.scope, done: command.done },
      });
    case 'block':
      if (device.blocked) return accept();
      return accept({
        type: 'DeviceBlocked',
        version: 1,
        data: command.reason === undefined ? {} : { reason: command.reason },
      });
    case 'unblock':
      if (!device.blocked && device.wipe.kind !== 'done') return accept();
      return accept({ type: 'DeviceUnblocked', version: 1, data: {} });
    case 'watch':
      if (device.watchedUntil === command.until) return accept();
      return accept({ type: 'DeviceWatched', version: 1, data: { until: command.until } });
    case 'endWatch':
      return device.watchedUntil ? accept({ type: 'DeviceWatchEnded', version: 1, data: {} }) : accept();
    case 'succeed':
      if (device.former === command.former) return accept();
      return accept({ type: 'DeviceSucceeded', version: 1, data: { former: command.former } });
    case 'remove':
      return accept({ type: 'DeviceRemoved', version: 1, data: {} });
  }
}

export function decideDevice(state: DeviceState, command: DeviceCommand): Outcome {
  if (state.kind === 'device') return decidePaired(state, command);
  if (command.type === 'greet') {
    const { account, deviceId, client } = command;
    return accept({ type: 'DevicePaired', version: 1, data: { account, deviceId, ...client } });
  }
  return command.type === 'remove' ? accept() : refuse('unknown');
}

export const deviceDecider: Decider<DeviceState, DeviceCommand, DeviceEvent, DeviceRefusal> = {
  initial: unpaired,
  evolve: evolveDevice,
  decide: decideDevice,
};
