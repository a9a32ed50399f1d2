/** Where the administration keeps what commands name; paths start after `/admin`. */
import { ConfigError } from '../config.ts';

export function accountPath(email: string): string {
  return `/accounts/${encodeURIComponent(email)}`;
}

export function devicePath(email: string, deviceId: string): string {
  return `${accountPath(email)}/devices/${encodeURIComponent(deviceId)}`;
}

export function itemPath(item: string): string {
  return `/items/${encodeURIComponent(item)}`;
}

/** `<person>/<deviceId>`, as an option names a device. @param complaint of one that does not. @throws ConfigError */
export function deviceOf(text: unknown, complaint: string): [email: string, deviceId: string] {
  const [email = '', deviceId = ''] = typeof text === 'string' ? text.split('/', 2) : [];
  if (email === '' || deviceId === '') throw new ConfigError(complaint);
  return [email, deviceId];
}
