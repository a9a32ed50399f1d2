/**
 * The sync key on the wire: digits only, since that is what phones have seen most. It names the epoch and the counter
 * and carries a check of who it was issued to, so that a key of another folder or device is recognised as never
 * issued here. Layout: number of digits of the epoch, epoch, check (8 digits), counter.
 */
import type { KeyParts } from './decide.ts';

/** Eight digits derived under the server's key from conversation, epoch and counter. */
export type KeyCheck = (epoch: number, counter: number) => string;

export function formatKey(parts: KeyParts, check: KeyCheck): string {
  const epoch = String(parts.epoch);
  return `${epoch.length}${epoch}${check(parts.epoch, parts.counter)}${parts.counter}`;
}

/** What a key names, as `epoch.counter`, whoever made it; `0` stays, and what has no such shape is ''. */
export function keyName(text: string): string {
  if (text === '0') return '0';
  if (!/^[1-9]\d{10,30}$/.test(text)) return '';
  const digits = Number(text[0]);
  return `${text.slice(1, 1 + digits)}.${text.slice(9 + digits)}`;
}

/** Null for what was never issued: wrong shape or wrong check. */
export function parseKey(text: string, check: KeyCheck): KeyParts | null {
  if (!/^[1-9]\d{10,30}$/.test(text)) return null;
  const digits = Number(text[0]);
  const epoch = Number(text.slice(1, 1 + digits));
  const counter = Number(text.slice(9 + digits));
  if (text.length < 10 + digits || !Number.isSafeInteger(counter) || counter < 1 || epoch < 1) return null;
  return formatKey({ epoch, counter }, check) === text ? { epoch, counter } : null;
}
