/**
 * Ids derived from what they name, by UUID version 5 (RFC 9562 §5.5): the same thing has the same id on every machine
 * and after every restart, and nobody needs to ask a database for it. On the wire they are base32 in lower case
 * (RFC 4648 §6, without padding), since clients compare some ids without regard to case.
 */
import { v5 } from 'uuid';
import type { AccountId, CollectionId, CommandId, DeviceKey, ItemId, TenantId } from '../domain/shared/ids.ts';

/** Namespaces of our own, so that an account and a folder of the same text differ. Never change them. */
const namespaces = {
  account: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b01',
  collection: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b02',
  device: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b03',
  command: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b04',
  item: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b05',
  batch: 'b7f8e0f6-0d2a-5c5e-9a55-4d1f0a6f6b21',
} as const;

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array, bits: number): string {
  let text = '';
  for (let at = 0; at < bits; at += 5) {
    const byte = at >> 3;
    const window = ((bytes[byte] ?? 0) << 8) | (bytes[byte + 1] ?? 0);
    text += alphabet[(window >> (11 - (at & 7))) & 31];
  }
  return text;
}

/** Parts joined so that no two different lists give the same text: every part is preceded by its length. */
function join(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('');
}

function derive(namespace: string, parts: readonly string[], bits: number): string {
  const bytes = new Uint8Array(16);
  v5(join(parts), namespace, bytes);
  return base32(bytes, bits);
}

/** A company is the domain of its people's addresses, in lower case. @throws when the address has no domain. */
export function tenantOf(email: string): TenantId {
  const at = email.lastIndexOf('@');
  if (at < 1 || at === email.length - 1) throw new Error('An address needs a local part and a domain.');
  return email.slice(at + 1).toLowerCase() as TenantId;
}

/** 20 characters `[a-z2-7]`. `generation` tells a new account from an erased one of the same address. */
export function accountIdFrom(tenant: TenantId, email: string, generation = 0): AccountId {
  const parts = [tenant, email.toLowerCase()];
  return derive(namespaces.account, generation === 0 ? parts : [...parts, String(generation)], 100) as AccountId;
}

/** 16 characters `[a-z2-7]`: what the wire calls CollectionId. `name` tells the folders of one account apart. */
export function collectionIdFrom(account: AccountId, name: string): CollectionId {
  return derive(namespaces.collection, [account, name], 80) as CollectionId;
}

/** 20 characters `[a-z2-7]`. Clients vary the case of their DeviceId, so it does not count. */
export function deviceKeyFrom(account: AccountId, deviceId: string): DeviceKey {
  return derive(namespaces.device, [account, deviceId.toLowerCase()], 100) as DeviceKey;
}

/** The id of what this command makes: 26 characters `[a-z2-7]`, all 128 bits. `index` when it makes several. */
export function itemIdFrom(command: CommandId, index = 0): ItemId {
  return derive(namespaces.item, [command, String(index)], 128) as ItemId;
}

/** 12 characters `[a-z2-7]`, short enough to be said: what a device was kept from by the guard against mass deletes. */
export function batchIdFrom(command: CommandId): string {
  return derive(namespaces.batch, [command], 60);
}

/** The id of a command from what makes it itself; equal parts are a repeat of the same command. */
export function commandIdFrom(parts: readonly string[]): CommandId {
  return v5(join(parts), namespaces.command) as CommandId;
}
