/** Envelope encryption: a data key per subject, wrapped by its owner's key, which the master key wraps. */
import type { SubjectId, TenantId } from '../domain/shared/ids.ts';

export interface DataKey {
  readonly subject: SubjectId;
  /** AES-256-GCM; output is version byte ‖ nonce ‖ ciphertext ‖ tag. `context` is authenticated, not stored. */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** @throws SealBroken when the bytes were changed or belong to another context. */
  open(sealed: Uint8Array, context: string): Uint8Array;
}

export interface KeyRing {
  /** The keys of the subjects, made where missing, in one round trip at most. */
  ensure(
    tenant: TenantId,
    subjects: readonly { subject: SubjectId; owner: SubjectId }[],
  ): Promise<Map<SubjectId, DataKey>>;
  /** The keys that exist; a destroyed or unknown subject is absent from the map. */
  find(tenant: TenantId, subjects: readonly SubjectId[]): Promise<Map<SubjectId, DataKey>>;
  /** Crypto-shredding: the key is gone, with every key it wraps. The fact that it was is kept. */
  destroy(tenant: TenantId, subject: SubjectId): Promise<void>;
}
