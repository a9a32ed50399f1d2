/** A device, or what it does, that is answered 503 for a while. */
import type { AccountId, DeviceKey, TenantId } from '../../../domain/shared/ids.ts';
import { hourMs } from './limits.ts';

/**
 * `repeated`: the same request again and again. `stuckKey`: changes sent again and again with a key that does not move.
 * `beginsAnew`: SyncKey 0 again and again. `newDevices`: many devices of an account. `storm`: too many requests at all.
 */
export type BrakeReason = 'repeated' | 'stuckKey' | 'beginsAnew' | 'newDevices' | 'storm';

export interface Brake {
  readonly reason: BrakeReason;
  readonly tenant: TenantId;
  readonly account: AccountId;
  readonly device: DeviceKey;
  /** As the device writes it. */
  readonly deviceId: string;
  /** What is braked: a command, or a folder; '' is all of it. */
  readonly scope: string;
  /** When it was braked first, if it never rested for an hour since. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How often it was braked since then, each time for longer. */
  readonly times: number;
  /** Requests that were turned away since then. */
  readonly refused: number;
}

const firstMs = 30_000;
const longestMs = 900_000;

export type Braking = Pick<Brake, 'reason' | 'tenant' | 'account' | 'device' | 'deviceId' | 'scope'>;

/** Brakes, for twice as long as the last time when the last is not long ago. */
export function braked(braking: Braking, before: Brake | undefined, nowMs: number): Brake {
  const again = before && nowMs - before.untilMs < hourMs ? before : undefined;
  const times = (again?.times ?? 0) + 1;
  const forMs = Math.min(firstMs * 2 ** (times - 1), longestMs);
  const refused = again?.refused ?? 0;
  return { ...braking, sinceMs: again?.sinceMs ?? nowMs, untilMs: nowMs + forMs, times, refused };
}
