/**
 * Counts the exchanges that had nothing to say, by device, command and hour: they are nearly all there are, so each
 * costs a look-up here, and a row is written for the hour.
 */
import type { AccountId, DeviceKey, TenantId } from '../../domain/shared/ids.ts';

export interface QuietCount {
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  readonly command: string;
  readonly hourMs: number;
  readonly firstMs: number;
  lastMs: number;
  times: number;
}

const anHourMs = 3_600_000;

export class QuietHours {
  #counts = new Map<DeviceKey, QuietCount[]>();
  #size = 0;
  readonly #max: number;

  /** @param max counts at hand; what is beyond is not counted until they are taken. */
  constructor(max = 100_000) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** False when there is no room. */
  count(
    who: { readonly tenant: TenantId; readonly account: AccountId; readonly device: DeviceKey },
    command: string,
    atMs: number,
  ): boolean {
    let list = this.#counts.get(who.device);
    if (list !== undefined) {
      for (const one of list) {
        // Requests that waited come after those that did not, and may be of the hour before.
        if (one.command !== command || atMs < one.hourMs || atMs >= one.hourMs + anHourMs) continue;
        one.times++;
        if (atMs > one.lastMs) one.lastMs = atMs;
        return true;
      }
    }
    if (this.#size >= this.#max) return false;
    if (list === undefined) this.#counts.set(who.device, (list = []));
    const { tenant, account, device } = who;
    const hourMs = atMs - (atMs % anHourMs);
    list.push({ tenant, account, device, command, hourMs, firstMs: atMs, lastMs: atMs, times: 1 });
    this.#size++;
    return true;
  }

  /** All counts; from now on they begin anew. */
  take(): QuietCount[] {
    const taken = [...this.#counts.values()].flat();
    this.#counts = new Map();
    this.#size = 0;
    return taken;
  }

  /** Counts that could not be written come back. */
  giveBack(counts: readonly QuietCount[]): void {
    for (const count of counts) {
      const list = this.#counts.get(count.device) ?? [];
      const same = list.find((one) => one.command === count.command && one.hourMs === count.hourMs);
      if (same) {
        list[list.indexOf(same)] = { ...same, firstMs: count.firstMs, times: same.times + count.times };
        continue;
      }
      list.push(count);
      this.#counts.set(count.device, list);
      this.#size++;
    }
  }
}
