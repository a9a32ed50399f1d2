/** AES-256-GCM as a self-describing envelope: version byte ‖ nonce (12) ‖ ciphertext ‖ tag (16). */
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const overhead = 1 + nonceBytes + tagBytes;
export const keyBytes = 32;

/** The bytes were changed, belong to another context, or were sealed with another key. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

// Random bytes are dear to fetch one nonce at a time.
const pool = Buffer.allocUnsafeSlow(nonceBytes * 256);
let used = pool.length;

function nonce(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += nonceBytes;
  return pool.subarray(used - nonceBytes, used);
}

/**
 * A `KeyObject` is several times faster than the bytes of a key, which would be made into one at every call.
 * `aad` is authenticated and not part of the result. A random nonce allows 2^32 seals with one key.
 */
export function sealWith(key: KeyObject, plain: Uint8Array, aad: string): Buffer {
  const iv = nonce();
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(aad, 'utf8'));
  const sealed = Buffer.allocUnsafe(overhead + plain.byteLength);
  sealed[0] = version;
  iv.copy(sealed, 1);
  sealed.set(cipher.update(plain), 1 + nonceBytes);
  cipher.final();
  sealed.set(cipher.getAuthTag(), sealed.length - tagBytes);
  return sealed;
}

/** @throws SealBroken */
export function openWith(key: KeyObject, sealed: Uint8Array, aad: string): Buffer {
  if (sealed.byteLength < overhead || sealed[0] !== version) throw new SealBroken('these bytes were never sealed');
  const iv = sealed.subarray(1, 1 + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(aad, 'utf8'));
  decipher.setAuthTag(sealed.subarray(sealed.byteLength - tagBytes));
  const plain = decipher.update(sealed.subarray(1 + nonceBytes, sealed.byteLength - tagBytes));
  try {
    decipher.final();
  } catch (error) {
    throw new SealBroken('the seal is broken', { cause: error });
  }
  return plain;
}
