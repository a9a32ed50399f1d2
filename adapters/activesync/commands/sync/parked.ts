/**
 * Waits until one of the topics moves, the time is over, or the request ends. One parked Sync a device: a newer one
 * ends it, since the phone has given up on the older.
 */
import type { DeviceKey, TenantId } from '../../../../domain/shared/ids.ts';
import type { FolderHeads } from '../../wake/folder-heads.ts';

export type Woken = 'moved' | 'timeout' | 'closed';

export class ParkedSyncs {
  readonly #heads: FolderHeads;
  readonly #ends = new Map<DeviceKey, (woken: Woken) => void>();

  constructor(heads: FolderHeads) {
    this.#heads = heads;
  }

  /** The request before, if it is still waiting, is answered as if its time were over. */
  endFormer(device: DeviceKey): void {
    this.#ends.get(device)?.('timeout');
  }

  wait(
    device: DeviceKey,
    tenant: TenantId,
    topics: readonly string[],
    timeoutMs: number,
    onClose: (end: () => void) => void,
  ): Promise<Woken> {
    this.endFormer(device);
    return new Promise((resolve) => {
      const end = (woken: Woken): void => {
        unpark();
        clearTimeout(timer);
        if (this.#ends.get(device) === end) this.#ends.delete(device);
        resolve(woken);
      };
      const unpark = this.#heads.park(tenant, topics, () => end('moved'));
      const timer = setTimeout(() => end('timeout'), timeoutMs);
      this.#ends.set(device, end);
      onClose(() => end('closed'));
    });
  }
}
