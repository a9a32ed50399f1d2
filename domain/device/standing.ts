import type { WipeScope } from './events.ts';
import type { Device } from './state.ts';

/**
 * Whether a device may work now, and if not, what it must be told. The common statuses of MS-ASCMD 2.2.2 are:
 * `blocked` 129, `wipe` 140, `notProvisioned` 142, `policyRefresh` 143, `invalidPolicyKey` 144; with 12.1 HTTP 403
 * and 449.
 */
export type Standing =
  | { readonly kind: 'welcome' }
  | { readonly kind: 'blocked'; readonly because: 'blocked' | 'wiped' }
  | { readonly kind: 'wipe'; readonly scope: WipeScope }
  | { readonly kind: 'notProvisioned' }
  | { readonly kind: 'policyRefresh' }
  | { readonly kind: 'invalidPolicyKey' };

const welcome: Standing = { kind: 'welcome' };

/**
 * @param policy the name of the rules the account asks for; `none` asks for nothing.
 * @param policyKey what the request carried; undefined or `0` is none.
 *
 * A wiped device stays out until someone lets it in again: it may be in a stranger's hands, with the password in it.
 */
export function standingOf(device: Device, policy: string, policyKey: string | undefined): Standing {
  if (device.blocked) return { kind: 'blocked', because: 'blocked' };
  if (device.wipe.kind === 'requested') return { kind: 'wipe', scope: device.wipe.scope };
  if (device.wipe.kind === 'done') return { kind: 'blocked', because: 'wiped' };
  if (policy === 'none') return welcome;
  if (!device.accepted) return { kind: 'notProvisioned' };
  if (device.accepted.policy !== policy) return { kind: 'policyRefresh' };
  if (policyKey === undefined || policyKey === '0') return { kind: 'notProvisioned' };
  return device.accepted.policyKey === policyKey ? welcome : { kind: 'invalidPolicyKey' };
}
