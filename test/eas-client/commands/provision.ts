/** Provision in two phases (MS-ASPROV 3.1.5.1), and Settings DeviceInformation (MS-ASCMD 2.2.1.18). */
import { Provision, Settings } from '../../../adapters/activesync/wbxml/code-pages/index.ts';
import type { Element } from '../../../adapters/activesync/wbxml/element.ts';
import { encodeTree } from '../../../adapters/activesync/wbxml/writer.ts';
import { type EasClient, ProtocolError, StatusError } from '../client.ts';
import { at, el, numberAt } from '../elements.ts';

export interface DeviceInformation {
  readonly model: string;
  readonly friendlyName: string;
  readonly os: string;
  readonly osLanguage: string;
}

export type ProvisionOutcome =
  | { readonly kind: 'accepted'; readonly policy: Element | undefined }
  /** The server has no policy for this device: it goes on without one. */
  | { readonly kind: 'no policy' }
  /** The server orders the device, or the account on it, to be wiped; the order was acknowledged. */
  | { readonly kind: 'wipe'; readonly accountOnly: boolean };

const policyType = 'MS-EAS-Provisioning-WBXML';

/** Asks for the policy and accepts it; the client holds the new policy key after. @throws StatusError */
export async function provision(client: EasClient, device: DeviceInformation): Promise<ProvisionOutcome> {
  const asked = el(Provision.Policies, [el(Provision.Policy, [el(Provision.PolicyType, policyType)])]);
  const information = client.version >= 141 ? [deviceInformation(device)] : [];
  client.policyKey = '0';
  const offer = await exchange(client, [...information, asked]);
  for (const wipe of [Provision.RemoteWipe, Provision.AccountOnlyRemoteWipe]) {
    if (!at(offer, wipe)) continue;
    await exchange(client, [el(wipe, [el(Provision.Status, '1')])]);
    return { kind: 'wipe', accountOnly: wipe === Provision.AccountOnlyRemoteWipe };
  }
  const policy = at(offer, Provision.Policies, Provision.Policy);
  const status = numberAt(policy, Provision.Status);
  if (status === 2) return { kind: 'no policy' };
  if (status !== 1) throw new StatusError('Provision', status ?? 0);
  const temporary = at(policy, Provision.PolicyKey)?.text ?? '';
  client.policyKey = temporary;
  const acknowledged = el(Provision.Policy, [
    el(Provision.PolicyType, policyType),
    el(Provision.PolicyKey, temporary),
    el(Provision.Status, '1'),
  ]);
  const final = await exchange(client, [el(Provision.Policies, [acknowledged])]);
  const key = at(final, Provision.Policies, Provision.Policy, Provision.PolicyKey)?.text;
  if (!key) throw new ProtocolError('Provision gave no policy key for the acknowledgement');
  client.policyKey = key;
  return { kind: 'accepted', policy: at(policy, Provision.Data, Provision.EASProvisionDoc) };
}

async function exchange(client: EasClient, children: readonly Element[]): Promise<Element> {
  const { root } = await client.send('Provision', encodeTree(el(Provision.Provision, children)));
  const status = numberAt(root, Provision.Status);
  if (!root || status !== 1) throw new StatusError('Provision', status ?? 0);
  return root;
}

/** Tells the server what the device is. @throws StatusError */
export async function sendDeviceInformation(client: EasClient, device: DeviceInformation): Promise<void> {
  const body = encodeTree(el(Settings.Settings, [deviceInformation(device)]));
  const { root } = await client.send('Settings', body);
  const status = numberAt(root, Settings.DeviceInformation, Settings.Status) ?? numberAt(root, Settings.Status);
  if (status !== 1) throw new StatusError('Settings', status ?? 0);
}

function deviceInformation(device: DeviceInformation): Element {
  return el(Settings.DeviceInformation, [
    el(Settings.Set, [
      el(Settings.Model, device.model),
      el(Settings.FriendlyName, device.friendlyName),
      el(Settings.OS, device.os),
      el(Settings.OSLanguage, device.osLanguage),
    ]),
  ]);
}
