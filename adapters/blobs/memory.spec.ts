import type { TenantId } from '../../domain/shared/ids.ts';
import { blobContract } from './contract.ts';
import { type MemoryBlob, MemoryBlobStore } from './memory.ts';

blobContract('memory', async () => {
  const tenants = new Map<TenantId, Map<string, MemoryBlob>>();
  return {
    store: new MemoryBlobStore(Date.now, tenants),
    corrupt: async (tenant, hash) => {
      tenants.get(tenant)?.get(hash)?.bytes.set([88]);
    },
  };
});
