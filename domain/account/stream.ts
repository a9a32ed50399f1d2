import type { AccountId, DeviceKey, StreamName } from '../shared/ids.ts';

/** The streams around a person: the account itself, each device, the folders. All sealed by the person's key. */
export const accountStream = (account: AccountId): StreamName => `account-${account}` as StreamName;
export const deviceStream = (device: DeviceKey): StreamName => `device-${device}` as StreamName;
export const foldersStream = (account: AccountId): StreamName => `folders-${account}` as StreamName;

const names = /^(account|device|folders)-([a-z0-9]+)$/;

/** The id in such a name; undefined for other streams. */
export function idOfStream(stream: StreamName, of: 'account' | 'folders'): AccountId | undefined;
export function idOfStream(stream: StreamName, of: 'device'): DeviceKey | undefined;
export function idOfStream(stream: StreamName, of: 'account' | 'device' | 'folders'): string | undefined {
  const match = names.exec(stream);
  return match?.[1] === of ? match[2] : undefined;
}
