/** How much of one device is kept within an hour, so that one that runs wild does not fill the disk. */
import { LRUCache } from 'lru-cache';
import type { DeviceKey } from '../../domain/shared/ids.ts';

export interface Limits {
  readonly rows: number;
  readonly bodies: number;
  readonly bodyBytes: number;
}

/** For each device and hour. What is beyond is counted only. */
export const ordinaryLimits: Limits = { rows: 3_000, bodies: 60, bodyBytes: 16_000_000 };
export const watchedLimits: Limits = { rows: 20_000, bodies: 5_000, bodyBytes: 256_000_000 };

const hourMs = 3_600_000;
const devicesMax = 20_000;

interface Used {
  hour: number;
  rows: number;
  bodies: number;
  bodyBytes: number;
}

export class Allowances {
  readonly #used = new LRUCache<DeviceKey, Used>({ max: devicesMax });

  /** Takes a row; false when there are enough of this device. */
  row(device: DeviceKey, nowMs: number, limits: Limits): boolean {
    const used = this.#of(device, nowMs);
    if (used.rows >= limits.rows) return false;
    used.rows++;
    return true;
  }

  body(device: DeviceKey, nowMs: number, bytes: number, limits: Limits): boolean {
    const used = this.#of(device, nowMs);
    if (used.bodies >= limits.bodies || used.bodyBytes + bytes > limits.bodyBytes) return false;
    used.bodies++;
    used.bodyBytes += bytes;
    return true;
  }

  #of(device: DeviceKey, nowMs: number): Used {
    const hour = Math.floor(nowMs / hourMs);
    const used = this.#used.get(device);
    if (used?.hour === hour) return used;
    const fresh = { hour, rows: 0, bodies: 0, bodyBytes: 0 };
    this.#used.set(device, fresh);
    return fresh;
  }
}
