/** Whether two DeviceIds of one person may be one device. */
import type { Device } from './state.ts';

/**
 * Only what a change of DeviceId, a backup put on a newer phone and an upgrade leave as it is counts: the sort of device,
 * and whose program it is. A device that was blocked or wiped hands nothing on.
 */
export function maySucceed(now: Device, former: Device): boolean {
  return (
    former.account === now.account &&
    !former.blocked &&
    former.wipe.kind === 'none' &&
    former.client.deviceType.toLowerCase() === now.client.deviceType.toLowerCase() &&
    programOf(former.client.userAgent) === programOf(now.client.userAgent)
  );
}

/** `Apple-iPhone14C2/2001.1` and `Apple-iPhone15C3/2105.9` are one program: what comes before the first number. */
function programOf(userAgent: string): string {
  return (/^[^\d/]*/.exec(userAgent)?.[0] ?? '').toLowerCase();
}
