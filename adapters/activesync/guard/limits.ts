/** What no phone needs and no phone does that works; 0 leaves the limit out. */
export interface GuardLimits {
  /** Requests of one device a minute that bring nothing new. Those that get on weigh a tenth. */
  readonly requestsPerMinute: number;
  /** The same request of one device a minute, while none of its keys moves. */
  readonly repeatsPerMinute: number;
  /** Devices of one account that come for the first time and are not recognised. */
  readonly newDevicesPerHour: number;
}

export const defaultGuardLimits: GuardLimits = {
  requestsPerMinute: 600,
  repeatsPerMinute: 20,
  newDevicesPerHour: 10,
};

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
/** How long a folder that begins anew, or a key that does not move, is remembered. */
export const stuckWithinMs = 600_000;
/** A phone begins a folder anew when it is told to; three answers may be lost. */
export const beginsMax = 8;
/** A phone whose answers are lost goes on writing, and sends more with each attempt. */
export const stuckMax = 10;
