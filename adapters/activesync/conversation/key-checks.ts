/** The check in a sync key: an HMAC under the server's key over who the key was issued to. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { KeyCheck } from '../../../domain/sync/key.ts';

export class KeyChecks {
  readonly #secret: KeyObject;

  /** @param secret 32 bytes, the same after every restart: keys that phones hold depend on it. */
  constructor(secret: Uint8Array) {
    this.#secret = createSecretKey(secret);
  }

  of(id: { device: string; collection: string }): KeyCheck {
    return (epoch, counter) => {
      const mac = createHmac('sha256', this.#secret)
        .update(`${id.device}/${id.collection}/${epoch}/${counter}`)
        .digest();
      return String(mac.readUInt32BE(0) % 100_000_000).padStart(8, '0');
    };
  }
}
