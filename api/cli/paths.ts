/** Where the administration keeps what commands name; paths start after `/admin`. */
import { ConfigError } from '../config.ts';

/** Of a person, named by address. */
export function accountPath(email: string): string {
  return `/accounts/${encodeURIComponent(email)}`;
}

/** Of a person's device, named as it names itself. */
export function devicePath(email: string, deviceId: string): string {
  return `${accountPath(email)}/devices/${encodeURIComponent(deviceId)}`;
}

/** Of an item, whoever it belongs to. */
export function itemPath(item: string): string {
  return `/items/${encodeURIComponent(item)}`;
}

/** `<person>/<deviceId>`, as an option names a device. @param complaint of one that does not. @throws ConfigError */
export function deviceOf(text: unknown, complaint: string): [email: string, deviceId: string] {
  const [email = '', deviceId = ''] = typeof text === 'string' ? text.split('/', 2) : [];
  if (email === '' || deviceId === '') throw new ConfigError(complaint);
  return [email, deviceId];
}
