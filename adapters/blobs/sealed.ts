/**
 * Blobs in clear, above the store: sealed by the subject's key, so that destroying the key erases them.
 */
import type { TenantId } from '../../domain/shared/ids.ts';
import type { DataKey } from '../crypto.port.ts';
import type { BlobHash, BlobStore } from './port.ts';

/** Binds the sealed bytes to their tenant and use: they open nowhere else. */
function contextOf(tenant: TenantId): string {
  return `blob:${tenant}`;
}

/** Sealing is never twice the same, so equal contents get different names: a name tells nothing of its content. */
export function putSealed(store: BlobStore, tenant: TenantId, key: DataKey, plain: Uint8Array): Promise<BlobHash> {
  return store.put(tenant, key.seal(plain, contextOf(tenant)));
}

/** @throws SealBroken when the blob was sealed by another key. */
export async function getSealed(
  store: BlobStore,
  tenant: TenantId,
  key: DataKey,
  hash: BlobHash,
): Promise<Uint8Array | undefined> {
  const sealed = await store.get(tenant, hash);
  return sealed && key.open(sealed, contextOf(tenant));
}
