import { hash } from 'node:crypto';
import { BlobBroken, type BlobHash, BlobTooLarge, maxBlobBytes } from './port.ts';

/** The name of bytes to be stored. @throws BlobTooLarge */
export function nameOf(sealed: Uint8Array): BlobHash {
  if (sealed.length > maxBlobBytes) throw new BlobTooLarge(`a blob of ${sealed.length} bytes`);
  return hash('sha256', sealed, 'hex');
}

/** The bytes, when they are those of the name. @throws BlobBroken */
export function verified(name: BlobHash, stored: Uint8Array): Uint8Array {
  if (hash('sha256', stored, 'hex') !== name) throw new BlobBroken(`blob ${name} holds other bytes`);
  return stored;
}
