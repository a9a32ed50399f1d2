import { createSecretKey } from 'node:crypto';
import { keyBytes, openWith, sealWith } from './envelope.ts';

/** Wraps the keys of owners. Kept outside the database: without it nothing in there can be read. */
export interface MasterKey {
  wrap(key: Uint8Array, name: string): Uint8Array;
  /** @throws SealBroken when another master key wrapped it. */
  unwrap(wrapped: Uint8Array, name: string): Uint8Array;
}

/** @throws Error unless there are 32 bytes. */
export function masterKey(bytes: Uint8Array): MasterKey {
  if (bytes.byteLength !== keyBytes) throw new Error(`a master key has ${keyBytes} bytes`);
  const key = createSecretKey(bytes);
  return {
    wrap: (plain, name) => sealWith(key, plain, `master\n${name}`),
    unwrap: (wrapped, name) => openWith(key, wrapped, `master\n${name}`),
  };
}

/** @throws Error unless `text` is 32 bytes in base64. The message does not repeat the text. */
export function masterKeyFromBase64(text: string): MasterKey {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed, 'base64');
  if (bytes.byteLength !== keyBytes || !/^[A-Za-z0-9+/_-]+=*$/.test(trimmed))
    throw new Error(`MASTER_KEY is not ${keyBytes} bytes in base64`);
  return masterKey(bytes);
}
