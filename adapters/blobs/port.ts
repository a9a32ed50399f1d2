/**
 * Content-addressed storage of what is too long for an event: long bodies and attachments. It stores sealed bytes
 * (see `sealed.ts`) and names them by their SHA-256, so what is named cannot change, and a store can be swept.
 */
import type { TenantId } from '../../domain/shared/ids.ts';

/** SHA-256 of the stored bytes, 64 lower-case hexadecimal digits. */
export type BlobHash = string;

export interface BlobStore {
  /**
   * Stores the bytes; storing them again is no error and makes them young again for `sweep`.
   * @throws BlobTooLarge over `maxBlobBytes`.
   */
  put(tenant: TenantId, sealed: Uint8Array): Promise<BlobHash>;
  /**
   * Undefined when the tenant has no such blob.
   * @throws BlobBroken when the stored bytes are no longer those that were named.
   */
  get(tenant: TenantId, hash: BlobHash): Promise<Uint8Array | undefined>;
  has(tenant: TenantId, hash: BlobHash): Promise<boolean>;
  /** Hashes stored before an instant (ISO 8601), in order of hash, after `after`, at most `limit`. */
  list(tenant: TenantId, options: { storedBefore: string; after?: BlobHash; limit: number }): Promise<BlobHash[]>;
  /**
   * Removes those of the hashes that nobody has stored since `storedBefore`: what was stored again while the caller
   * looked for references stays. Answers how many are gone.
   */
  remove(tenant: TenantId, hashes: readonly BlobHash[], storedBefore: string): Promise<number>;
}

/** Larger than any attachment a phone may send. */
export const maxBlobBytes = 33_554_432;

export class BlobTooLarge extends Error {
  override readonly name = 'BlobTooLarge';
}

export class BlobBroken extends Error {
  override readonly name = 'BlobBroken';
}
