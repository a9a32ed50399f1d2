/** Keys and long bodies for a sandbox: those there are can be read, and those that it makes stay with it. */
import type { TenantId } from '../../domain/shared/ids.ts';
import { nameOf } from '../blobs/hash.ts';
import type { BlobHash, BlobStore } from '../blobs/port.ts';
import type { KeyRing } from '../crypto.port.ts';

/** @param own a ring in memory, for the keys of what the sandbox adds. */
export function keysApart(real: Pick<KeyRing, 'find'>, own: KeyRing): KeyRing {
  return {
    async ensure(tenant, subjects) {
      const found = await real.find(
        tenant,
        subjects.map(({ subject }) => subject),
      );
      const missing = subjects.filter(({ subject }) => !found.has(subject));
      return missing.length === 0 ? found : new Map([...found, ...(await own.ensure(tenant, missing))]);
    },
    async find(tenant, subjects) {
      const found = await real.find(tenant, subjects);
      const missing = subjects.filter((subject) => !found.has(subject));
      return missing.length === 0 ? found : new Map([...found, ...(await own.find(tenant, missing))]);
    },
    destroy: async () => {
      throw new Error('nothing is erased in a sandbox');
    },
  };
}

/** Blobs that are put stay in memory, and hide those of the real store. */
export function blobsApart(real: Pick<BlobStore, 'get'>): BlobStore {
  const own = new Map<BlobHash, Uint8Array>();
  const get = async (tenant: TenantId, hash: BlobHash) => own.get(hash) ?? (await real.get(tenant, hash));
  return {
    get,
    async put(_, sealed) {
      const hash = nameOf(sealed);
      own.set(hash, Uint8Array.from(sealed));
      return hash;
    },
    has: async (tenant, hash) => (await get(tenant, hash)) !== undefined,
    list: async () => [],
    remove: async (_, hashes) => hashes.filter((hash) => own.delete(hash)).length,
  };
}
